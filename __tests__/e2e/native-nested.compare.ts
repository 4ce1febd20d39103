import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Case, compare } from "../support/world/compare.ts";

/** With localhost/podman in the store. `$about` tells of a podman in a container, `$inner` runs a container of its own. */
const before = () => `${readFileSync(join(import.meta.dirname, "../support/world/podman-image.sh"), "utf8")}
podman_image
outer() { podman run --rm --network host --security-opt label=disable "$@"; }
vfs="printf '[storage]\\ndriver = \\"vfs\\"\\ngraphroot = \\"/tmp/graph\\"\\nrunroot = \\"/tmp/run\\"\\n' >/tmp/vfs.conf; export CONTAINERS_STORAGE_CONF=/tmp/vfs.conf; "
inner="podman run --rm --quiet --tls-verify=false $image"
about="podman info --format '{{.Host.Security.Rootless}} {{.Store.GraphDriverName}}'; cat /proc/self/uid_map | md5sum"
`;

// As the podman project documents it: https://www.redhat.com/en/blog/podman-inside-container
const cases: Case[] = [
  [
    "an image with podman in it",
    `outer localhost/podman podman --version; outer localhost/podman sh -c "$about"`,
  ],
  [
    "rootless, with fuse-overlayfs",
    `outer --user podman --device /dev/fuse localhost/podman sh -c "$about; $inner echo inside; $inner sh -c 'id; cat /proc/self/uid_map; exit 5'" || echo $?`,
  ],
  [
    "rootless, with vfs",
    `outer --user podman localhost/podman sh -c "$vfs $about; $inner echo inside; $inner id"`,
  ],
  [
    "rootless, without /dev/fuse",
    `outer --user podman localhost/podman sh -c "$about; $inner echo inside" 2>&1 | grep -E '^(true|fuse:|inside)' || echo "\${PIPESTATUS[@]}"`,
  ],
  [
    "rootless, in a container that may all",
    `outer --privileged --user podman localhost/podman sh -c "$about; $inner echo inside; $inner id"`,
  ],
  [
    "rootful, in a container that may all, with fuse-overlayfs and with vfs",
    `outer --privileged localhost/podman sh -c "$about; $inner echo inside; $inner id"
outer --privileged localhost/podman sh -c "$vfs $inner echo inside"`,
  ],
  [
    "rootful, with some capabilities",
    `outer --cap-add sys_admin,mknod --device /dev/fuse localhost/podman sh -c "$inner echo inside; $inner id" || echo $?`,
  ],
  ["rootful, with none", `outer --device /dev/fuse localhost/podman sh -c "$inner echo inside" || echo $?`],
  [
    "a build in a container, and a store that stays",
    `podman volume create store >/dev/null
outer --user podman --device /dev/fuse --volume store:/home/podman/.local/share/containers:U localhost/podman sh -c "printf 'FROM $image\\nRUN echo built >/built\\n' | podman build --quiet --tls-verify=false --tag built - | wc -l"
outer --user podman --device /dev/fuse --volume store:/home/podman/.local/share/containers:U localhost/podman podman run --rm built cat /built; podman volume rm store`,
  ],
  [
    "the outer podman, from a container",
    `podman system service --time 0 unix://$PWD/api.sock & pid=$!
until curl --silent --unix-socket api.sock http://d/_ping >/dev/null; do sleep 0.1; done
outer --volume $PWD/api.sock:/api.sock localhost/podman podman --url unix:///api.sock run --rm $image echo beside
outer --volume $PWD/api.sock:/api.sock --env CONTAINER_HOST=unix:///api.sock localhost/podman podman --remote ps --format '{{.Image}}'; kill $pid; wait $pid || echo $?`,
  ],
];

compare(cases, { before });
