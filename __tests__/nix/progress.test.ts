import { expect, test } from "@jest/globals";
import { parseEvent } from "../../src/nix/internal-json.ts";
import { hear, startMessages } from "../../src/nix/messages.ts";
import { advance, describe, startProgress, summary } from "../../src/nix/progress.ts";
import { reasonOf, sourceBuild } from "../../src/nix/source-builds.ts";

// Lines of real runs, shortened; `at` sets the clock, in seconds.
const tell = (script: (string | { at: number })[]) => {
  const progress = startProgress(0);
  let now = 0;
  const said: string[] = [];
  for (const step of script) {
    if (typeof step !== "string") {
      now = step.at * 1000;
      said.push(describe(progress, now));
      continue;
    }
    const event = parseEvent(`@nix ${step}`);
    if (event === undefined) throw new Error(step);
    advance(progress, event, now);
  }
  return [...said, summary(progress, now)];
};

const store = "/nix/store/8fhah1sfm741kwffm1qxy4dryzfj37p4";
const cache = "http://127.0.0.1:8799";
const realise2_8 = [
  '{"action":"start","id":1,"level":0,"text":"","type":102}',
  '{"action":"start","id":2,"level":0,"text":"","type":104}',
  '{"action":"start","id":3,"level":0,"text":"","type":103}',
  '{"action":"result","fields":[101,0],"id":1,"type":106}',
  `{"action":"start","fields":["${store}-a","${cache}"],"id":4,"level":4,"text":"querying info about '${store}-a' on '${cache}'","type":109}`,
  `{"action":"start","fields":["${cache}/8fh.narinfo"],"id":5,"level":4,"text":"downloading '${cache}/8fh.narinfo'","type":101}`,
  '{"action":"result","fields":[385,385,0,0],"id":5,"type":105}',
  '{"action":"stop","id":4}',
  '{"action":"stop","id":5}',
  '{"action":"result","fields":[0,2,0,0],"id":3,"type":105}',
  '{"action":"result","fields":[101,300000000],"id":1,"type":106}',
  '{"action":"result","fields":[100,900000000],"id":1,"type":106}',
  `{"action":"start","fields":["${store}-a","${cache}"],"id":6,"level":0,"text":"","type":108}`,
  `{"action":"start","fields":["${store}-a","${cache}","local"],"id":7,"level":3,"text":"copying path '${store}-a' from '${cache}'","type":100}`,
  `{"action":"start","fields":["${cache}/nar/1c.nar.xz"],"id":8,"level":4,"text":"downloading '${cache}/nar/1c.nar.xz'","type":101}`,
];
const building = [
  `{"action":"start","fields":["${store}-podman-5.8.2.drv","",1,1],"id":20,"level":3,"parent":0,"text":"building '${store}-podman-5.8.2.drv'","type":105}`,
  '{"action":"result","fields":["unpackPhase"],"id":20,"type":104}',
  '{"action":"result","fields":["compiling 1"],"id":20,"type":101}',
];

test("substitution: bytes as downloaded, the speed since the line before, and paths", () => {
  expect(
    tell([
      ...realise2_8,
      '{"action":"result","fields":[120000000,200000000,0,0],"id":8,"type":105}',
      '{"action":"result","fields":[360000000,600000000,0,0],"id":7,"type":105}',
      { at: 5 },
      '{"action":"result","fields":[200000000,200000000,0,0],"id":8,"type":105}',
      '{"action":"stop","id":8}',
      '{"action":"result","fields":[1,2,0,0],"id":3,"type":105}',
      { at: 10 },
      { at: 15 },
    ]),
  ).toEqual([
    "Fetched 120.0 of 300.0 MB, 24.0 MB/s, 0 of 2 paths",
    "Fetched 200.0 of 300.0 MB, 16.0 MB/s, 1 of 2 paths",
    "Fetched 200.0 of 300.0 MB, 0 B/s, 1 of 2 paths",
    "Nix took 15 s, with 200.0 MB fetched",
  ]);
});

test("a build: its phase, since when, what is built besides and how many are", () => {
  expect(
    tell([
      ...realise2_8.slice(0, 3),
      { at: 3 },
      ...building.slice(0, 1),
      { at: 5 },
      ...building.slice(1),
      { at: 43 },
      '{"action":"result","fields":[7,9,2,0],"id":2,"type":105}',
      `{"action":"start","fields":["${store}-crun-1.21.drv","",1,1],"id":21,"level":3,"text":"building","type":105}`,
      { at: 50 },
      '{"action":"stop","id":20}',
      { at: 55 },
    ]),
  ).toEqual([
    "Evaluating for 3 s",
    "Building podman-5.8.2 for 2 s",
    "Building podman-5.8.2 (unpackPhase) for 40 s",
    "7 of 9 built; building podman-5.8.2 (unpackPhase) for 47 s and 1 more",
    "7 of 9 built; building crun-1.21 for 12 s",
    "Nix took 55 s",
  ]);
});

