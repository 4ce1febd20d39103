import { expect, test } from "@jest/globals";
import { parseEvents } from "../../src/store/events.ts";

// Of real jobs: an image pulled, two builds that failed, a tag, a container, a build that went well.

const podman4 = `\
{"Status":"refresh","Time":"2026-11-23T19:04:31.687389348Z","Type":"system","Attributes":null}
{"Name":"127.0.0.1:33141/busybox:latest","Status":"pull","Time":"2026-11-23T19:04:31.854688408Z","Type":"image","Attributes":null}
{"Status":"build","Time":"2026-11-23T19:04:38.282783085Z","Type":"image","Attributes":null}
{"Status":"build","Time":"2026-11-23T19:04:41.213628855Z","Type":"image","Attributes":null}
{"ID":"2203e0d734cff39017cd0ac9dd33be3968be8f801cc9b34cf691b79d279f2b38","Name":"localhost/tagged:1","Status":"tag","Time":"2026-11-23T19:04:41.423318493Z","Type":"image","Attributes":null}
{"ID":"0d7c5d87558833f29700062cb40c3ef0ae96f7318df7bc3a3912f88d79a7d1ee","Image":"localhost/run:latest","Name":"trusting_dirac","Status":"create","Time":"2026-11-23T19:04:41.68804289Z","Type":"container","Attributes":{}}
{"ID":"0d7c5d87558833f29700062cb40c3ef0ae96f7318df7bc3a3912f88d79a7d1ee","Image":"localhost/run:latest","Name":"trusting_dirac","Status":"remove","Time":"2026-11-23T19:04:42.420558837Z","Type":"container","Attributes":{}}
{"Name":"e235a5433da2df48ad4487872a694a338b773bf3739b81160302347440cbc9ff","Status":"build","Time":"2026-11-23T19:04:46.564321884Z","Type":"image","Attributes":null}
`;

const podman54 = `\
{"Status":"refresh","time":1795460695,"timeNano":1795460695993207113,"Type":"system","Attributes":null}
{"ID":"2203e0d734cff39017cd0ac9dd33be3968be8f801cc9b34cf691b79d279f2b38","Name":"127.0.0.1:33141/busybox:latest","Status":"pull","time":1795460697,"timeNano":1795460697041066200,"Type":"image","Attributes":null}
{"Status":"build","time":1795460700,"timeNano":1795460700917677853,"Type":"image","Attributes":null}
{"Status":"build","time":1795460704,"timeNano":1795460704438476870,"Type":"image","Attributes":null}
{"ID":"2203e0d734cff39017cd0ac9dd33be3968be8f801cc9b34cf691b79d279f2b38","Name":"localhost/tagged:1","Status":"tag","time":1795460704,"timeNano":1795460704883188520,"Type":"image","Attributes":null}
{"ID":"ba287705add9801ddf25b34577247ab4ad7ac9dc1e5071fd7274fb625db56e77","Image":"localhost/run:latest","Name":"wizardly_torvalds","Status":"create","time":1795460705,"timeNano":1795460705151894107,"Type":"container","Attributes":{}}
{"ContainerExitCode":0,"ID":"ba287705add9801ddf25b34577247ab4ad7ac9dc1e5071fd7274fb625db56e77","Image":"localhost/run:latest","Name":"wizardly_torvalds","Status":"remove","time":1795460705,"timeNano":1795460705660750855,"Type":"container","Attributes":{}}
{"Name":"7a5cf8635f1f15d251e647c60edee37375ada3c25910abab0fa3047011617aca","Status":"build","time":1795460708,"timeNano":1795460708570989424,"Type":"image","Attributes":null}
`;

