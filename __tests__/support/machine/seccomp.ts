/** Numbers of system calls, as x86-64 and arm64 have them. */
const CALLS = {
  unshare: { x64: 272, arm64: 97 },
  clone: { x64: 56, arm64: 220 },
  clone3: { x64: 435, arm64: 435 },
  mount: { x64: 165, arm64: 40 },
  // How newer programs mount: open_tree, move_mount, fsopen, fsmount, mount_setattr.
  open_tree: { x64: 428, arm64: 428 },
  move_mount: { x64: 429, arm64: 429 },
  fsopen: { x64: 430, arm64: 430 },
  fsmount: { x64: 432, arm64: 432 },
  mount_setattr: { x64: 442, arm64: 442 },
};

export type Call = keyof typeof CALLS;

const EPERM = 1;
const ENOSYS = 38;
const CLONE_NEWUSER = 0x10000000;

// bpf(2) of old, as seccomp(2) takes it: struct sock_filter { u16 code; u8 jt, jf; u32 k; }.
const LOAD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_ANY_BIT = 0x45;
const RETURN = 0x06;
const ALLOW = 0x7fff0000;
const ERRNO = 0x00050000;
// struct seccomp_data: the number of the call; the low half of its first argument.
const NUMBER = 0;
const FIRST_ARGUMENT = 16;

/**
 * A seccomp(2) filter that refuses these calls as container engines' filters do: clone for user namespaces only, and
 * clone3, whose flags no filter can see, as if the kernel did not know it. The bytes are an array of struct
 * sock_filter.
 */
export function refuse(calls: readonly Call[], architecture = process.arch): Buffer {
  if (architecture !== "x64" && architecture !== "arm64") throw new Error(`refuse: not on ${architecture}`);
  const code: [code: number, jumpTrue: number, jumpFalse: number, value: number][] = [];
  for (const call of calls) {
    const error = ERRNO | (call === "clone3" ? ENOSYS : EPERM);
    const flags: typeof code = [
      [LOAD, 0, 0, FIRST_ARGUMENT],
      [JUMP_IF_ANY_BIT, 0, 1, CLONE_NEWUSER],
    ];
    const match = [...(call === "clone" ? flags : []), [RETURN, 0, 0, error]] as typeof code;
    code.push([LOAD, 0, 0, NUMBER], [JUMP_IF_EQUAL, 0, match.length, CALLS[call][architecture]], ...match);
  }
  code.push([RETURN, 0, 0, ALLOW]);
  const filter = Buffer.alloc(code.length * 8);
  for (const [index, [operation, jumpTrue, jumpFalse, value]] of code.entries()) {
    filter.writeUInt16LE(operation, index * 8);
    filter.writeUInt8(jumpTrue, index * 8 + 2);
    filter.writeUInt8(jumpFalse, index * 8 + 3);
    filter.writeUInt32LE(value, index * 8 + 4);
  }
  return filter;
}
