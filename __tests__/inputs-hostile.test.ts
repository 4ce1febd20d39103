import { error } from "@actions/core";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { hostile } from "./support/hostile.ts";
import { loadWith, readActionFile } from "./support/inputs.ts";
import { createLog } from "./support/runner/log.ts";

let written: string;

beforeEach(() => {
  written = "";
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    written += chunk;
    return true;
  });
});

afterEach(() => {
  jest.restoreAllMocks();
});

const names = Object.keys(readActionFile().inputs);
const all = Object.keys(hostile) as (keyof typeof hostile)[];

/** Which of the hostile texts an input takes as data; any other is refused by name. __tests__/e2e/attacks-injected.test.ts runs these. */
const taken: Record<string, string[]> = {
  flake: ["a way out", "100,000 letters"],
  "nix-config": all,
  "github-token": all.filter((what) => !/[\s\p{Cc}]/u.test(hostile[what])),
  "storage-root": [
    ...["a command to the runner", "a mask behind a line separator", "a command in the older form"],
    ...["an escaped line", "the end of all commands", "two commands", "single quotes", "an option"],
    ...["a way out", "100,000 letters"],
  ],
  "cache-key": ["an option"],
  "cache-images": all,
  "job-status": all,
};

/** What an input is not read without. */
const beside: Record<string, Record<string, string>> = {
  "nix-sha256": { "nix-url": "https://example.org/nix.tar.xz" },
};

test.each(names)("%s with a hostile text is refused in one line of the log, or is data", (name) => {
  const accepted: string[] = [];
  for (const [what, value] of Object.entries(hostile)) {
    let message: string | undefined;
    try {
      loadWith({ ...beside[name], [name]: value });
      accepted.push(what);
    } catch (thrown) {
      message = (thrown as Error).message;
      expect(message).toMatch(new RegExp(`^Invalid ${name}[ :]`));
      // As index.ts shows it.
      error(message, { title: "podman-rootless" });
    }
    const masks = new Set<string>();
    const log = createLog({ masks, debug: true });
    log.write(written, "stdout");
    log.end();
    written = "";
    expect({ what, annotations: log.annotations.map((one) => one.message) }).toEqual({
      what,
      annotations: message === undefined ? [] : [message],
    });
    // A token of several lines masks each of them.
    if (name !== "github-token") expect([...masks]).toEqual(["ghs_token"]);
  }
  expect(accepted).toEqual(taken[name] ?? []);
});

test.each(["a b", "a\nb", "a\r\naccept-flake-config = true", "a\tb", "a\0b"])(
  "a token %j, which would be more than one in nix.conf, is refused, and not shown",
  (token) => {
    expect(() => loadWith({ "github-token": token })).toThrow(
      new Error("Invalid github-token: it has blanks or line breaks in it. Give the token alone."),
    );
  },
);
