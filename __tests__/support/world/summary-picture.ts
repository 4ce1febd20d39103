// The job summary of the main job, as a picture: docs/summary.png, or the file that is named.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { marked } from "marked";
import { freePort } from "../free-port.ts";
import { runJob } from "../runner/job.ts";
import { localImages, mainJob, writeWorkspace } from "./main-job.ts";
import { actionPath, openWorld, repository } from "./world.ts";

const style = `
body { margin: 0; background: #fff; color: #1f2328; font: 14px/1.5 "DejaVu Sans", sans-serif; }
main { padding: 20px 24px; }
h2 { font-size: 21px; margin: 0 0 12px; padding-bottom: 6px; border-bottom: 1px solid #d1d9e0; }
h3 { font-size: 17px; margin: 20px 0 8px; }
p, ul { margin: 8px 0; }
ul { padding-left: 24px; }
table { border-collapse: collapse; margin: 8px 0 14px; }
th, td { border: 1px solid #d1d9e0; padding: 4px 10px; text-align: left; }
tr:nth-child(2n) td { background: #f6f8fa; }
code { background: #eff1f3; border-radius: 5px; padding: 1px 5px; font: 12px "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
pre.mermaid { margin: 0; }
`;

const [given] = process.argv.slice(2).filter((word) => word.endsWith(".md"));
const target = resolve(
  process.argv.slice(2).find((word) => word.endsWith(".png")) ?? join(repository, "docs/summary.png"),
);
const markdown = given === undefined ? await summaryOfWarmJob() : readFileSync(given, "utf8");
if (given === undefined) console.log(markdown);
picture(markdown, target);
console.log(target);

/** Runs the main job without and then with a cached store. */
async function summaryOfWarmJob(): Promise<string> {
  const world = await openWorld();
  try {
    const images = localImages(world.registry.host);
    writeWorkspace(world.path("workspace"), images);
    let summary = "";
    for (const name of ["cold", "warm"]) {
      console.error(`The ${name} job ...`);
      const machine = await world.machine(name);
      const { outcome, post } = await runJob(machine, {
        action: { path: actionPath },
        workspace: world.path("workspace"),
        env: world.cache.environment(),
        steps: mainJob(images, await freePort(), { ...world.inputs, summary: "true" }),
      });
      await machine.stop();
      if (outcome !== "success") throw new Error(`The ${name} job failed: ${post("podman").log}`);
      summary = post("podman").summary;
    }
    return summary;
  } finally {
    await world.close();
  }
}

/** As GitHub shows a summary, or nearly so. */
function picture(text: string, file: string): void {
  const directory = mkdtempSync(join(tmpdir(), "summary-picture-"));
  try {
    const page = join(directory, "page.html");
    writeFileSync(page, pageOf(text));
    const height = measure(page, directory);
    chromium(directory, [
      ...["--hide-scrollbars", `--window-size=960,${height}`, `--screenshot=${file}`],
      `file://${page}`,
    ]);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The height of the page once all is drawn, which the page writes into its title. */
function measure(page: string, directory: string): number {
  const html = chromium(directory, ["--window-size=960,900", "--dump-dom", `file://${page}`]);
  const [, height] = /<title>(\d+)<\/title>/.exec(html) ?? [];
  if (height === undefined) throw new Error("The chart of the summary could not be drawn");
  return Number(height);
}

function chromium(directory: string, args: readonly string[]): string {
  // It cannot make namespaces for its sandbox as root.
  const common = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    `--user-data-dir=${join(directory, "profile")}`,
  ];
  return execFileSync("chromium", [...common, "--virtual-time-budget=10000", ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 1e8,
  });
}

function pageOf(text: string): string {
  const body = (marked.parse(text, { async: false, gfm: true }) as string).replaceAll(
    /<pre><code class="language-mermaid">([\s\S]*?)<\/code><\/pre>/g,
    (_, chart: string) => `<pre class="mermaid">${chart}</pre>`,
  );
  const mermaid = readFileSync(join(repository, "node_modules/mermaid/dist/mermaid.min.js"), "utf8");
  return `<!doctype html>
<meta charset="utf-8">
<title></title>
<style>${style}</style>
<main>${body}</main>
<script>${mermaid.replaceAll("</script", "<\\/script")}</script>
<script>
mermaid.initialize({ startOnLoad: false, gantt: { barHeight: 22, barGap: 5, leftPadding: 70, rightPadding: 20, fontSize: 12 } });
mermaid.run().then(() => { document.title = Math.ceil(document.querySelector("main").getBoundingClientRect().height); });
</script>`;
}
