import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CacheService } from "../cache-service/index.ts";

/** As the library names it: relative to the job's workspace, WORK/PROJECT/PROJECT. */
const transit = "../../_temp/podman-rootless-segments";

/** Puts another segment in an entry of the cache: see {@link changeFile}. */
export const changeSegment = (
  service: CacheService,
  key: string,
  change: (segment: Buffer) => Buffer,
): void => changeFile(service, key, ".squashfs", change);

/**
 * Puts another file in an entry of the cache, as if it had been saved so: the archive is whole, what is in it is not.
 *
 * @param ending of the file's name
 * @param change makes the new file of the old one
 */
export function changeFile(
  service: CacheService,
  key: string,
  ending: string,
  change: (file: Buffer) => Buffer,
): void {
  const scratch = mkdtempSync(join(tmpdir(), "cache-entry-"));
  const archive = service.archive(key);
  try {
    const [directory, workspace] = [join(scratch, "_temp/podman-rootless-segments"), join(scratch, "w/w")];
    for (const path of [directory, workspace]) mkdirSync(path, { recursive: true });
    tar("-x", "-f", archive, "-P", "-C", workspace);
    const [name = ""] = readdirSync(directory).filter((one) => one.endsWith(ending));
    const file = join(directory, name);
    writeFileSync(file, change(readFileSync(file)));
    tar("--posix", "-c", "-f", archive, "-P", "-C", workspace, transit);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

const tar = (...args: string[]) =>
  execFileSync("tar", ["--use-compress-program", "zstd", ...args], { stdio: "pipe" });

/** A segment that is none of ours, of files with these contents; all in it belongs to root. */
export function madeSegment(files: Record<string, string | number>): Buffer {
  const scratch = mkdtempSync(join(tmpdir(), "made-segment-"));
  try {
    for (const [path, content] of Object.entries(files)) {
      const file = join(scratch, "content", path);
      mkdirSync(join(file, ".."), { recursive: true });
      if (typeof content === "string") writeFileSync(file, content);
      // So many bytes that take no room.
      else execFileSync("truncate", ["-s", `${content}`, file]);
    }
    const image = join(scratch, "image");
    execFileSync("mksquashfs", [join(scratch, "content"), image, "-quiet", "-no-progress", "-all-root"], {
      stdio: "pipe",
    });
    return readFileSync(image);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}
