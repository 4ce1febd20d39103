#!/bin/sh
# Creates, joins and stops the environment: one process per user, the holder, that keeps a user namespace
# with the full id map (0 = the user, 1..65536 = the subordinate ids) and a mount namespace whose root is an
# FHS root (the rootfs) plus the host's other directories. Rootless podman needs that map, and the launchers
# that come with FHS roots map one id only. POSIX sh and util-linux, nothing else; see docs/how-it-works.md.
# shellcheck disable=SC2030,SC2031 # what a subshell learns about the holder is read again from its file
set -eu

usage() {
  cat <<'USAGE'
Usage: enter.sh [OPTIONS] COMMAND

  start               create the environment, unless it runs
  exec CMD [ARG...]   run a command in it (starts it if needed)
  shell               an interactive shell in it
  mount               add the read-only stores listed in DIR/segments, a line "IMAGE MOUNTPOINT" each
  status              say whether it runs; exit 3 when it does not
  stop                stop its containers and end its processes

  --rootfs DIR        the FHS root                    [PODMAN_ROOTLESS_ROOTFS]
  --graph-root DIR    podman's image store            [PODMAN_ROOTLESS_GRAPH_ROOT]
  --driver NAME       fuse-overlayfs, overlay or vfs  [PODMAN_ROOTLESS_DRIVER]
  --dir DIR           the environment's own state     [PODMAN_ROOTLESS_DIR]
USAGE
}

say() { printf 'podman-rootless: %s\n' "$*" >&2; }
die() { say "$*"; exit 125; } # 125: podman's own code for "not the command's fault"

# --- Settings ---------------------------------------------------------------------------------------

rootfs=${PODMAN_ROOTLESS_ROOTFS-}
graph_root=${PODMAN_ROOTLESS_GRAPH_ROOT-}
driver=${PODMAN_ROOTLESS_DRIVER:-fuse-overlayfs}
dir=${PODMAN_ROOTLESS_DIR-}

while [ $# -gt 0 ]; do
  case $1 in
    --rootfs | --graph-root | --driver | --dir) [ $# -ge 2 ] || die "$1 needs a value; see --help" ;;
  esac
  case $1 in
    --rootfs) rootfs=$2 && shift 2 ;;
    --graph-root) graph_root=$2 && shift 2 ;;
    --driver) driver=$2 && shift 2 ;;
    --dir) dir=$2 && shift 2 ;;
    -h | --help) usage && exit 0 ;;
    -*) die "unknown option $1; see --help" ;;
    *) break ;;
  esac
done

# Runs this script again: again COMMAND [WRAPPER...]
again() {
  verb=$1
  shift
  "$@" sh "$0" --rootfs "$rootfs" --graph-root "$graph_root" --driver "$driver" --dir "$dir" "$verb"
}

# Fills in what was not said. Forks nothing when rootfs, graph root and dir are given, as the action does.
settle() {
  case $driver in
    fuse-overlayfs | overlay) layers=overlay ;;
    vfs) layers=vfs ;;
    *) die "unknown storage driver '$driver'. Expected fuse-overlayfs, overlay or vfs." ;;
  esac
  [ -d "$rootfs/usr/bin" ] || die "no FHS root at '$rootfs' (it has no usr/bin): give one with --rootfs"
  : "${graph_root:=${XDG_DATA_HOME:-$HOME/.local/share}/podman-rootless/storage}"
  if [ -z "$dir" ] || [ -z "${XDG_RUNTIME_DIR-}" ]; then settle_runtime; fi
}

# The runtime directory as podman itself looks for it, and in it one place for each graph root: podman's
# database of the store pins the paths of its run directories, and two environments on one store would not
# see each other's containers and locks.
settle_runtime() {
  runtime=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
  [ -w "$runtime" ] || runtime=/tmp/podman-rootless-$(id -u)
  export XDG_RUNTIME_DIR="$runtime"
  id=$(printf '%s' "$graph_root" | cksum)
  : "${dir:=$runtime/podman-rootless/${id%% *}}"
}

