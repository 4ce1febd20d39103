import { userInfo } from "node:os";
import type { User } from "../facts.ts";
import { canWriteIn } from "./file.ts";

export async function readUser(): Promise<User> {
  const account = readAccount();
  const home = process.env.HOME || account?.homedir || "/";
  return {
    // A runner is Linux: there these are.
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    groups: process.getgroups?.() ?? [],
    name: account?.username,
    home,
    homeWritable: await canWriteIn(home),
  };
}

function readAccount() {
  try {
    return userInfo();
  } catch {
    return undefined; // the uid is nobody's
  }
}
