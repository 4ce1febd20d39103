import { type Case, compare } from "../support/world/compare.ts";

const cases: Case[] = [
  [
    "docker-archive",
    `podman save --output archive.tar $image; md5sum archive.tar; podman load --input archive.tar; podman load <archive.tar
podman save $image | podman load
podman tag $image localhost/one:1 localhost/two:2; podman save --multi-image-archive --output both.tar localhost/one:1 localhost/two:2
podman rmi localhost/one:1 localhost/two:2; podman load --input both.tar; podman rmi localhost/one:1 localhost/two:2`,
  ],
  [
    "docker-archive, compressed",
    `podman save --output archive.tar $image; gzip archive.tar; podman load --input archive.tar.gz; podman load <archive.tar.gz`,
    0,
    { bookworm: "podman load does not uncompress archives" },
  ],
  [
    "oci-archive",
    `podman tag $image localhost/one:1; podman save --format oci-archive --output archive.tar localhost/one:1; tar --list --file archive.tar | sort
podman rmi localhost/one:1; podman load --input archive.tar; podman run --rm localhost/one:1 echo runs; podman rmi localhost/one:1`,
  ],
  [
    "directories",
    `podman save --format oci-dir --output oci $image; cat oci/index.json | md5sum; podman pull --quiet oci:oci
podman save --format docker-dir --output docker $image; ls docker | md5sum; podman pull --quiet dir:docker
podman image prune --force >/dev/null`,
  ],
  [
    "archives that are none",
    `echo nonsense >file; podman load --input file || echo $?
podman load --input nosuch || echo $?; podman load </dev/null || echo $?`,
  ],
  [
    "push and pull",
    `podman tag $image $registry/pushed:1; podman push $registry/pushed:1 || echo $?
podman push --tls-verify=false --digestfile digest $registry/pushed:1; md5sum <digest; podman rmi $registry/pushed:1
podman pull $registry/pushed:1 || echo $?; podman pull --tls-verify=false $registry/pushed:1
podman pull --tls-verify=false $registry/pushed@$(cat digest); podman run --rm $registry/pushed:1 echo runs
podman pull --tls-verify=false $registry/pushed:nosuch || echo $?
podman image ls --format '{{.Repository}} {{.Tag}} {{.Size}}' | grep pushed; podman rmi $registry/pushed:1 $registry/pushed@$(cat digest)
podman image prune --force >/dev/null`,
  ],
  [
    "push with a format and a compression",
    `for options in '--format oci --compression-format zstd' '--format v2s2 --compression-format gzip'; do
  podman push --tls-verify=false --quiet $options $image $registry/packed:1
  skopeo inspect --raw --tls-verify=false docker://$registry/packed:1 | grep -o '"mediaType": *"[^"]*"'
done`,
  ],
  [
    "push with a compression, whatever the registry has",
    `podman push --tls-verify=false --quiet --format oci --compression-format zstd --force-compression $image $registry/forced:1
skopeo inspect --raw --tls-verify=false docker://$registry/forced:1 | grep -o '"mediaType": *"[^"]*"'`,
    0,
    { bookworm: "podman push has no --force-compression" },
  ],
  [
    "login",
    `podman login --tls-verify=false --username me --password-stdin $registry <<<word; podman login --get-login $registry
podman logout $registry; podman logout $registry || echo $?; podman login --get-login $registry || echo $?`,
  ],
  [
    "search",
    `podman search --tls-verify=false $registry/busy; podman search --tls-verify=false --list-tags $image; podman search $registry/busy || echo $?`,
  ],
  [
    "skopeo copy",
    `skopeo copy --src-tls-verify=false docker://$image oci-archive:archive.tar:name; skopeo copy docker://$image oci:oci || echo $?
skopeo copy oci-archive:archive.tar --dest-tls-verify=false docker://$registry/copied:1
skopeo inspect --tls-verify=false docker://$registry/copied:1 | grep -vE 'CREATED|Name'; skopeo inspect oci-archive:archive.tar
podman load --input archive.tar; podman rmi localhost/name
skopeo copy containers-storage:$image dir:dir; ls dir | md5sum; skopeo copy dir:dir containers-storage:localhost/stored
podman run --rm localhost/stored echo runs; podman rmi localhost/stored`,
  ],
  [
    "a list of images for several platforms",
    `podman manifest create localhost/many; podman manifest add --tls-verify=false localhost/many docker://$image
podman manifest inspect localhost/many; podman manifest push --tls-verify=false --all localhost/many docker://$registry/many:1
podman manifest rm localhost/many; podman pull --tls-verify=false --quiet $registry/many:1
podman pull --tls-verify=false --arch s390x $registry/many:1 || echo $?
podman rmi $registry/many:1`,
  ],
  [
    "about an image",
    `podman image inspect $image; podman history --human=false --format '{{.CreatedBy}} {{.Size}}' $image; podman image tree $image
podman image exists $image; podman image exists nosuch || echo $?; podman images --format '{{.Repository}} {{.Tag}} {{.Size}}' busybox
podman unshare sh -c 'ls $(podman image mount $0)/bin | md5sum; podman image umount $0' $image`,
  ],
  [
    "import",
    `podman create --name exported $image; podman export exported | podman import --quiet --change CMD=id - localhost/imported
podman rm exported; podman run --rm localhost/imported id; podman rmi localhost/imported`,
  ],
  [
    "images in use, and unknown ones",
    `podman create --name user $image; podman rmi $image || echo $?; podman rm user; podman rmi nosuch || echo $?; podman tag nosuch other || echo $?`,
  ],
];

compare(cases);