# --- The holder -------------------------------------------------------------------------------------

# True when the recorded holder lives: same pid, same start time (proc_pid_stat(5), field 22), same boot.
# Sets holder, uid, gid, userns and XDG_RUNTIME_DIR. It is on the way of every podman command: builtins only.
holder_alive() {
  [ -r "$dir/holder" ] || return 1
  { read -r holder started boot uid gid userns XDG_RUNTIME_DIR && read -r holds; } <"$dir/holder" || return 1
  if [ "$boot" != "$(boot_id)" ] || [ "$(start_time "$holder")" != "$started" ]; then return 1; fi
  [ "$holds" = "$driver on $rootfs" ] ||
    die "the store $graph_root is in use by another environment ($holds); stop that one first: kill $holder"
}

boot_id() { read -r id </proc/sys/kernel/random/boot_id && echo "$id"; }

start_time() { # PID; prints nothing for a process that is gone or a zombie
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  # shellcheck disable=SC2086 # split on purpose; what follows the last ")" is all numbers
  set -- ${stat##*) }
  [ "$1" = Z ] || echo "${20}"
}

# The pids of the processes whose user namespace is $1, as "user:[4026532000]".
members() {
  # shellcheck disable=SC2012 # find prints no link targets in POSIX, and these names are numbers
  ls -l /proc/[0-9]*/ns/user 2>/dev/null |
    awk -v userns="$1" '$NF == userns { split($(NF - 2), path, "/"); print path[3] }'
}

end_processes() { # USERNS; TERM first, KILL what is left after a second
  for signal in TERM KILL; do
    pids=$(members "$1")
    [ -n "$pids" ] || return 0
    # shellcheck disable=SC2086 # one argument a pid
    kill -s "$signal" $pids 2>/dev/null || :
    tries=0
    while [ -n "$(members "$1")" ] && [ "$tries" -lt 20 ]; do
      sleep 0.05
      tries=$((tries + 1))
    done
  done
}

# --- Start ------------------------------------------------------------------------------------------

start() {
  (umask 077 && mkdir -p "$dir/root" "$graph_root" "$XDG_RUNTIME_DIR") || die "cannot make the directories above"
  # shellcheck disable=SC3067 # -O: dash, bash and busybox know it
  [ -O "$dir" ] || die "$dir belongs to another user; remove it or give another --dir"
  # In a subshell, so that file descriptor 9 of the caller stays what it is.
  (flock 9 && { holder_alive || start_locked; }) 9>"$dir/lock" || exit 125
  holder_alive || die "the environment ended as soon as it started; see $dir/log"
}

start_locked() {
  uid=$(id -u) gid=$(id -g)
  [ ! -e "$dir/holder" ] || recover
  # The holder answers on a pipe: its pid, then "ready"; the pipe ends early when it fails.
  (new_user_namespace </dev/null 2>"$dir/log" 9>&- &) | {
    if read -r holder && map_ids && read -r state && [ "$state" = ready ]; then
      userns=$(readlink "/proc/$holder/ns/user")
      printf '%s\n' "$holder $(start_time "$holder") $(boot_id) $uid $gid $userns $XDG_RUNTIME_DIR" \
        "$driver on $rootfs" >"$dir/holder"
    else
      sed 's/^/podman-rootless: /' "$dir/log" >&2
      [ -z "${holder-}" ] || kill "$holder" 2>/dev/null || :
      die "the environment did not start (rootfs $rootfs, state in $dir)"
    fi
  }
}

# After the holder was killed, or the machine restarted: containers of then would keep their own view of the
# store, and podman must find its run directories empty to know that they have ended.
recover() {
  say "the environment's holder is gone; starting anew (containers that ran have ended)"
  # The kernel reuses the numbers of namespaces: only one in which somebody knows our storage.conf is ours.
  for pid in $([ "$boot" != "$(boot_id)" ] || members "$userns"); do
    ! grep -qF "CONTAINERS_STORAGE_CONF=$dir/storage.conf" "/proc/$pid/environ" 2>/dev/null || {
      end_processes "$userns"
      break
    }
  done
  rm -rf "$dir/holder" "$dir/run" "$dir/libpod"
}

# Where AppArmor keeps user namespaces from programs without a profile (Ubuntu 24.04 on), a process that
# already has CAP_SYS_ADMIN may still create one. Nothing of the machine's policy changes: the capability is
# gone with the unshare, and the namespace belongs to the user as always.
new_user_namespace() {
  read -r restricted 2>/dev/null </proc/sys/kernel/apparmor_restrict_unprivileged_userns || restricted=0
  if [ "$restricted" = 1 ] && [ "$uid" != 0 ] && sudo -n true 2>/dev/null; then
    again hold exec setsid sudo -n setpriv --reuid "$uid" --regid "$gid" --init-groups \
      --inh-caps +sys_admin --ambient-caps +sys_admin unshare --user
  fi
  again hold exec setsid unshare --user # a session of its own: no terminal or job control reaches it
}

map_ids() {
  sub_uids=$(subordinate /etc/subuid) && sub_gids=$(subordinate /etc/subgid) || return
  write_map uid "$uid" "$sub_uids" && write_map gid "$gid" "$sub_gids"
}

subordinate() { # FILE; the start of the user's first range of 65,536 ids or more, subuid(5)
  awk -F : -v name="$(id -un)" -v id="$uid" \
    '($1 == name || $1 == id) && $3 >= 65536 { print $2; found = 1; exit } END { exit !found }' "$1" ||
    die "no range of 65536 ids for $(id -un) in $1; add one: sudo usermod --add-subuids 100000-165535" \
      "--add-subgids 100000-165535 $(id -un)"
}

# newuidmap(1) is setuid root and checks the range; where it is missing or cannot do it, root writes the map.
write_map() { # uid|gid OWN_ID FIRST_SUBORDINATE
  failed=$("new${1}map" "$holder" 0 "$2" 1 1 "$3" 65536 2>&1) && return
  printf '0 %s 1\n1 %s 65536\n' "$2" "$3" | as_root tee "/proc/$holder/${1}_map" >/dev/null 2>&1 ||
    die "cannot write the $1 map: $failed. Install the package uidmap (newuidmap, setuid root), or allow sudo."
}

as_root() { if [ "$uid" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

# --- In the holder ----------------------------------------------------------------------------------

# Runs in the new user namespace, without any capability until the maps are there and a program is executed.
hold() {
  echo $$
  tries=0
  until { read -r _ </proc/self/uid_map && read -r _ </proc/self/gid_map; } 2>/dev/null; do
    [ "$tries" -lt 2000 ] || die "nobody wrote the id maps"
    tries=$((tries + 1))
    sleep 0.005
  done
  again compose exec unshare --mount --propagation slave
}

# Puts the root together on a tmpfs, and moves into it.
compose() {
  new=$dir/root
  mount -t tmpfs -o mode=0755 podman-rootless "$new"
  mount --make-unbindable "$new" # or binding /run below would bind it into itself
  mkdir "$new/etc" "$new/host" "$new/.host-etc"
  compose_from_rootfs
  compose_from_host
  compose_run_root
  compose_etc
  mount --make-private "$new"
  become_root
}

# Makes the composed tree the root of the mount namespace itself. A chroot alone would not do: the kernel
# refuses to create user namespaces below one (user_namespaces(7), EPERM), and podman nests them.
become_root() {
  cd "$new"
  if command -v pivot_root >/dev/null; then
    pivot_root . host
    PATH=/usr/bin:/usr/sbin:/bin:/sbin
    # FHS roots of 2021 and before have links to /host/etc; elsewhere the old root is of no use here.
    case $(readlink "$rootfs/etc/passwd" || :) in /host/*) ;; *) umount -l /host ;; esac
    settle_in
  else
    # Not every machine has it (Debian after trixie): as switch_root(8) does, over the old root.
    mount --rbind / host
    mount -n --move . /
    again settle-in exec chroot .
  fi
}

# The last steps, in the new root: tells podman of the store, says "ready" and holds.
settle_in() {
  export CONTAINERS_STORAGE_CONF="$dir/storage.conf" # by which recover knows its processes
  mount_segments
  echo ready
  exec sleep infinity >/dev/null 2>&1
}

compose_from_rootfs() {
  for path in "$rootfs"/*; do
    name=${path##*/}
    case $name in etc | nix | nix-support | proc | sys | dev | home | tmp | run | var | root) continue ;; esac
    if [ -h "$path" ]; then
      ln -s "$(readlink "$path")" "$new/$name"
    elif [ -d "$path" ]; then
      mkdir "$new/$name"
      mount --rbind "$path" "$new/$name"
    fi
  done
}

compose_from_host() {
  for path in /*; do
    name=${path##*/}
    # What holds software is the rootfs's alone, even where the rootfs has no such directory.
    case $name in usr | bin | sbin | lib* | etc | host | lost+found) continue ;; esac
    if [ -h "$path" ]; then
      ln -sfn "$(readlink "$path")" "$new/$name"
    elif [ -d "$path" ]; then
      mkdir -p "$new/$name"
      mount --rbind "$path" "$new/$name" || say "left out $path: it cannot be bound"
    fi
  done
}

