import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parseDistribution } from "../../src/doctor/distribution.ts";
import type { Examination } from "../../src/doctor/examination.ts";
import { isReady, renderJson, renderText } from "../../src/doctor/render.ts";
import type { Facts } from "../../src/runner/facts.ts";
import type { Action, Finding } from "../../src/runner/finding.ts";
import { withoutSecrets } from "../../src/secrets.ts";

const load: Action = {
  name: "Load the kernel's FUSE",
  step: { kind: "run", command: ["modprobe", "fuse"] },
  remedy: "sudo modprobe fuse",
};
const write: Action = {
  name: "Write the profile",
  step: { kind: "write", path: "/tmp/profile", text: "" },
  remedy: "write it",
};
const ok: Finding = { name: "user namespaces", verdict: "ok", found: "can be made" };
const change: Finding = { name: "FUSE", verdict: "change", found: "absent", actions: [load, write] };
const failed: Finding = {
  name: "newuidmap",
  verdict: "failed",
  found: "absent",
  cause: "There is no newuidmap",
  remedy: "Install the package uidmap",
};

/** What is rendered of the facts; the rest of them goes through as it is. */
const facts = {
  kernel: { release: "6.8.0-31-generic", architecture: "x86_64" },
  container: undefined,
  privileges: { sudo: "passwordless", sudoError: "" },
  session: { bus: "unix:path=/run/user/1001/bus,guid=0123456789abcdef" },
} as unknown as Facts;

const examination = (findings: Finding[], part: Partial<Facts> = {}): Examination => ({
  version: "1.2.3",
  node: "v24.1.0",
  distribution: "Ubuntu 24.04.2 LTS",
  facts: { ...facts, ...part },
  plan: {
    findings,
    actions: findings.flatMap(({ actions = [] }) => actions),
    settings: findings.includes(failed)
      ? undefined
      : {
          driver: "overlay",
          withoutFuse: "overlay",
          ids: { uids: 100_000, gids: 100_000 },
          tools: "/tmp/tools",
        },
  },
});

test("a machine that is ready", () => {
  expect(isReady(examination([ok]))).toBe(true);
  expect(
    renderText(examination([ok])),
  ).toBe(`podman-rootless 1.2.3, node v24.1.0, Linux 6.8.0-31-generic x86_64, Ubuntu 24.04.2 LTS

ok           user namespaces  can be made

This machine is ready.
`);
});

test("a machine that is made ready", () => {
  expect(isReady(examination([ok, change]))).toBe(true);
  const text = renderText(examination([ok, change], { container: "docker" }));
  expect(text).toContain("LTS, in a container (docker)\n");
  expect(text).toMatch(
    /\n\nThe action would:\n- Load the kernel's FUSE with sudo; by hand: sudo modprobe fuse\n- Write the profile; by hand: write it\n\nThis machine will be made ready by the action\.\n$/,
  );
  const privileges = { ...facts.privileges, sudo: "root" as const };
  expect(renderText(examination([change], { privileges }))).toContain("- Load the kernel's FUSE; by hand:");
});

test("a machine on which podman cannot work", () => {
  expect(isReady(examination([ok, change, failed]))).toBe(false);
  const text = renderText(examination([ok, change, failed]));
  expect(text).not.toContain("The action would");
  expect(text).toMatch(
    /\n\npodman cannot work here: There is no newuidmap\. Install the package uidmap\.\n$/,
  );
});

const paths = (value: unknown, at = ""): string[] =>
  Array.isArray(value)
    ? value.flatMap((one) => paths(one, `${at}[]`))
    : typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([name, one]) => [`${at}.${name}`, ...paths(one, `${at}.${name}`)])
      : [];

test("the JSON has the fields of docs/doctor.md, and no other", () => {
  const report = JSON.parse(renderJson(examination([ok, change])));
  expect(report).toMatchObject({
    version: "1.2.3",
    ready: true,
    verdict: "This machine will be made ready by the action.",
    settings: { driver: "overlay", ids: { uids: 100_000 } },
    facts: { kernel: facts.kernel },
  });
  expect(report.findings[1].actions).toEqual([
    { name: load.name, asRoot: true, byHand: "sudo modprobe fuse" },
    { name: write.name, asRoot: false, byHand: "write it" },
  ]);
  const document = readFileSync(join(import.meta.dirname, "../../docs/doctor.md"), "utf8");
  const documented = [...(document.split("\n## JSON\n")[1] ?? "").matchAll(/^\| `([\w.[\]]+)` +\|/gm)].map(
    ([, name]) => `.${name}`,
  );
  const found = new Set(paths(report).filter((path) => !path.startsWith(".facts.")));
  expect([...found].sort()).toEqual(documented.sort());

  const refused = JSON.parse(renderJson(examination([failed])));
  expect(refused).toMatchObject({ ready: false, settings: null });
  expect(refused.findings[0]).toMatchObject({
    verdict: "failed",
    cause: failed.cause,
    remedy: failed.remedy,
  });
});

test("secrets stay out of both", () => {
  const token = `ghp_${"0123456789".repeat(3)}`;
  const found = `https://me:hunter2@example.org/x?a=b, ${token}`;
  for (const text of [
    renderText(examination([{ ...ok, found }])),
    renderJson(examination([{ ...ok, found }])),
  ]) {
    expect(text).toContain("https://***@example.org/x?a=b");
    expect(text).not.toMatch(/hunter2|ghp_|0123456789abcdef/);
  }
  expect(renderJson(examination([ok]))).toContain('"unix:path=/run/user/1001/bus,guid=***"');
  expect(withoutSecrets("/home/me/a@b: runner:100000:65536")).toBe("/home/me/a@b: runner:100000:65536");
});

test.each([
  ['NAME=x\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n', "Debian GNU/Linux 12 (bookworm)"],
  ["PRETTY_NAME='Arch Linux'", "Arch Linux"],
  ["PRETTY_NAME=Void\n", "Void"],
  ["NAME=x\n", undefined],
])("the distribution of %j", (text, expected) => {
  expect(parseDistribution(text)).toBe(expected);
});
