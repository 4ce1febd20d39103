import { afterAll, beforeAll } from "@jest/globals";
import { IMAGES, imageRegistryData } from "../support/assets/images.ts";
import { type Registry, startRegistry } from "../support/assets/registry.ts";
import { type Case, compare, MORE } from "../support/world/compare.ts";

let images: Registry;
beforeAll(async () => {
  images = await startRegistry({ directory: await imageRegistryData(), readOnly: true });
}, 900_000);
afterAll(() => images.close());

/** `agent`, which starts one with two keys; and ask.py, which asks one how many it has (its message 11, answer 12). */
const functions = `
agent() {
  for key in key1 key2; do ssh-keygen -q -t ed25519 -N '' -C $key -f $key; done
  eval $(ssh-agent) >/dev/null; trap 'ssh-agent -k >/dev/null' EXIT; ssh-add -q key1 key2
}
cat >ask.py <<'PYTHON'
import os, socket, stat, sys
path = os.environ.get("SSH_AUTH_SOCK", "nowhere")
if len(sys.argv) > 1: path = sys.argv[1]
status = os.stat(path)
print(path, stat.filemode(status.st_mode), status.st_uid, status.st_gid, flush=True)
agent = socket.socket(socket.AF_UNIX)
agent.connect(path)
agent.sendall(bytes([0, 0, 0, 1, 11]))
def read(size): return b"".join(agent.recv(1) for _ in range(size))
answer = read(int.from_bytes(read(4), "big"))
print("answer", answer[0], "keys", int.from_bytes(answer[1:5], "big"))
PYTHON
build() { podman build --no-cache --quiet=false --tls-verify=false "$@" .; }
`;

const cases: Case[] = [
  [
    "the agent, for the step that wants it, and only for that",
    `agent; podman pull --quiet --tls-verify=false $debian; printf 'FROM %s\\nCOPY ask.py /\\nRUN --mount=type=ssh python3 /ask.py\\nRUN env | grep SSH || ls /run\\n' $debian >Containerfile
build --ssh default; build --ssh default=$SSH_AUTH_SOCK; podman build --quiet --ssh default . >/dev/null`,
  ],
  [
    "agents by name, their place, owner and mode",
    `agent; printf 'FROM %s\\nCOPY ask.py /\\nRUN --mount=type=ssh,id=other,target=/agent,mode=0666,uid=5,gid=6 python3 /ask.py /agent\\nUSER 5\\nRUN --mount=type=ssh,id=other,uid=5 python3 /ask.py\\n' $debian >Containerfile
build --ssh other=$SSH_AUTH_SOCK; build --ssh default --ssh other`,
  ],
  [
    "a key instead of an agent",
    `agent; unset SSH_AUTH_SOCK; printf 'FROM %s\\nCOPY ask.py /\\nRUN --mount=type=ssh python3 /ask.py\\n' $debian >Containerfile
build --ssh default=key1`,
  ],
  [
    "no agent, another's agent, an agent that is gone",
    `agent; printf 'FROM %s\\nCOPY ask.py /\\nRUN --mount=type=ssh,id=other,required=true python3 /ask.py\\n' $debian >Containerfile
build || echo $?; build --ssh default || echo $?
printf 'FROM %s\\nRUN --mount=type=ssh,id=other true\\n' $debian >Containerfile; build --ssh default || echo $?
printf 'FROM %s\\nCOPY ask.py /\\nRUN --mount=type=ssh python3 /ask.py\\n' $debian >Containerfile
SSH_AUTH_SOCK=/nosuch build --ssh default || echo $?; build --ssh default=nosuch || echo $?; SSH_AUTH_SOCK= build --ssh default || echo $?`,
  ],
];

compare(cases, { packages: MORE, before: () => `debian=${images.host}/${IMAGES.debian}\n${functions}` });
