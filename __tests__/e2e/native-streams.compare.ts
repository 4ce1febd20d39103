import { type Case, compare } from "../support/world/compare.ts";

/** A gigabyte that nobody can compress, always the same; and it as an image's only file. */
const functions = `
gigabyte() { head -c 1073741824 /dev/zero | openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 2>/dev/null; }
import() { gigabyte >file; tar --create --mtime @0 --owner 0 --group 0 file | podman import --quiet - localhost/gigabyte; rm file; }
`;
/** Reads the file back, through a container. */
const read =
  "podman run --rm --mount type=image,source=localhost/gigabyte,destination=/gigabyte $image md5sum /gigabyte/file";

const cases: Case[] = [
  ["a gigabyte into a container", `gigabyte | podman run --rm -i $image md5sum`],
  ["a gigabyte out of a container", `podman run --rm $image head -c 1073741824 /dev/zero | md5sum`],
  ["a gigabyte both ways", `gigabyte | podman run --rm -i $image cat | md5sum`],
  [
    "a gigabyte both ways, by exec",
    `podman run --detach --name joined $image sleep 1000; gigabyte | podman exec -i joined cat | md5sum; podman rm --force --time 0 joined`,
  ],
  [
    "an archive of a gigabyte from standard input",
    `import; podman save --output archive.tar localhost/gigabyte; podman rmi localhost/gigabyte
podman load <archive.tar; ${read}; podman rmi localhost/gigabyte`,
  ],
  [
    "a gigabyte from one podman to another",
    `import; podman save localhost/gigabyte | podman load; podman save localhost/gigabyte | tar --extract --to-stdout --wildcards '*.tar' | tar --extract --to-stdout file | md5sum
podman rmi localhost/gigabyte`,
  ],
  [
    "a reader that has enough",
    `podman run --rm --name writer --stop-signal KILL $image sh -c 'yes 2>/dev/null' | head -n 1 || echo "\${PIPESTATUS[@]}"; yes | podman run --rm -i $image head -n 1 || echo "\${PIPESTATUS[@]}"`,
  ],
];

compare(cases, { before: () => functions });
