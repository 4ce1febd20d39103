/** The first two parts of a version: "5.8" of "5.8.2". */
export const majorMinor = (version: string): string => version.split(".").slice(0, 2).join(".");

/** @param version such as "5.8.2"; only its first two parts count */
export function isAtLeast(version: string, major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