test("before that: a download of which the size is not known, evaluation, and Nix's own words", () => {
  expect(
    tell([
      { at: 5 },
      `{"action":"start","fields":["https://api.github.com/repos/nixos/nixpkgs/tarball/02e0"],"id":1,"level":4,"parent":0,"text":"downloading","type":101}`,
      { at: 6 },
      '{"action":"result","fields":[900000,0,0,0],"id":1,"type":105}',
      { at: 10 },
      '{"action":"result","fields":[20900000,48000000,0,0],"id":1,"type":105}',
      { at: 15 },
      '{"action":"stop","id":1}',
      `{"action":"start","id":2,"level":4,"parent":0,"text":"evaluating derivation '\\u001b[35;1mgithub:a/b#podman\\u001b[0m'","type":0}`,
      { at: 27 },
      '{"action":"msg","level":1,"msg":"warning: x"}',
      '{"action":"result","fields":[1,1,0,0],"id":99,"type":105}',
      '{"action":"stop","id":99}',
    ]),
  ).toEqual([
    "Evaluating for 5 s",
    "Downloading for 1 s",
    "Downloading https://api.github.com/repos/nixos/nixpkgs/tarball/02e0: 900.0 kB, 225.0 kB/s",
    "Downloading https://api.github.com/repos/nixos/nixpkgs/tarball/02e0: 20.9 of 48.0 MB, 4.0 MB/s",
    "Evaluating derivation 'github:a/b#podman' for 12 s",
    "Nix took 27 s, with 20.9 MB fetched",
  ]);
});

test("a cache in a directory: bytes as copied", () => {
  expect(
    tell([
      ...realise2_8.slice(0, 3),
      '{"action":"result","fields":[0,1,0,0],"id":3,"type":105}',
      '{"action":"result","fields":[100,8000000],"id":1,"type":106}',
      `{"action":"start","fields":["${store}-a","file:///cache","local"],"id":7,"level":3,"text":"copying path","type":100}`,
      '{"action":"result","fields":[2000000,8000000,0,0],"id":7,"type":105}',
      { at: 5 },
    ])[0],
  ).toBe("Fetched 2.0 of 8.0 MB, 400.0 kB/s, 0 of 1 paths");
});

test.each(["", "plain text", "@nix {", "@nix", ' @nix {"action":"stop","id":1}'])("'%s' is text", (line) => {
  expect(parseEvent(line)).toBeUndefined();
  const messages = startMessages();
  expect(hear(messages, line, undefined)).toBe(line);
  expect(messages.lines).toEqual([line]);
});

test("messages: of what is talk nothing shows; what will be built is known before", () => {
  const messages = startMessages();
  const say = (json: string) => hear(messages, json, parseEvent(`@nix ${json}`));
  expect(say('{"action":"msg","level":3,"msg":"this derivation will be built:"}')).toBeUndefined();
  say(`{"action":"msg","level":3,"msg":"  ${store}-podman-5.8.2.drv"}`);
  say(`{"action":"msg","level":3,"msg":"  ${store}-podman-5.8.2"}`);
  expect([...messages.derivations]).toEqual([`${store}-podman-5.8.2.drv`]);
  say(realise2_8[4] ?? "");
  expect([...messages.substituters]).toEqual([cache]);
  expect(say('{"action":"msg","level":1,"msg":"\\u001b[35;1mwarning:\\u001b[0m Git tree is dirty"}')).toBe(
    "warning: Git tree is dirty",
  );
  // 2.34
  for (const json of building) say(json);
  expect(
    say(
      `{"action":"msg","level":0,"msg":"\\u001b[31;1merror:\\u001b[0m Cannot build '\\u001b[35;1m${store}-podman-5.8.2.drv\\u001b[0m'.\\n       Reason: builder failed."}`,
    ),
  ).toBe(
    `error: Cannot build '${store}-podman-5.8.2.drv'.\n       Reason: builder failed.\n       last 1 log lines:\n       > compiling 1`,
  );
  expect(messages.lines.join("\n")).toMatch(/^this derivation[\s\S]*> compiling 1$/);
});

const drv = (system: string, env: string) =>
  `Derive([("out","${store}-x","","")],[("${store}-go-1.24.drv",["out"])],["${store}-source","${store}-y"],"${system}","/bin/bash",["-e"],[("builder","/bin/bash"),${env}])`;
const source = '("src","/nix/store/x")';

test.each([
  ["podman-5.8.2", source, true],
  ["podman-unwrapped-4.3.1", source, true],
  ["go-1.24.1", source, true],
  ["podman-5.8.2", '("__json","{\\"src\\":\\"/nix/store/x\\"}")', true],
  ["podman-5.8.2", '("srcs","/nix/store/x")', true],
  ["podman-5.8.2", '("name","src")', false],
  ["podman-rootless-5.8.2", source, false],
  ["podman", source, false],
  ["podman-rootless-5.8.2-fhsenv-rootfs", source, false],
  ["hello-2.12", source, false],
])("%s with %s: %s", (name, env, is) => {
  expect(sourceBuild(`${store}-${name}.drv`, drv("aarch64-linux", env))).toEqual(
    is ? { name, system: "aarch64-linux" } : undefined,
  );
});

test("the reason: no cache, not in the caches, another system", () => {
  const podman = { name: "podman-5.8.2", system: "x86_64-linux" };
  expect(reasonOf([podman], "x86_64-linux", []).cause).toMatch(/no binary cache is configured$/);
  expect(reasonOf([podman], "x86_64-linux", ["https://a", "https://b"]).cause).toMatch(
    /no binary cache of https:\/\/a, https:\/\/b has it for x86_64-linux, or signed with a key that is trusted$/,
  );
  expect(reasonOf([podman], "aarch64-linux", []).cause).toMatch(
    /for x86_64-linux, and this machine is aarch64-linux$/,
  );
});
