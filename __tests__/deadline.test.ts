import { expect, jest, test } from "@jest/globals";
import { within } from "../src/deadline.ts";

const never = new Promise<never>(() => undefined);

test("work that is done in time gives what it gives, and no timer is left", async () => {
  const cleared = jest.spyOn(globalThis, "clearTimeout");
  expect(await within(1000, "Work", Promise.resolve("done"))).toBe("done");
  await expect(within(1000, "Work", Promise.reject(new Error("of its own")))).rejects.toThrow(
    new Error("of its own"),
  );
  expect(cleared).toHaveBeenCalledTimes(2);
  cleared.mockRestore();
});

test("work that is late is an error that names it", async () => {
  await expect(within(0.01, "The service's answer", never)).rejects.toThrow(
    new Error("The service's answer took longer than 0.01 s"),
  );
});

test("work that fails after it was given up harms nobody", async () => {
  const unhandled = jest.fn();
  process.on("unhandledRejection", unhandled);
  let fail: (error: Error) => void = () => undefined;
  const late = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  await expect(within(0.01, "Work", late)).rejects.toThrow("longer");
  fail(new Error("too late"));
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});
