import { grow, type Run } from "./growth.ts";

const runs = Number(process.argv[2]);
const rebases = Array.from({ length: Math.floor(runs / 10) }, (_, index) => (index + 1) * 10);

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
const row = ({ number, rebased, segments, size, made, reused, uploaded, seconds, anew }: Run): string =>
  `| ${[
    `${number}${rebased ? " (new base)" : ""}`,
    `${segments} | ${megabytes(size)}`,
    seconds.restore.toFixed(1),
    `${made} | ${reused} | ${seconds.work.toFixed(1)}`,
    `${megabytes(uploaded)} | ${seconds.save.toFixed(1)}`,
    anew,
  ].join(" | ")} |`;

console.log(
  "| run | segments | MB back | s | steps made | reused | s | MB saved | s | the chain is made anew |\n" +
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
);
for (const run of await grow({ runs, rebases })) console.log(row(run));
