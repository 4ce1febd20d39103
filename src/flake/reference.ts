import { isAbsolute, resolve } from "node:path";

export interface FlakeReference {
  /** What `nix flake metadata` takes, such as "github:owner/repository/rev". */
  url: string;
  /** Attribute after "#", as given. */
  attribute?: string;
}

/**
 * Splits a flake reference and makes paths in it absolute.
 *
 * @param given as in the input `flake`; undefined: the flake in `action`
 * @param action absolute path of the action's checkout
 * @param workspace directory to which relative paths relate
 */
export function parseReference(given: string | undefined, action: string, workspace: string): FlakeReference {
  // By path and not by git: the runner's copy of an action is not a git checkout.
  if (given === undefined) return { url: `path:${action}` };
  const hash = given.indexOf("#");
  const url = hash === -1 ? given : given.slice(0, hash);
  const attribute = hash === -1 ? "" : given.slice(hash + 1);
  return { url: absolute(url || ".", workspace), ...(attribute !== "" && { attribute }) };
}

function absolute(url: string, workspace: string): string {
  const scheme = url.startsWith("path:") ? "path:" : "";
  const [path = "", ...rest] = url.slice(scheme.length).split("?");
  if (scheme === "" && !/^\.{0,2}(\/|$)/.test(path)) return url;
  const parameters = rest.join("?").split("&").filter(Boolean);
  // Of a path alone, Nix looks for flake.nix there and upwards, and does not heed where ?dir= says it is; it finds the
  // repository around a directory by itself.
  const below = scheme === "" ? parameters.find((parameter) => parameter.startsWith("dir=")) : undefined;
  const directory = resolve(workspace, path, decoded(below?.slice("dir=".length) ?? ""));
  const query = parameters.filter((parameter) => parameter !== below).join("&");
  const full = below === undefined && isAbsolute(path) ? path : directory;
  return `${scheme}${full}${query === "" ? "" : `?${query}`}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // Nix says what is wrong with it
  }
}
