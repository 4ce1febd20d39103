import { type Environment, inside } from "../environment/environment.ts";

export interface Build {
  /** When it ended, in milliseconds since 1970. */
  end: number;
  wentWell: boolean;
}

/** What podman's log of events tells of a job. */
export interface Events {
  /** Builds in the order of their ends. */
  builds: Build[];
  /** Names and ids of the images that were pulled, built, tagged or run. */
  used: Set<string>;
}

/** Reads the log, which begins with the environment. */
export async function readEvents(environment: Environment): Promise<Events> {
  return parseEvents(await inside(environment, "podman", ["events", "--stream=false", "--format", "json"]));
}

/** @param text of `podman events --format json`, an object a line; podman 4 writes names in upper case */
export function parseEvents(text: string): Events {
  const used = new Set<string>();
  const builds: Build[] = [];
  for (const line of text.split("\n").filter((line) => line.trim() !== "")) {
    const event = parseEvent(line);
    for (const name of [
      event.image,
      event.type === "image" ? event.name : "",
      event.type === "image" ? event.id : "",
    ]) {
      if (name) used.add(name);
    }
    // One that failed has no image.
    if (event.status === "build") builds.push({ end: event.time, wentWell: event.name !== "" });
  }
  return { builds: builds.sort((a, b) => a.end - b.end), used };
}

interface Event {
  type: string;
  status: string;
  /** In milliseconds since 1970. */
  time: number;
  id: string;
  name: string;
  image: string;
}

function parseEvent(line: string): Event {
  const fields = Object.entries(JSON.parse(line) as Record<string, unknown>);
  const values = new Map(fields.map(([name, value]) => [name.toLowerCase(), value]));
  const text = (name: string): string => String(values.get(name) ?? "");
  const time = values.get("time");
  return {
    type: text("type"),
    status: text("status"),
    // Seconds, or a date; podman 5 has nanoseconds beside.
    time: values.has("timenano")
      ? Number(values.get("timenano")) / 1e6
      : typeof time === "number"
        ? (time + 1) * 1000
        : Date.parse(text("time")),
    id: text("id"),
    name: text("name"),
    image: text("image"),
  };
}
