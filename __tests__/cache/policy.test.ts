import { expect, test } from "@jest/globals";
import { cachePolicy } from "../../src/cache/policy.ts";
import type { CacheMode } from "../../src/inputs.ts";

const both = "reads and writes";
const nothing = "does nothing";
const reads = "reads";

test.each<[CacheMode, NodeJS.ProcessEnv, string, string | undefined]>([
  ["auto", {}, both, undefined],
  ["auto", { GITHUB_EVENT_NAME: "push", GITHUB_REF_TYPE: "branch" }, both, undefined],
  ["auto", { GITHUB_EVENT_NAME: "pull_request", GITHUB_REF_TYPE: "branch" }, both, undefined],
  ["auto", { GITHUB_EVENT_NAME: "push", GITHUB_REF_TYPE: "tag" }, nothing, "a tag was pushed"],
  // Somebody asks for a run on a tag, to see what it does.
  ["auto", { GITHUB_EVENT_NAME: "workflow_dispatch", GITHUB_REF_TYPE: "tag" }, both, undefined],
  ["auto", { GITHUB_EVENT_NAME: "release", GITHUB_REF_TYPE: "tag" }, nothing, "the event is release"],
  ["auto", { GITHUB_EVENT_NAME: "pull_request_target" }, nothing, "the event is pull_request_target"],
  ["auto", { GITHUB_EVENT_NAME: "workflow_run" }, nothing, "the event is workflow_run"],
  ["auto", { ACTIONS_CACHE_MODE: "read" }, reads, "the job's token may only read the cache"],
  ["auto", { ACTIONS_CACHE_MODE: "none" }, nothing, "the job's token may not use the cache"],
  ["auto", { ACTIONS_CACHE_MODE: "write-only" }, "writes", "the job's token may only write to the cache"],
  ["auto", { ACTIONS_CACHE_MODE: "write" }, both, undefined],
  ["auto", { ACTIONS_CACHE_MODE: "a later word" }, both, undefined],
  ["true", { GITHUB_EVENT_NAME: "release" }, both, undefined],
  ["true", { GITHUB_EVENT_NAME: "push", GITHUB_REF_TYPE: "tag" }, both, undefined],
  ["true", { ACTIONS_CACHE_MODE: "Read " }, reads, "the job's token may only read the cache"],
  ["auto", { ACTIONS_CACHE_MODE: "" }, both, undefined],
  [
    "auto",
    { GITHUB_EVENT_NAME: "workflow_run", ACTIONS_CACHE_MODE: "read" },
    nothing,
    "the event is workflow_run",
  ],
  ["auto", { GITHUB_EVENT_NAME: "schedule" }, both, undefined],
  ["auto", { GITHUB_EVENT_NAME: "merge_group" }, both, undefined],
  ["true", { GITHUB_EVENT_NAME: "pull_request_target" }, both, undefined],
  ["true", { GITHUB_EVENT_NAME: "workflow_run" }, both, undefined],
  ["true", { ACTIONS_CACHE_MODE: "none" }, nothing, "the job's token may not use the cache"],
  ["read-only", { GITHUB_EVENT_NAME: "push" }, reads, "the input cache is read-only"],
  ["read-only", { GITHUB_EVENT_NAME: "release" }, reads, "the input cache is read-only"],
  ["read-only", { ACTIONS_CACHE_MODE: "none" }, nothing, "the job's token may not use the cache"],
  ["read-only", { ACTIONS_CACHE_MODE: "write-only" }, nothing, "the job's token may not read the cache"],
  ["false", {}, nothing, "the input cache is false"],
  ["false", { GITHUB_EVENT_NAME: "push" }, nothing, "the input cache is false"],
])("cache: %s with %j: a job %s", (mode, env, what, why) => {
  const { read, write, ...rest } = cachePolicy(mode, env);
  const words = [read && "reads", write && "writes"].filter(Boolean).join(" and ");
  expect(words || nothing).toBe(what);
  expect(rest.why).toBe(why);
});