const podman58 = `\
{"Status":"refresh","time":1795460719,"timeNano":1795460719243987577,"Type":"system","Attributes":null}
{"ID":"2203e0d734cff39017cd0ac9dd33be3968be8f801cc9b34cf691b79d279f2b38","Name":"127.0.0.1:33141/busybox:latest","Status":"pull","time":1795460720,"timeNano":1795460720658380562,"Type":"image","Attributes":null}
{"Status":"build","time":1795460729,"timeNano":1795460729362590102,"Type":"image","Attributes":null}
{"Status":"build","time":1795460736,"timeNano":1795460736216372040,"Type":"image","Attributes":null}
{"ID":"2203e0d734cff39017cd0ac9dd33be3968be8f801cc9b34cf691b79d279f2b38","Name":"localhost/tagged:1","Status":"tag","time":1795460737,"timeNano":1795460737430998435,"Type":"image","Attributes":null}
{"ID":"52e2c4dbe8088fafe1944d00e29ebade049e1bda7fc4daf5ae9daa74414ab8cb","Image":"localhost/run:latest","Name":"optimistic_lumiere","Status":"create","time":1795460738,"timeNano":1795460738163914698,"Type":"container","Attributes":{}}
{"ContainerExitCode":0,"ID":"52e2c4dbe8088fafe1944d00e29ebade049e1bda7fc4daf5ae9daa74414ab8cb","Image":"localhost/run:latest","Name":"optimistic_lumiere","Status":"remove","time":1795460738,"timeNano":1795460738498644613,"Type":"container","Attributes":{}}
{"Name":"9e64010932bb340df8bbf1c3cf7926b45023d2a1fdc13c3cf1de4cbc34e2fb32","Status":"build","time":1795460746,"timeNano":1795460746880526026,"Type":"image","Attributes":null}
`;

const id = "2203e0d734cff39017cd0ac9dd33be3968be8f801cc9b34cf691b79d279f2b38";

test.each([
  ["4.3.1", podman4, "e235a5433da2df48ad4487872a694a338b773bf3739b81160302347440cbc9ff", "19:04:46.564"],
  ["5.4.2", podman54, "7a5cf8635f1f15d251e647c60edee37375ada3c25910abab0fa3047011617aca", "19:05:08.570"],
  ["5.8.6", podman58, "9e64010932bb340df8bbf1c3cf7926b45023d2a1fdc13c3cf1de4cbc34e2fb32", "19:05:46.880"],
])("the log of podman %s", (_version, text, built, time) => {
  const events = parseEvents(text);
  expect([...events.used].sort()).toEqual(
    ["127.0.0.1:33141/busybox:latest", id, built, "localhost/run:latest", "localhost/tagged:1"].sort(),
  );
  // To the millisecond: a file's time has no more, and neither has a layer's.
  expect(events.builds.map(({ wentWell }) => wentWell)).toEqual([false, false, true]);
  expect(Math.floor(events.builds.at(-1)?.end ?? 0)).toBe(Date.parse(`2026-11-23T${time}Z`));
});

test("builds come in the order of their ends, and seconds are counted to their end", () => {
  const build = (time: number, more = "") =>
    `{"Name":"${id}","Status":"build","time":${time}${more},"Type":"image"}\n`;
  const ends = (text: string) => parseEvents(text).builds.map(({ end }) => end);
  expect(ends(build(1000) + build(3000) + build(2000))).toEqual([1_001_000, 2_001_000, 3_001_000]);
  expect(ends(build(3000, ',"timeNano":3000250000000'))).toEqual([3_000_250]);
});

test("a log without events", () => {
  expect(parseEvents("")).toEqual({ builds: [], used: new Set() });
  expect(parseEvents("\n \n")).toEqual({ builds: [], used: new Set() });
});

test("a container's name and id are none of an image's, and neither are a volume's or the system's", () => {
  const lines = [
    '{"ID":"c1","Image":"a:1","Name":"mine","Status":"create","time":1,"Type":"container"}',
    '{"ID":"v1","Name":"data","Status":"create","time":1,"Type":"volume"}',
    '{"Name":"net","Status":"create","time":1,"Type":"network"}',
    '{"Status":"refresh","time":1,"Type":"system"}',
  ];
  expect([...parseEvents(lines.join("\n")).used]).toEqual(["a:1"]);
});

test("a log that cannot be read is an error", () => {
  expect(() => parseEvents('{"Status":"bui')).toThrow(SyntaxError);
});
