import { type Case, compare } from "../support/world/compare.ts";

const show = "ls -ln /dev/kvm | tr -s ' ' | cut -d ' ' -f 1-6";
const cases: Case[] = [
  [
    "/dev/kvm, where there is none, and as soon as there is",
    `sudo rm -f /dev/kvm; podman run --rm --device /dev/kvm $image true || echo $?
sudo mknod -m 666 /dev/kvm c 10 232; podman run --rm --device /dev/kvm $image sh -c "${show}; test -c /dev/kvm -a -w /dev/kvm"
podman run --rm --device /dev/kvm:/dev/other:r $image sh -c 'test -c /dev/other && ls /dev/kvm' || echo $?
podman run --rm --privileged $image sh -c "${show}"; sudo rm /dev/kvm`,
  ],
  [
    "/dev/kvm, for a group",
    `sudo rm -f /dev/kvm; sudo mknod -m 660 /dev/kvm c 10 232; sudo chgrp 1001 /dev/kvm
podman run --rm --device /dev/kvm --group-add keep-groups $image sh -c "${show}; test -w /dev/kvm"
sudo chgrp 0 /dev/kvm; podman run --rm --device /dev/kvm $image sh -c "${show}; test -w /dev/kvm" || echo $?; sudo rm /dev/kvm`,
  ],
  [
    "/dev/fuse, opened",
    `podman run --rm --device /dev/fuse $image sh -c 'exec 3<>/dev/fuse && readlink /proc/self/fd/3'
podman run --rm $image sh -c 'exec 3<>/dev/fuse' || echo $?
podman run --rm --device /dev/fuse --user 5 $image sh -c 'exec 3<>/dev/fuse && echo open' || echo $?`,
  ],
  [
    "a folder of devices, and what is no device",
    `sudo mkdir -p /dev/made; sudo mknod -m 666 /dev/made/null c 1 3; podman run --rm --device /dev/made $image sh -c 'echo x >/dev/made/null; ls /dev/made'
touch file; podman run --rm --device $PWD/file $image true || echo $?; podman run --rm --device /dev/null:nosuch:zz $image true || echo $?; sudo rm -r /dev/made
podman run --rm --device-cgroup-rule 'c 1:3 rw' $image true || echo $?; podman run --rm --gpus all $image true || echo $?`,
  ],
];

compare(cases);
