#!/bin/sh
# A throwaway machine like a GitHub-hosted runner's: namespaces of its own (mount, pid, cgroup, uts, ipc) on an
# overlay of a Debian root, with the host's network. machine.ts is its only caller. Needs root and util-linux.
#
#   machine.sh run --image DIR --directory DIR --name NAME [OPTIONS]  prints "ready PID" of its PID 1 and lives
#                                                                     until standard input ends
#   machine.sh exec CGROUP PID COMMAND...                             runs COMMAND in it, as root
set -eu

die() { echo "machine: $*" >&2 && exit 1; }

parse() {
  image='' directory='' name='' node='' subordinate_ids='' mounts='' uid=1001
  while [ $# -gt 0 ]; do
    case $1 in
      --image) image=$2 ;;
      --directory) directory=$2 ;;
      --name) name=$2 ;;
      --node) node=$2 ;;
      --subordinate-ids) subordinate_ids=$2 ;;
      --uid) uid=$2 ;;
      --mounts) mounts=$2 ;; # a file of lines "SOURCE<tab>TARGET<tab>ro|rw"
      *) die "unknown option $1" ;;
    esac
    shift 2
  done
  root=$directory/root
  # Only cgroup v2 can be handed to a user. On hybrid hosts it is mounted beside the v1 controllers.
  cgroup=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
  [ -n "$cgroup" ] || die "no cgroup2 is mounted on this host"
  cgroup=$cgroup/$name
}

# --- Outside: the launcher --------------------------------------------------------------------------

run() {
  parse "$@"
  remove_stale
  mkdir "$cgroup"
  chown "$uid:$uid" "$cgroup" "$cgroup/cgroup.procs" "$cgroup/cgroup.threads" "$cgroup/cgroup.subtree_control"
  (
    echo 0 >"$cgroup/cgroup.procs"
    # Both signals chain: launcher killed -> unshare killed -> PID 1 killed -> all of the machine killed.
    exec setpriv --pdeathsig KILL unshare --fork --kill-child=KILL --mount --propagation private --pid \
      --cgroup --uts --ipc sh "$0" inside "$@"
  ) &
  unshare=$!
  # So that the starter sees the end of our output when the machine could not start.
  exec >/dev/null
  # The lifeline: ends when the starter closes it, and when the starter dies, however it dies.
  read -r _ || :
  # PID 1, not unshare: killed first, unshare would leave a zombie for the host's init to bury.
  grep -ls "^PPid:[[:space:]]*$unshare\$" /proc/[0-9]*/status | cut -d / -f 3 | xargs -r kill -KILL || :
  wait "$unshare" 2>/dev/null || :
  remove_cgroup
}

