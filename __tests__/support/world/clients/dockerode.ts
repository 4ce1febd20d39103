// Does with dockerode what programs do with it, at DOCKER_HOST, and prints what came of it: nothing in it varies
// from one run, or one store, to the next. Run by node 24: dockerode.ts IMAGE
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import Docker from "dockerode";

const [image = ""] = process.argv.slice(2);
const docker = new Docker();
const name = "dockerode-client";
const statusCode = (error: { statusCode?: number }) => error.statusCode;
const show = (what: string, value: unknown) => console.log(`${what}: ${JSON.stringify(value)}`);

show("ping", (await docker.ping()).toString());
const version = await docker.version();
show("version", [version.Version, version.ApiVersion, version.Os, version.Arch]);

await progress(await docker.pull(image));
show("pull", (await docker.getImage(image).inspect()).RepoTags);

const events = await docker.getEvents({ filters: { container: [name] } });
const seen = actions(events);

// dockerode sends its options ahead of what is written, and podman takes them for input, too.
const created = await docker.createContainer({
  name,
  Image: image,
  Cmd: ["sh", "-c", 'read -r options; read -r line; echo "got $line"; echo complaint >&2; exit 7'],
  OpenStdin: true,
  StdinOnce: true,
  AttachStdin: true,
  Labels: { purpose: "test" },
});
const attached = await created.attach({
  stream: true,
  stdin: true,
  stdout: true,
  stderr: true,
  hijack: true,
});
const [out, err] = demultiplexed(attached);
await created.start();
attached.write("\nhello\n");
show("wait", await created.wait());
show("attach", [await out, await err]);
show("logs", (await created.logs({ stdout: true, stderr: false })).toString("latin1").slice(8)); // a frame's header
// For a moment podman says "stopped".
while ((await created.inspect()).State.Status !== "exited") await setTimeout(50);
const { State, Config, HostConfig } = await created.inspect();
show("inspect", [State.ExitCode, Config.Labels.purpose, HostConfig.NetworkMode]);
await created.remove();
show("removed", (await docker.listContainers({ all: true, filters: { name: [name] } })).length);
show("events", await seen);

const long = await docker.createContainer({ name, Image: image, Cmd: ["sleep", "300"] });
await long.start();
const exec = await long.exec({ Cmd: ["sh", "-c", "id -u; exit 3"], AttachStdout: true, AttachStderr: true });
const [execOut] = demultiplexed(await exec.start({}));
show("exec", [await execOut, (await exec.inspect()).ExitCode]);
show("top", (await long.top()).Processes.length);
await long.kill({ signal: "SIGKILL" });
show("killed", await long.wait());
await long.remove();

const context = mkdtempSync(join(tmpdir(), "dockerode-"));
writeFileSync(
  join(context, "Containerfile"),
  `FROM ${image}\nCOPY word /word\nRUN cat /word /word >/twice\n`,
);
writeFileSync(join(context, "word"), "built\n");
const options = { t: "localhost/dockerode:built", dockerfile: "Containerfile" };
const steps = await progress(await docker.buildImage({ context, src: ["Containerfile", "word"] }, options));
show(
  "build",
  steps.flatMap(({ stream = "" }) => stream.match(/^STEP.*/g) ?? []),
);
const twice = await docker.createContainer({ Image: "localhost/dockerode:built", Cmd: ["cat", "/twice"] });
await twice.start();
await twice.wait();
show("built", (await twice.logs({ stdout: true })).toString("latin1").slice(8, 14));
await twice.remove();
await docker.getImage("localhost/dockerode:built").remove();

show("missing", await docker.getContainer("no-such-container").inspect().catch(statusCode));
show("no image", await docker.createContainer({ Image: "localhost/no-such-image" }).catch(statusCode));

function progress(stream: NodeJS.ReadableStream): Promise<{ stream?: string }[]> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(stream, (error, output) => (error ? reject(error) : resolve(output)));
  });
}

function demultiplexed(stream: NodeJS.ReadableStream): [Promise<string>, Promise<string>] {
  const [first, second] = [new PassThrough(), new PassThrough()];
  docker.modem.demuxStream(stream, first, second);
  stream.on("end", () => {
    first.end();
    second.end();
  });
  return [text(first), text(second)];
}

/** What happened to the container, up to its removal, without what only podman knows. */
async function actions(stream: NodeJS.ReadableStream): Promise<string[]> {
  const found: string[] = [];
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + chunk.toString()).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) found.push((JSON.parse(part) as { Action: string }).Action);
    if (found.some((action) => action === "remove" || action === "destroy")) break;
  }
  return found.filter((action) => /^(create|start|die|remove|destroy)$/.test(action));
}
