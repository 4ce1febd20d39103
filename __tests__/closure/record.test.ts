import { expect, test } from "@jest/globals";
import {
  type CachedRecord,
  type ClosureRecord,
  parseCachedRecord,
  parseRecord,
  rootsOf,
} from "../../src/closure/record.ts";
import { nameOf } from "../../src/closure/registration.ts";

const path = (letter: string, name: string) => `/nix/store/${letter.repeat(32)}-${name}`;
const rootfs = path("0", "podman-rootless-fhsenv-rootfs");
const podman = path("1", "podman-5.8.2");
const nix = path("2", "nix-2.34.7");
const certificates = path("3", "nss-cacert-3.115");
const fhs: ClosureRecord = {
  contents: { kind: "fhs", path: rootfs },
  roots: [rootfs],
  url: "github:o/r/0123456789abcdef0123456789abcdef01234567",
  rev: "0123456789abcdef0123456789abcdef01234567",
  podman: "5.8.2",
};
const programs: ClosureRecord = {
  ...fhs,
  contents: {
    kind: "programs",
    programs: { podman: `${podman}/bin/podman`, crun: `${certificates}/bin/crun` },
  },
  roots: [podman, certificates],
};
const withNix: ClosureRecord = {
  ...fhs,
  nix: { version: "2.34.7", bin: `${nix}/bin`, roots: [nix, certificates] },
};
const registrationOf = (...paths: string[]) =>
  paths.map((each) => `${each}\n${"0".repeat(64)}\n120\n\n0\n`).join("");
const cached = (record: ClosureRecord, ...paths: string[]) =>
  JSON.stringify({ ...record, registration: registrationOf(...paths) } satisfies CachedRecord);

test.each([
  ["an FHS root", fhs],
  ["programs", programs],
  ["Nix, too", withNix],
])("a record of %s is read as it was written", (_, record) => {
  expect(parseRecord(JSON.stringify(record))).toEqual(record);
});

test.each(["", "{", "<html>", JSON.stringify(fhs).slice(0, -1)])("%j is no JSON", (text) => {
  expect(() => parseRecord(text)).toThrow(new Error("its record is no JSON"));
});

const program = (given: unknown, name = "podman") => ({
  ...programs,
  contents: { kind: "programs", programs: { podman: `${podman}/bin/podman`, [name]: given } },
});
const nixOf = (change: object) => ({ ...withNix, nix: { ...withNix.nix, ...change } });

test.each<[string, unknown]>([
  ["null", null],
  ["a list", []],
  ["a text", "record"],
  ["a number", 1],
  ["nothing", {}],
  ["no contents", { ...fhs, contents: undefined }],
  ["contents of null", { ...fhs, contents: null }],
  ["contents of a later kind", { ...fhs, contents: { kind: "image", path: rootfs } }],
  ["an FHS root without a path", { ...fhs, contents: { kind: "fhs" } }],
  ["a path that is a number", { ...fhs, contents: { kind: "fhs", path: 1 } }],
  ["a path elsewhere", { ...fhs, contents: { kind: "fhs", path: "/usr" } }],
  ["a relative path", { ...fhs, contents: { kind: "fhs", path: rootfs.slice(1) } }],
  ["the store itself", { ...fhs, contents: { kind: "fhs", path: "/nix/store" } }],
  ["a path out of the store", { ...fhs, contents: { kind: "fhs", path: `${rootfs}/../../../etc` } }],
  ["a path that ends in ..", { ...fhs, contents: { kind: "fhs", path: `${rootfs}/..` } }],
  ["a path through ..", { ...fhs, contents: { kind: "fhs", path: "/nix/store/../../etc" } }],
  ["no programs", { ...programs, contents: { kind: "programs" } }],
  ["programs of null", { ...programs, contents: { kind: "programs", programs: null } }],
  ["programs without podman", { ...programs, contents: { kind: "programs", programs: {} } }],
  ["a program elsewhere", program("/usr/bin/crun", "crun")],
  ["a program out of the store", program(`${podman}/bin/../../../../usr/bin/crun`, "crun")],
  ["a program of null", program(null, "crun")],
  ["podman elsewhere", program("/usr/bin/podman")],
  ["a program's name with a slash", program(`${podman}/bin/x`, "../../x")],
  ["a program's name that is a directory", program(`${podman}/bin/x`, "..")],
  ["a program's name that is empty", program(`${podman}/bin/x`, "")],
  ["no roots", { ...fhs, roots: undefined }],
  ["an empty list of roots", { ...fhs, roots: [] }],
  ["roots that are a text", { ...fhs, roots: rootfs }],
  ["a root elsewhere", { ...fhs, roots: [rootfs, "/home/runner"] }],
  ["a root of null", { ...fhs, roots: [rootfs, null] }],
  ["no url", { ...fhs, url: undefined }],
  ["a revision of null", { ...fhs, rev: null }],
  ["a version that is a number", { ...fhs, podman: 5 }],
  ["a Nix of null", { ...withNix, nix: null }],
  ["a Nix that is a text", { ...withNix, nix: "2.34.7" }],
  ["a Nix without a version", nixOf({ version: undefined })],
  ["a Nix without programs", nixOf({ bin: undefined })],
  ["a Nix elsewhere", nixOf({ bin: "/usr/bin" })],
  ["a Nix out of the store", nixOf({ bin: `${nix}/../../../usr/bin` })],
  ["a Nix without roots", nixOf({ roots: [] })],
  ["a root of Nix elsewhere", nixOf({ roots: ["/nix"] })],
])("a record with %s is not one of this version's", (_, record) => {
  const text = JSON.stringify(record);
  const error = new Error("its record is not one of this version's");
  expect(() => parseRecord(text)).toThrow(error);
  expect(() => parseCachedRecord(text)).toThrow(error);
});

test("the roots are those of the environment and of Nix, each once", () => {
  expect(rootsOf(fhs)).toEqual([rootfs]);
  expect(rootsOf({ ...withNix, roots: [rootfs, certificates] })).toEqual([rootfs, certificates, nix]);
});

test("a cached record comes with the names of all its store paths", () => {
  const text = cached(withNix, rootfs, podman, nix, certificates);
  const { record, names } = parseCachedRecord(text);
  expect(record).toEqual(JSON.parse(text));
  expect(names).toEqual([rootfs, podman, nix, certificates].map(nameOf));
});

test.each<[string, ClosureRecord, string[]]>([
  [rootfs, fhs, [podman]],
  [podman, { ...fhs, roots: [rootfs, podman] }, [rootfs]],
  [`${podman}/bin/podman`, programs, [certificates]],
  [nix, withNix, [rootfs, certificates]],
  [certificates, withNix, [rootfs, nix]],
  [rootfs, fhs, []],
])("a closure lacks %s that its record leads to", (lacking, record, paths) => {
  expect(() => parseCachedRecord(cached(record, ...paths))).toThrow(new Error(`it lacks ${lacking}`));
});

test.each<[unknown, string]>([
  [undefined, "its record has no registration"],
  [[registrationOf(rootfs)], "its record has no registration"],
  [null, "its record has no registration"],
  [registrationOf(rootfs).slice(0, 100), "its registration is damaged at line 1"],
])("a cached record's registration is not %j", (registration, why) => {
  expect(() => parseCachedRecord(JSON.stringify({ ...fhs, registration }))).toThrow(new Error(why));
});
