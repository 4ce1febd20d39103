import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Case, compare } from "../support/world/compare.ts";

const functions = join(import.meta.dirname, "../support/world/docker-tools.sh");
const store = "podman run --rm $image cat /bin/busybox >busybox; chmod +x busybox; make_store busybox";
/** All files of an image, as they are in the store. */
const files = `podman unshare sh -c 'cd $(podman image mount $0); find . -mindepth 1 -printf "%p %M %U %G %T@ %s %l\\n" | sort; podman image umount $0'`;

// Archives with the layouts of nixpkgs' dockerTools.
const cases: Case[] = [
  [
    "buildImage",
    `${store}; build_image archive.tar.gz 315532800; tar --list --verbose --file archive.tar.gz; gunzip archive.tar.gz
for way in '--input archive.tar' '--quiet --input archive.tar' -; do
  if [ "$way" = - ]; then podman load <archive.tar; else podman load $way; fi
  podman run --rm hello:built; podman run --rm --user 1000 --read-only hello:built
  podman image inspect hello:built; podman history --human=false hello:built; podman rmi hello:built
done`,
  ],
  [
    "buildImage, with the times of older ones",
    `${store}; build_image archive.tar.gz 1; gunzip archive.tar.gz; podman load --input archive.tar
podman run --rm hello:built; ${files} hello:built; podman rmi hello:built`,
  ],
  [
    "streamLayeredImage",
    `${store}; stream_layered_image 1 | podman load; podman run --rm hello:streamed; podman image inspect hello:streamed
podman history --human=false hello:streamed; podman image tree hello:streamed; ${files} hello:streamed
stream_layered_image 1 | podman load --quiet; podman rmi hello:streamed`,
  ],
  [
    "compressed, as buildImage makes it",
    `${store}; build_image archive.tar.gz 315532800; podman load --input archive.tar.gz; podman run --rm hello:built; podman rmi hello:built
podman load <archive.tar.gz; podman rmi hello:built; stream_layered_image 1 | gzip | podman load; podman rmi hello:streamed
skopeo copy docker-archive:archive.tar.gz containers-storage:localhost/hello:copied; podman run --rm hello:copied; podman rmi hello:copied
skopeo copy --dest-tls-verify=false docker-archive:archive.tar.gz docker://$registry/hello:nix; podman run --rm docker-archive:archive.tar.gz; podman rmi hello:built`,
    0,
    { bookworm: "podman load does not uncompress archives" },
  ],
  [
    "both have the same store paths; a build on top; saved again",
    `${store}; build_image built.tar.gz 1; gunzip built.tar.gz; stream_layered_image 1 >streamed.tar; podman load --input built.tar; podman load --input streamed.tar
printf 'FROM hello:streamed\\nRUN ["/bin/hello"]\\nCOPY busybox /\\n' | podman build --tag localhost/on-top --file - .
podman run --rm --entrypoint /busybox localhost/on-top ls -ln /nix/store; podman save hello:streamed | md5sum; podman save hello:built | podman load
podman save --format oci-archive hello:built | podman load; podman rmi localhost/on-top hello:built hello:streamed`,
  ],
  [
    "skopeo, and names with a transport",
    `${store}; build_image built.tar.gz 315532800; gunzip built.tar.gz; stream_layered_image 1 >streamed.tar
for name in built streamed; do
  skopeo inspect docker-archive:$name.tar; skopeo copy docker-archive:$name.tar oci:oci; skopeo inspect --config oci:oci; rm -r oci
  skopeo copy docker-archive:$name.tar containers-storage:localhost/hello:copied; podman run --rm hello:copied; podman rmi hello:copied
  skopeo copy --dest-tls-verify=false docker-archive:$name.tar docker://$registry/hello:nix; podman run --rm --tls-verify=false $registry/hello:nix
  podman run --rm docker-archive:$name.tar; podman pull docker-archive:$name.tar; podman rmi $registry/hello:nix hello:$name
done`,
  ],
];

compare(cases, { before: () => readFileSync(functions, "utf8") });