# Cgroups of machines whose launcher was killed with their starter (names: runner-STARTER-NUMBER).
remove_stale() {
  for stale in "${cgroup%/*}"/runner-*-*; do
    starter=${stale##*/runner-}
    [ -d "/proc/${starter%-*}" ] || find "$stale" -depth -type d -exec rmdir {} + 2>/dev/null || :
  done
}

remove_cgroup() {
  # Commands brought in from outside are in the cgroup, not in the pid namespace.
  echo 1 >"$cgroup/cgroup.kill"
  tries=0
  until find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || die "$cgroup cannot be removed"
    sleep 0.05
  done
}

# --- Inside: PID 1 ----------------------------------------------------------------------------------

inside() {
  read -r pid _ </proc/self/stat # the host's /proc still: the pid as the host knows it
  parse "$@"
  mkdir -p "$directory/upper" "$directory/work" "$root"
  mount -t overlay -o "lowerdir=$image,upperdir=$directory/upper,workdir=$directory/work" overlay "$root"
  mount_directories
  mount_devices
  mount_kernel
  write_etc
  mount_extra
  hostname "$name"
  mkdir -p "$root/mnt"
  cd "$root"
  pivot_root . mnt
  umount -l /mnt
  mount --make-rshared / # as systemd leaves it
  echo "ready $pid"
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin catatonit -P </dev/null >/dev/null 2>&1
}

# Real directories, not overlay: a container store cannot stand on an overlay (kernel, overlayfs.rst).
mount_directories() {
  for path in home tmp var/tmp; do
    mkdir -p "$directory/$path" "$root/$path"
    mount --bind "$directory/$path" "$root/$path"
  done
  chmod 1777 "$root/tmp" "$root/var/tmp"
  if [ ! -d "$root/home/runner" ]; then
    cp -r "$root/etc/skel" "$root/home/runner"
    mkdir -p "$root/home/runner/work/_temp" "$root/home/runner/work/_actions" "$root/home/runner/work/_tool"
    chown -R "$uid:$uid" "$root/home/runner"
    chmod 0750 "$root/home/runner"
  fi
  mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs "$root/run"
  install -d -m 1777 "$root/run/lock"
  install -d -m 0755 "$root/run/user"
  install -d -m 0700 -o "$uid" -g "$uid" "$root/run/user/$uid"
}

# Nodes of our own: permissions given here change nothing on the host.
mount_devices() {
  dev=$root/dev
  mount -t tmpfs -o mode=0755,nosuid tmpfs "$dev"
  mkdir "$dev/net" "$dev/pts" "$dev/shm" "$dev/mqueue"
  while read -r device kind major minor mode; do
    mknod -m "$mode" "$dev/$device" "$kind" "$major" "$minor"
  done <<'NODES'
null c 1 3 0666
zero c 1 5 0666
full c 1 7 0666
random c 1 8 0666
urandom c 1 9 0666
kmsg c 1 11 0644
tty c 5 0 0666
fuse c 10 229 0666
net/tun c 10 200 0666
loop-control c 10 237 0660
NODES
  # More than the kernel may have now: each comes to life when loop-control hands out its number.
  loop=0
  while [ "$loop" -lt 64 ]; do
    mknod -m 0660 "$dev/loop$loop" b 7 "$loop"
    loop=$((loop + 1))
  done
  for link in fd:/proc/self/fd stdin:fd/0 stdout:fd/1 stderr:fd/2 ptmx:pts/ptmx; do
    ln -s "${link#*:}" "$dev/${link%%:*}"
  done
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5,nosuid,noexec devpts "$dev/pts"
  mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$dev/shm"
  mount -t mqueue -o nosuid,nodev,noexec mqueue "$dev/mqueue"
}

mount_kernel() {
  mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
  mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys"
  mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
}

write_etc() {
  etc=$root/etc
  # By hand: useradd would give the user subordinate ids, which a machine may well lack.
  if ! grep -q '^runner:' "$etc/passwd"; then
    echo "runner:x:$uid:$uid:runner:/home/runner:/bin/bash" >>"$etc/passwd"
    echo 'runner:*:20000:0:99999:7:::' >>"$etc/shadow"
    echo "runner:x:$uid:" >>"$etc/group"
    echo 'runner:!::' >>"$etc/gshadow"
  fi
  echo 'runner ALL=(ALL) NOPASSWD:ALL' >"$etc/sudoers.d/runner"
  chmod 0440 "$etc/sudoers.d/runner"
  for file in subuid subgid; do
    printf '%s' "${subordinate_ids:+$subordinate_ids
}" >"$etc/$file"
  done
  echo "$name" >"$etc/hostname"
  printf '127.0.0.1 localhost %s\n::1 localhost ip6-localhost ip6-loopback\n' "$name" >"$etc/hosts"
  rm -f "$etc/resolv.conf" # may be a link into the host's /run
  cp -L /etc/resolv.conf "$etc/resolv.conf" 2>/dev/null || : >"$etc/resolv.conf"
  install -d -m 0755 -o "$uid" -g "$uid" "$root/opt/hostedtoolcache"
}

mount_extra() {
  if [ -n "$node" ]; then
    mkdir -p "$root/opt/node24"
    mount --bind "$node" "$root/opt/node24"
    mount -o remount,bind,ro "$root/opt/node24"
  fi
  [ -n "$mounts" ] || return 0
  tab=$(printf '\t')
  while IFS=$tab read -r source target mode; do
    make_target "$source" "$target"
    mount --bind "$source" "$root$target"
    [ "$mode" = rw ] || mount -o remount,bind,ro "$root$target"
  done <"$mounts"
}

make_target() { # SOURCE TARGET; a directory or an empty file; below the user's home, the user's
  parents=$2
  [ -d "$1" ] || parents=$(dirname "$2")
  case $2 in
    /home/runner/*) chroot "$root" setpriv --reuid "$uid" --regid "$uid" --clear-groups mkdir -p "$parents" ;;
    *) mkdir -p "$root$parents" ;;
  esac
  [ -e "$root$2" ] || : >"$root$2"
}

# --- Exec -------------------------------------------------------------------------------------------

run_in() { # CGROUP PID COMMAND...
  echo 0 >"$1/cgroup.procs"
  pid=$2
  shift 2
  exec nsenter --target "$pid" --mount --pid --cgroup --uts --ipc -- "$@"
}

command=$1
shift
case $command in
  run) run "$@" ;;
  inside) inside "$@" ;;
  exec) run_in "$@" ;;
  *) die "unknown command $command" ;;
esac
