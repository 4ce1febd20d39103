// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows, and shell
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { IMAGES } from "../assets/images.ts";
import type { Step } from "../runner/workflow.ts";

const podman = "${{ steps.podman.outputs.podman }}";

/** An image that is more than this action's ancestors could cope with, and one to build on. */
export interface MainJobImages {
  /** Has python3. */
  big: string;
  /** Has bash. */
  base: string;
  /** Has busybox with httpd. */
  web: string;
}

export const localImages = (host: string): MainJobImages => ({
  big: `${host}/${IMAGES.big}`,
  base: `${host}/${IMAGES.debian}`,
  web: `${host}/${IMAGES.busybox}`,
});

export const publicImages: MainJobImages = {
  big: "docker.io/library/python:3.13",
  base: "docker.io/library/python:3.13-slim",
  web: "docker.io/library/busybox:stable",
};

/** Builds on a base as people do: packages, a user, file capabilities, files of uids above 1000. */
const containerfile = ({ base }: MainJobImages) => `FROM ${base}
RUN mkdir -p /srv/app /tmp/demo/DEBIAN \\
 && printf 'Package: demo\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: demo\\nDescription: demo\\n' >/tmp/demo/DEBIAN/control \\
 && dpkg-deb --build /tmp/demo /tmp/demo.deb \\
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes /tmp/demo.deb \\
 && dpkg-query --show demo >/srv/app/control && cp /srv/app/control /srv/app/dpkg
RUN useradd --uid 4321 app && install -o app -g app -m 0640 /srv/app/dpkg /srv/app/owned
COPY setcap.py /tmp/setcap.py
RUN python3 /tmp/setcap.py /usr/bin/python3 && rm /tmp/setcap.py
USER app
CMD ["id"]
`;

/** Sets cap_net_bind_service=ep as setcap(8) does: struct vfs_cap_data, revision 2, little endian. */
const setcap = `import os, struct, sys
os.setxattr(os.path.realpath(sys.argv[1]), "security.capability", struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
`;

/** Files of the repository that the job checks out, written to `directory`. */
export function writeWorkspace(directory: string, images: MainJobImages): void {
  mkdirSync(join(directory, "image"), { recursive: true });
  writeFileSync(join(directory, "image", "Containerfile"), containerfile(images));
  writeFileSync(join(directory, "image", "setcap.py"), setcap);
  writeFileSync(join(directory, "hello.txt"), "hello\n");
}

/** The main job of this project: the action, then what people do with podman. */
export function mainJob(images: MainJobImages, port: number, inputs: Record<string, string>): Step[] {
  return [
    { id: "podman", name: "es-nix/podman-rootless", uses: true, with: inputs },
    {
      id: "registries",
      name: "Allow the registry on loopback",
      run: `mkdir -p ~/.config/containers
printf '[[registry]]\\nlocation = "%s"\\ninsecure = true\\n' ${images.big.split("/")[0]} >~/.config/containers/registries.conf`,
    },
    {
      id: "run",
      name: "Run Python in the big image",
      run: `${podman} run --rm ${images.big} python3 -c 'import sys; print("python", sys.version_info[0])'`,
    },
    {
      id: "map",
      name: "Show the id map",
      run: `${podman} run --rm ${images.big} cat /proc/self/uid_map`,
    },
    {
      id: "build",
      name: "Build an image",
      run: `${podman} build --tag localhost/demo image
${podman} run --rm localhost/demo
${podman} run --rm localhost/demo ls -ln /srv/app/owned
${podman} run --rm localhost/demo python3 -c 'import os; print(os.getxattr(os.path.realpath("/usr/bin/python3"), "security.capability").hex())'`,
    },
    {
      id: "mount",
      name: "Work on the checkout in a container",
      run: `${podman} run --rm --tty --workdir /code --volume "$PWD":/code ${images.base} bash -c "ls -al && id && echo made >made.txt"
stat --format '%U %n' made.txt`,
    },
    {
      id: "port",
      name: "Answer over HTTP from a published port",
      run: `${podman} run --detach --name web --publish 127.0.0.1:${port}:8080 --volume "$PWD":/www:ro ${images.web} httpd -f -p 8080 -h /www
curl --silent --fail --retry 20 --retry-delay 1 --retry-all-errors http://127.0.0.1:${port}/hello.txt
${podman} rm --force --time 0 web`,
    },
    { id: "images", name: "List images", run: `${podman} images` },
  ];
}
