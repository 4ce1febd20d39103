// Does with testcontainers what tests do with it, and prints what came of it: nothing in it varies from one run, or
// one store, to the next. Run by node 24: testcontainers.ts IMAGE [abandon]
//
// With `abandon` it starts a container, prints its id, and ends without stopping it, as a test that crashed.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { GenericContainer, getContainerRuntimeClient, Network, Wait } from "testcontainers";

const [image = "", mode] = process.argv.slice(2);
const show = (what: string, value: unknown) => console.log(`${what}: ${JSON.stringify(value)}`);
const serve = ["sh", "-c", "echo serving; exec httpd -f -v -p 8080 -h /var/www"];

if (mode === "abandon") {
  const container = await new GenericContainer(image).withCommand(["sleep", "300"]).start();
  console.log(container.getId());
  process.exit(0);
}

const { info } = await getContainerRuntimeClient();
show("runtime", [info.containerRuntime.host, info.containerRuntime.serverVersion]);

const network = await new Network().start();
const web = await new GenericContainer(image)
  .withCommand(serve)
  .withExposedPorts(8080)
  .withNetwork(network)
  .withNetworkAliases("web")
  .withEnvironment({ WORD: "two words" })
  .withCopyContentToContainer([{ content: "hello\n", target: "/var/www/hello.txt" }])
  .withWaitStrategy(Wait.forAll([Wait.forLogMessage("serving"), Wait.forHttp("/hello.txt", 8080)]))
  .start();
const url = `http://${web.getHost()}:${web.getMappedPort(8080)}`;
show("mapped port", await (await fetch(`${url}/hello.txt`)).text());
show("exec", await web.exec(["sh", "-c", 'echo "$WORD"; echo complaint >&2; exit 4']));

await web.copyContentToContainer([{ content: "later\n", target: "/var/www/later.txt", mode: 0o644 }]);
show("copied in", await (await fetch(`${url}/later.txt`)).text());
const archive = await text(await web.copyArchiveFromContainer("/var/www/later.txt"));
show("copied out", [archive.startsWith("later.txt\0"), archive.includes("later\n")]);

const other = await new GenericContainer(image)
  .withCommand(["sh", "-c", "wget -q -O - http://web:8080/hello.txt && echo fetched && sleep 300"])
  .withNetwork(network)
  .withWaitStrategy(Wait.forLogMessage("fetched"))
  .start();
const logs = await other.logs();
let log = "";
logs.on("data", (chunk) => {
  log += chunk;
});
for (let tries = 0; tries < 200 && !log.includes("fetched"); tries++) await setTimeout(50);
show("logs", log);

const context = mkdtempSync(join(tmpdir(), "testcontainers-"));
writeFileSync(join(context, "Dockerfile"), `FROM ${image}\nARG WORD\nRUN echo "$WORD" >/word\n`);
const built = await GenericContainer.fromDockerfile(context).withBuildArgs({ WORD: "built" }).build();
const fromBuild = await built.withCommand(["sleep", "300"]).start();
show("built", (await fromBuild.exec(["cat", "/word"])).output);

const failing = new GenericContainer(image)
  .withCommand(["sh", "-c", "exit 5"])
  .withWaitStrategy(Wait.forLogMessage("never"))
  .withStartupTimeout(5000);
show("failing", await failing.start().catch(() => "did not start"));

await Promise.all([web, other, fromBuild].map((container) => container.stop({ timeout: 0 })));
await network.stop();
process.exit(0); // the reaper's connection keeps it alive otherwise
