import { setTimeout as sleep } from "node:timers/promises";
import { info } from "@actions/core";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { beside } from "../src/beside.ts";

let log: string;

beforeEach(() => {
  log = "";
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    log += chunk;
    return true;
  });
});

afterEach(() => {
  jest.restoreAllMocks();
});

test("lines of work beside a stage come when it is joined, in order, and then as they come", async () => {
  const gate = Promise.withResolvers<void>();
  const work = beside(async () => {
    info("one");
    await sleep(1);
    info("two");
    await gate.promise;
    info("three");
    return 4;
  });
  info("stage");
  await sleep(50);
  expect(log).toBe("stage\n");
  const end = work.join();
  expect(log).toBe("stage\none\ntwo\n");
  gate.resolve();
  expect(await end).toBe(4);
  expect(log).toBe("stage\none\ntwo\nthree\n");
});

test("an error waits until it is joined", async () => {
  const work = beside(async () => {
    info("before");
    throw new Error("broken");
  });
  await sleep(10);
  expect(log).toBe("");
  await expect(work.join()).rejects.toThrow("broken");
  expect(log).toBe("before\n");
});

test("two at a time keep apart", async () => {
  const works = ["a", "b"].map((name) =>
    beside(async () => {
      info(`${name}1`);
      await sleep(1);
      info(`${name}2`);
    }),
  );
  for (const work of works) await work.join();
  expect(log.split("\n").filter((line) => line.startsWith("a"))).toEqual(["a1", "a2"]);
  expect(log.indexOf("b1")).toBeGreaterThan(log.indexOf("a1"));
  expect(log).toContain("b2");
});