# Rootless podman up to 5.8 keeps its run root at $XDG_RUNTIME_DIR/containers whatever storage.conf says, as
# the host's own podman does: ours lies over its directories. The credentials beside them, auth.json, stay.
compose_run_root() {
  for name in "$layers" "$layers-containers" "$layers-layers" "$layers-locks" networks; do
    mkdir -p "$dir/run/$name" "$XDG_RUNTIME_DIR/containers/$name"
    mount --bind "$dir/run/$name" "$new$XDG_RUNTIME_DIR/containers/$name"
  done
}

# The rootfs's own /etc, the few files of the host's that name its users, hosts and certificates, and our
# /etc/containers; the host's, made for the host's podman, stays out.
compose_etc() {
  mount --rbind /etc "$new/.host-etc"
  for path in "$rootfs"/etc/*; do ln -s "$path" "$new/etc/${path##*/}"; done
  for name in passwd group hosts host.conf hostname resolv.conf nsswitch.conf localtime timezone machine-id \
    services protocols cdi static; do
    [ ! -e "/etc/$name" ] || ln -sfn "/.host-etc/$name" "$new/etc/$name"
  done
  for name in ssl/certs/ca-certificates.crt pki/tls/certs/ca-bundle.crt; do
    [ ! -e "/etc/$name" ] || ln -sfn "/.host-etc/${name%%/*}" "$new/etc/${name%%/*}"
  done
  [ -h "$new/etc/mtab" ] || ln -s /proc/self/mounts "$new/etc/mtab"
  # libsubid does not follow links.
  for name in subuid subgid; do
    rm -f "$new/etc/$name"
    cp "/etc/$name" "$new/etc/$name"
  done

  from=$(dirname -- "$0")/etc/containers
  [ -d "$from" ] || from=$rootfs/etc/containers
  rm -f "$new/etc/containers"
  mkdir "$new/etc/containers"
  cp "$from/policy.json" "$from/registries.conf" "$from/containers.conf" "$new/etc/containers"
  {
    echo "tmp_dir = \"$dir/libpod\""
    # Without a session bus podman would fall back to cgroupfs anyway, with a warning at every command.
    [ -S "$XDG_RUNTIME_DIR/bus" ] || echo 'cgroup_manager = "cgroupfs"'
  } >>"$new/etc/containers/containers.conf"
}

