import { expect, test } from "@jest/globals";
import { rateLine, throttled } from "../../src/nix/rate.ts";

test.each([
  [12_500_000, 25_100_000, 4, "Nix: 12.5 MB of 25.1 MB, 3.1 MB/s"],
  [12_500_000, undefined, 5, "Nix: 12.5 MB, 2.5 MB/s"],
  [0, 100, 0, "Nix: 0 B of 100 B, 0 B/s"],
])("%i of %s bytes after %i s", (bytes, total, seconds, line) => {
  expect(rateLine("Nix", bytes, total, seconds)).toBe(line);
});

test("a line comes every five seconds, the first one only then, and others are not even made", () => {
  const said: string[] = [];
  let now = 100_000;
  let made = 0;
  const say = throttled(
    (line) => said.push(line),
    () => now,
  );
  for (let second = 0; second <= 12; second += 1) {
    say((since) => {
      made += 1;
      return `after ${since} s`;
    });
    now += 1000;
  }
  expect(said).toEqual(["after 5 s", "after 10 s"]);
  expect(made).toBe(2);
});

test("a work of less than that says nothing", () => {
  const say = throttled(
    () => expect("nothing").toBe("said"),
    () => 0,
  );
  say(() => "a line");
});
