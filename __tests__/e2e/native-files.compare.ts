import { type Case, compare } from "../support/world/compare.ts";

/** Names, owners and modes of all below the directory that a script runs in, as the machine sees them. */
const list = "find . -printf '%p %U %G %M\\n' | sort";
const cases: Case[] = [
  [
    "--user",
    `podman run --rm --user 65534:65534 $image sh -c 'id; touch /tmp/made; ls -ln /tmp | tail -n 1 | cut -c 1-40; touch /made'  || echo $?
printf 'FROM %s\\nRUN echo nobody:x:65534:65534::/:/bin/false >>/etc/passwd\\n' $image | podman build --quiet --tag localhost/users -
podman run --rm --user nobody $image id || echo $?
podman run --rm --user nobody localhost/users sh -c 'id; pwd; echo $HOME'; podman rmi localhost/users`,
  ],
  [
    "groups",
    `podman run --rm --group-add 5 --group-add keep-groups $image id || echo $?
podman run --rm --group-add keep-groups $image id; podman run --rm --group-add 5 $image id`,
  ],
  [
    "owners in a bind mount",
    `mkdir bound; touch bound/given
podman run --rm --volume ./bound:/bound $image sh -c 'ls -ln /bound | cut -c 1-30; cd /bound
  for id in 0 1 33 65535 65536; do touch $id; chown $id:$id $id; done; chown 65537 given || echo $?'
${list}`,
  ],
  [
    "a bind mount that is read-only, and one of nothing",
    `mkdir bound; podman run --rm --volume ./bound:/bound:ro $image touch /bound/made || echo $?
podman run --rm --volume ./nosuch:/bound $image true || echo $?
podman run --rm --mount type=bind,src=.,dst=/bound,ro $image touch /bound/made || echo $?`,
  ],
  [
    "--volume with :U",
    `mkdir bound; touch bound/given
podman run --rm --user 1000:1000 --volume ./bound:/bound:U $image sh -c 'touch /bound/made; ls -ln /bound | cut -c 1-30'
${list}; podman unshare chown -R 0:0 .; ${list}`,
  ],
  [
    "--userns=keep-id",
    `mkdir bound
podman run --rm --userns keep-id --volume ./bound:/bound --workdir /bound $image sh -c 'id; touch made; mkdir -p a/b
  cat /proc/self/uid_map /proc/self/gid_map /etc/passwd; ls -ln | cut -c 1-30'
find bound -printf '%p %u %g\\n' | sort; rm -r bound`,
  ],
  [
    "other maps",
    `for map in keep-id:uid=5,gid=6 nomap auto:size=100 host; do
  podman run --rm --userns $map $image sh -c 'id; cat /proc/self/uid_map /proc/self/gid_map'
done
podman run --rm --uidmap 0:1:10 --gidmap 0:5:10 $image cat /proc/self/uid_map /proc/self/gid_map
podman run --rm --userns keep-id:uid=70000 $image id || echo $?`,
  ],
  [
    "unshare",
    `podman unshare cat /proc/self/uid_map /proc/self/gid_map; podman unshare id
touch made; podman unshare chown 5:6 made; ${list}; podman unshare rm made; ${list}
podman unshare sh -c 'exit 4' || echo $?; podman unshare nosuch 2>/dev/null || echo $?`,
  ],
  [
    "named volumes",
    `podman volume create kept; podman run --rm --volume kept:/kept $image sh -c 'echo kept >/kept/file; chown 5:5 /kept/file'
podman run --rm --volume kept:/kept:ro $image sh -c 'cat /kept/file; ls -ln /kept; touch /kept/other' | cut -c 1-30 || echo $?
podman volume ls; podman volume inspect kept | grep -vE 'CreatedAt|LockNumber'
podman volume export kept >tar; tar --list --verbose --numeric-owner --file tar | cut -c 1-30
podman volume create copy; podman volume import copy tar; podman run --rm --volume copy:/copy $image cat /copy/file
podman run --detach --name user --volume kept:/kept $image sleep 1000; podman volume rm kept || echo $?
podman rm --force --time 0 user; podman volume rm kept copy; podman volume rm kept || echo $?`,
  ],
  [
    "volumes without a name, and those of another container",
    `podman run --detach --name first --volume /made $image sleep 1000; podman exec first touch /made/file
podman run --rm --volumes-from first $image ls /made; podman rm --force --time 0 --volumes first; podman volume ls`,
  ],
  [
    "directories in memory, a root that is read-only",
    `podman run --rm --read-only --tmpfs /tmpfs $image sh -c 'touch /tmpfs/made; touch /tmp/made; touch /made; df -T /tmpfs | tail -n 1 | cut -c 1-20'`,
  ],
  [
    "files of the machine",
    `podman run --rm --volume /etc/hostname:/a:ro --volume /run:/run/machine --volume /home:/homes $image sh -c 'cat /a; ls -An /run/machine/user | cut -c 1-30; ls /homes /homes/runner/case'`,
  ],
  [
    "devices",
    `podman run --rm --device /dev/fuse --device /dev/net/tun $image ls -ln /dev/fuse /dev/net/tun
podman run --rm --device /dev/nosuch $image true || echo $?
podman run --rm $image sh -c 'cd /dev; ls -ln fuse; for node in *; do echo $node; done'
podman run --rm --privileged $image sh -c 'ls /dev'`,
  ],
  [
    "what a process may",
    `for options in '' --privileged '--cap-drop all --security-opt no-new-privileges' '--cap-add net_admin --security-opt seccomp=unconfined'; do
  podman run --rm $options $image grep -E 'Cap|Seccomp|NoNew|Groups' /proc/self/status
done`,
  ],
  [
    "what a process sees",
    `podman run --rm $image sh -c 'cat /proc/self/limits /proc/self/cgroup; cut -d " " -f 4- /proc/self/mountinfo | sort; cat /proc/self/oom_score_adj'`,
  ],
  [
    "copying in and out, changes",
    `podman create --name copied $image sh -c 'mkdir /made; echo one >/made/file; chown 5:5 /made/file'; podman start --attach copied
echo two >two; podman cp two copied:/made/two; podman cp copied:/made out; cat out/*; ${list}
podman diff copied | sort; podman export copied | tar --list --verbose --numeric-owner | grep made | cut -c 1-30 | sort
podman commit --quiet copied localhost/committed; podman rm copied
podman run --rm localhost/committed ls -n /made | cut -c 1-30; podman rmi localhost/committed`,
  ],
];

compare(cases);