# Mounts the segments that nobody has mounted yet (the action does it in the kernel, with sudo; after the
# holder died they are gone) and tells podman of all that are there.
mount_segments() {
  stores=
  [ -e "$dir/segments" ] || : >"$dir/segments"
  while read -r image mountpoint; do
    grep -qF " $mountpoint " /proc/self/mounts ||
      { mkdir -p "$mountpoint" && squashfuse_ll "$image" "$mountpoint" </dev/null; } ||
      { say "left out the cached store $image: it cannot be mounted" && continue; }
    stores="$stores\"$mountpoint\", "
  done <"$dir/segments"
  write_storage_conf >"$dir/storage.conf.new"
  mv "$dir/storage.conf.new" "$dir/storage.conf"
}

# storage.conf(5). Rootless podman takes the graph root from rootless_storage_path up to 5.8.
write_storage_conf() {
  echo '[storage]'
  printf '%s = "%s"\n' driver "$layers" graphroot "$graph_root" rootless_storage_path "$graph_root" \
    runroot "$XDG_RUNTIME_DIR/containers"
  printf '[storage.options]\nadditionalimagestores = [%s]\n' "${stores%, }"
  [ "$driver" != fuse-overlayfs ] ||
    printf '[storage.options.overlay]\nmount_program = "/usr/bin/fuse-overlayfs"\n'
}

# --- Join -------------------------------------------------------------------------------------------

# The command gets everything as it is at the caller's: arguments, descriptors, groups, umask, limits,
# directory. Only PATH is led by the rootfs's, and podman is told that it already stands in its namespace.
join() {
  holder_alive || start
  export _CONTAINERS_USERNS_CONFIGURED="done" _CONTAINERS_ROOTLESS_UID="$uid" _CONTAINERS_ROOTLESS_GID="$gid"
  export XDG_RUNTIME_DIR CONTAINERS_STORAGE_CONF="$dir/storage.conf"
  PODMAN_ROOTLESS_CALLER_PATH=${PODMAN_ROOTLESS_CALLER_PATH:-$PATH}
  export PODMAN_ROOTLESS_CALLER_PATH
  # shellcheck disable=SC2016 # expanded by the shell inside
  exec nsenter --target "$holder" --user --mount --preserve-credentials -- /bin/sh -c '
    PATH=/usr/bin:/usr/sbin:/bin:/sbin:$PODMAN_ROOTLESS_CALLER_PATH
    unset PODMAN_ROOTLESS_CALLER_PATH PODMAN_ROOTLESS_ROOTFS PODMAN_ROOTLESS_GRAPH_ROOT \
      PODMAN_ROOTLESS_DRIVER PODMAN_ROOTLESS_DIR
    # A directory that was deleted stays a deleted one: the command says so in its own words.
    cd -- "$0" 2>/dev/null || { gone=$(mktemp -d) && cd -- "$gone" && rmdir -- "$gone"; }
    exec "$@"' "$PWD" "$@"
}

stop() {
  holder_alive || return 0
  [ ! -x "$rootfs/usr/bin/podman" ] || (join podman stop --all --time 10 >/dev/null) || :
  end_processes "$userns"
  rm -rf "$dir/holder" "$dir/run" "$dir/libpod" "$dir/root" "$dir/log" || :
}

status() {
  if holder_alive; then
    echo "running: holder $holder, rootfs $rootfs, graph root $graph_root, driver $driver"
  else
    echo "stopped: rootfs $rootfs, graph root $graph_root, driver $driver"
    exit 3
  fi
}

command=${1-}
[ -n "$command" ] || { usage >&2 && exit 125; }
shift
settle
case $command in
  start) holder_alive || start ;;
  exec) [ $# -gt 0 ] || die "exec needs a command; see --help" && join "$@" ;;
  shell) if [ -x "$rootfs/usr/bin/bash" ]; then join bash -i; else join sh -i; fi ;;
  status) status ;;
  stop) stop ;;
  mount) again mount-inside join ;;
  mount-inside) mount_segments ;;
  settle-in) settle_in ;;
  hold) hold ;;
  compose) compose ;;
  *) die "unknown command '$command'; see --help" ;;
esac
