#!/bin/sh
# Creates, joins and stops the environment: one process per image store, the holder, that keeps a user
# namespace with the full id map (0 = the user, 1..65536 = the subordinate ids) and a mount namespace whose
# root is an FHS root (the rootfs) plus the host's other directories. Rootless podman needs that map, and the
# launchers that come with FHS roots map one id only. POSIX sh and tools, and util-linux; nothing else. See
# docs/how-it-works.md.
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
  erase               the same, and remove the image store

  --rootfs DIR        the FHS root                    [PODMAN_ROOTLESS_ROOTFS]
  --graph-root DIR    podman's image store            [PODMAN_ROOTLESS_GRAPH_ROOT]
  --driver NAME       fuse-overlayfs, overlay or vfs  [PODMAN_ROOTLESS_DRIVER]
  --dir DIR           the environment's own state     [PODMAN_ROOTLESS_DIR]
  --ids IDS           the user's subordinate ids      [PODMAN_ROOTLESS_IDS]
                      auto: the first range of 65536 or more that the user has (default); UIDSTART:GIDSTART: the
                      65536 ids from there on; single: none, the user's own id alone
  --nix DIR           a Nix store that is not at /nix [PODMAN_ROOTLESS_NIX]
                      it is there in the environment: as /nix where the machine has none, and its paths besides the
                      machine's own otherwise
  --tools DIR         unshare and nsenter, those for which the machine has an AppArmor profile
                                                      [PODMAN_ROOTLESS_TOOLS]
  --sudo              start with sudo's help where the user alone may not, unless it asks for a password
USAGE
}

say() { printf 'podman-rootless: %s\n' "$*" >&2; }
die() { say "$*"; exit 125; } # 125: podman's own code for "not the command's fault"

# --- Settings ---------------------------------------------------------------------------------------
# A joined command gets all variables of its caller. Those that this script sets on the way there begin with
# pr_, or a caller's own `dir`, say, would get there with another value.

pr_rootfs=${PODMAN_ROOTLESS_ROOTFS-}
pr_graph_root=${PODMAN_ROOTLESS_GRAPH_ROOT-}
pr_driver=${PODMAN_ROOTLESS_DRIVER:-fuse-overlayfs}
pr_dir=${PODMAN_ROOTLESS_DIR-}
pr_ids=${PODMAN_ROOTLESS_IDS:-auto}
pr_nix=${PODMAN_ROOTLESS_NIX-}
pr_tools=${PODMAN_ROOTLESS_TOOLS-}
pr_sudo=
case $0 in /*) pr_self=$0 ;; *) pr_self=$PWD/$0 ;; esac
read -r pr_boot_id </proc/sys/kernel/random/boot_id

while [ $# -gt 0 ]; do
  case $1 in
    --rootfs | --graph-root | --driver | --dir | --ids | --nix | --tools) [ $# -ge 2 ] || die "$1 needs a value; see --help" ;;
  esac
  case $1 in
    --rootfs) pr_rootfs=$2 && shift 2 ;;
    --graph-root) pr_graph_root=$2 && shift 2 ;;
    --driver) pr_driver=$2 && shift 2 ;;
    --dir) pr_dir=$2 && shift 2 ;;
    --ids) pr_ids=$2 && shift 2 ;;
    --nix) pr_nix=$2 && shift 2 ;;
    --tools) pr_tools=$2 && shift 2 ;;
    --sudo) pr_sudo=--sudo && shift ;;
    -h | --help) usage && exit 0 ;;
    -*) die "unknown option $1; see --help" ;;
    *) break ;;
  esac
done

# Runs this script again: again COMMAND [WRAPPER...]
again() {
  verb=$1
  shift
  "$@" sh "$pr_self" --rootfs "$pr_rootfs" --graph-root "$pr_graph_root" --driver "$pr_driver" \
    --dir "$pr_dir" --ids "$pr_ids" --nix "$pr_nix" --tools "$pr_tools" $pr_sudo "$verb"
}

# Fills in what was not said. Two environments on one store would not see each other's containers and locks: so
# the store's last one is used while its state is there, and the directory of a new one follows from the store.
settle() {
  case $pr_driver in
    fuse-overlayfs | overlay) pr_layers=overlay ;;
    vfs) pr_layers=vfs ;;
    *) die "unknown storage driver '$pr_driver'. Expected fuse-overlayfs, overlay or vfs." ;;
  esac
  settle_tree
  valid_ids || die "unknown subordinate ids '$pr_ids'. Expected auto, single or UIDSTART:GIDSTART."
  : "${pr_graph_root:=${XDG_DATA_HOME:-$HOME/.local/share}/podman-rootless/storage}"
  [ -z "$pr_dir" ] || return 0
  if last_environment && [ -r "$pr_last/holder" ]; then
    pr_dir=$pr_last
  else
    settle_runtime
    pr_id=$(printf '%s' "$pr_graph_root" | cksum)
    pr_dir=$XDG_RUNTIME_DIR/podman-rootless/${pr_id%% *}
  fi
}

# The rootfs as it is seen from here. Links in it may lead nowhere: --nix is at /nix in the environment only.
settle_tree() {
  pr_tree=$pr_rootfs
  [ -n "$pr_nix" ] || return 0
  case $pr_rootfs in
    /nix/*) [ ! -d "$pr_nix${pr_rootfs#/nix}" ] || pr_tree=$pr_nix${pr_rootfs#/nix} ;;
  esac
}

has() { [ -x "$pr_tree/usr/bin/$1" ] || [ -h "$pr_tree/usr/bin/$1" ]; }

valid_ids() {
  case $pr_ids in
    *[!0-9:]* | *:*:* | :* | *:) [ "$pr_ids" = auto ] || [ "$pr_ids" = single ] ;;
    *) [ "$pr_ids" != "${pr_ids#*:}" ] ;;
  esac
}

last_environment() { { read -r pr_runtime && read -r pr_last; } 2>/dev/null <"$pr_graph_root/environment"; }

# The runtime directory: the caller's; the store's last one, as podman's database pins the paths of its run
# directories; the session's; or one in /tmp, as podman itself does.
settle_runtime() {
  last_environment || pr_runtime=
  for pr_path in "${XDG_RUNTIME_DIR-}" "$pr_runtime" "/run/user/$(id -u)" "/tmp/podman-rootless-$(id -u)"; do
    export XDG_RUNTIME_DIR="$pr_path"
    # shellcheck disable=SC3067 # -O, owned by the user: dash, bash and busybox know it
    if [ -w "$pr_path" ] && [ -O "$pr_path" ]; then break; fi
  done
}

# --- The holder -------------------------------------------------------------------------------------

# True when the recorded holder lives: same pid, same start time (proc_pid_stat(5), field 22), same boot. It is
# on the way of every podman command: builtins only, and no subshells, as the shell forks for them.
holder_alive() {
  ours "$pr_dir/holder" || return 1
  {
    read -r pr_holder pr_started pr_boot pr_uid pr_gid pr_userns pr_runtime && read -r pr_holds && read -r pr_bus
  } <"$pr_dir/holder" || return 1
  start_time "$pr_holder"
  [ "$pr_boot $pr_started" = "$pr_boot_id $pr_start_time" ] || return 1
  [ "$pr_holds" = "$pr_driver on $pr_rootfs" ] ||
    die "the store $pr_graph_root is in use by another environment ($pr_holds); stop that one first:" \
      "sh '$pr_self' --rootfs '${pr_holds#* on }' --graph-root '$pr_graph_root'" \
      "--driver ${pr_holds%% on *} --dir '$pr_dir' stop"
}

# True where the environment's directory, and a file in it, are the user's own. Anybody can make the one below /tmp that
# serves where there is no runtime directory, or a link in its place; and who can write there says what is run with the
# environment's settings. Sets pr_path to what is another's.
ours() { # [FILE]
  case $pr_dir in /tmp/podman-rootless-*/*) pr_top=${pr_dir#/tmp/} && own "/tmp/${pr_top%%/*}" || return 1 ;; esac
  own "$pr_dir" && own "${1:-$pr_dir}"
}

own() { # PATH
  pr_path=$1
  # shellcheck disable=SC3067
  [ -O "$1" ] && case $1 in /tmp/podman-rootless-*) [ ! -h "$1" ] ;; esac
}

start_time() { # PID; sets pr_start_time, to nothing for a process that is gone or a zombie
  pr_start_time=
  { read -r pr_stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  # shellcheck disable=SC2086 # split on purpose; what follows the last ")" is all numbers
  set -- ${pr_stat##*) }
  [ "$1" = Z ] || pr_start_time=${20-}
}

end_processes() { # of the recorded user namespace; TERM first, KILL a second later
  pids=
  for signal in TERM KILL; do
    pids="$pids $(members)"
    # shellcheck disable=SC2086 # one argument a pid
    kill -s "$signal" $pids 2>/dev/null || :
    tries=0
    while [ -n "$(members)" ] && [ "$tries" -lt 20 ]; do
      sleep 0.05
      tries=$((tries + 1))
    done
    # Also one that is no longer known as a member, because its parents have ended.
    # shellcheck disable=SC2086 # one argument a pid
    any_alive $pids || break
  done
}

any_alive() {
  for pid; do
    ! kill -0 "$pid" 2>/dev/null || return 0
  done
  return 1
}

# The pids of the processes in the recorded user namespace, such as "user:[4026532000]", and of their
# descendants: a container may have a namespace of its own. Zombies are left out.
members() {
  # shellcheck disable=SC2012 # find prints no link targets in POSIX, and these names are numbers
  { grep -sE '^PPid:|^State:.Z' /proc/[0-9]*/status || :; ls -l /proc/[0-9]*/ns/user 2>/dev/null || :; } |
    awk -v ours="$pr_userns" '
      /PPid:/ { split($1, path, "/"); parent[path[3]] = $2 }
      /State:/ { split($1, path, "/"); dead[path[3]] }
      /user:/ { split($(NF - 2), path, "/"); space[path[3]] = $NF }
      END {
        for (pid in space) {
          for (p = pid; p in space && space[p] != ours && p != parent[p];) p = parent[p]
          if (p in space && space[p] == ours && !(pid in dead)) print pid
        }
      }'
}

# --- Start ------------------------------------------------------------------------------------------

start() {
  [ -z "$pr_nix" ] || [ -d "$pr_nix/store" ] || die "no Nix store at '$pr_nix' (it has no store): give one with --nix"
  { [ -n "$pr_rootfs" ] && { [ -d "$pr_tree/usr/bin" ] || [ -h "$pr_tree/usr/bin" ]; }; } ||
    die "no FHS root at '$pr_rootfs' (it has no usr/bin): give one with --rootfs"
  settle_runtime
  # Nothing is made below another user's.
  if ! { make_own "$XDG_RUNTIME_DIR" && own "$XDG_RUNTIME_DIR" && make_own "$pr_dir/root" "$pr_graph_root" && ours; }; then
    die "$pr_path belongs to another user; remove it or give another --dir"
  fi
  # In a subshell, so that file descriptor 9 of the caller stays what it is.
  (flock 9 && { holder_alive || start_locked; }) 9>"$pr_dir/lock" || exit 125
  holder_alive || die "the environment ended as soon as it started; see $pr_dir/log"
}

make_own() { (umask 077 && mkdir -p "$@") || die "cannot make the directories above"; }

start_locked() {
  uid=$(id -u) gid=$(id -g)
  if [ -e "$pr_dir/holder" ]; then # it was killed, or the machine restarted
    say "the environment's holder is gone; starting anew (containers that ran have ended)"
    end_orphans
  fi
  # The holder answers on a pipe: its pid, then "ready"; the pipe ends early when it fails.
  find_bus
  (new_user_namespace </dev/null 2>"$pr_dir/log" &) | {
    if read -r holder && map_ids && read -r state && [ "$state" = ready ]; then
      start_time "$holder"
      userns=$(readlink "/proc/$holder/ns/user")
      printf '%s\n' "$XDG_RUNTIME_DIR" "$pr_dir" >"$pr_graph_root/environment"
      printf '%s\n' "$holder $pr_start_time $pr_boot_id $uid $gid $userns $XDG_RUNTIME_DIR" \
        "$pr_driver on $pr_rootfs" "$pr_bus" >"$pr_dir/holder"
      cat "$pr_dir/log" >&2
    else
      cat "$pr_dir/log" >&2
      [ -z "$holder" ] || kill "$holder" 2>/dev/null || :
      ! restricted || say "AppArmor keeps user namespaces from programs without a profile here" \
        "(kernel.apparmor_restrict_unprivileged_userns is 1): allow sudo without a password, and give --sudo."
      die "the environment did not start (rootfs $pr_rootfs, state in $pr_dir)"
    fi
  }
}

# The address of the bus at which the user's systemd answers, which can make cgroups for containers; else nothing. A
# socket may be there that nobody serves. To be asked from outside: inside, the uid that busctl names is not the user's.
find_bus() {
  for pr_bus in "${DBUS_SESSION_BUS_ADDRESS-}" "unix:path=$XDG_RUNTIME_DIR/bus" "unix:path=/run/user/$uid/bus" ""; do
    [ -n "$pr_bus" ] || continue
    ! DBUS_SESSION_BUS_ADDRESS=$pr_bus timeout 5 busctl --user status org.freedesktop.systemd1 >/dev/null 2>&1 || break
  done
}

# Ends what a holder left: containers would keep their own view of the store. The kernel reuses the numbers of
# namespaces: only one in which somebody knows our storage.conf is ours.
end_orphans() {
  [ "$pr_boot" != "$pr_boot_id" ] || for pid in $(members); do
    if grep -qsF "CONTAINERS_STORAGE_CONF=$pr_dir/storage.conf" "/proc/$pid/environ"; then
      end_processes
      break
    fi
  done
  rm -f "$pr_dir/holder"
}

# Where AppArmor keeps user namespaces from programs without a profile (Ubuntu 24.04 on), those of --tools have one, and
# what they start is under it too. Without them: a process that already has CAP_SYS_ADMIN may still create one. Nothing
# of the machine's policy changes: the capability is gone with the unshare, and the namespace belongs to the user as always.
new_user_namespace() {
  # The first caller's variables, secrets among them, are not for the holder, which later callers can look into.
  # By RUNNER_TRACKING_ID a runner knows what to end with the job.
  # With NoNewPrivs no program gets capabilities that the one before had not, and without maps they go with the first.
  keep=
  ! grep -qs '^NoNewPrivs:[[:space:]]*1' /proc/self/status || keep=--keep-caps
  set -- "${pr_tools:+$pr_tools/}unshare" --user $keep env -i PATH="$PATH" XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" \
    RUNNER_TRACKING_ID="${RUNNER_TRACKING_ID-}" pr_bus="$pr_bus" pr_given="$(given)"
  if [ -z "$pr_tools" ] && restricted && as_root true 2>/dev/null; then
    set -- sudo -n setpriv --reuid "$uid" --regid "$gid" --init-groups \
      --inh-caps +sys_admin --ambient-caps +sys_admin "$@"
  fi
  # What the caller has open must not stay so with the holder: a pipe would not end, a lock not be free.
  # Descriptors above 9 can only be closed by bash.
  # shellcheck disable=SC2016 # expanded by that shell
  close='for fd in /proc/$$/fd/*; do
    fd=${fd##*/}
    [ "$fd" -le 2 ] || { [ "$fd" -gt 9 ] && [ -z "${BASH_VERSION-}" ]; } || eval "exec $fd>&-"
  done
  exec "$@"'
  # A session of its own: no terminal or job control reaches it.
  again hold exec setsid "$(command -v bash || echo sh)" -c "$close" - "$@"
}

# What a job of root's is about, a path a line; see compose_given.
given() {
  printf '%s\n' "$PWD" "${HOME-}" "${GITHUB_WORKSPACE-}" "${RUNNER_TEMP-}" "${RUNNER_WORKSPACE-}" \
    "$pr_graph_root" "$XDG_RUNTIME_DIR" "$pr_dir"
}

restricted() {
  [ "$uid" != 0 ] && grep -qsx 1 /proc/sys/kernel/apparmor_restrict_unprivileged_userns
}

map_ids() {
  case $pr_ids in
    single) map_single && return ;;
    auto) sub_uids=$(subordinate uid) && sub_gids=$(subordinate gid) || return 1 ;;
    *) sub_uids=${pr_ids%:*} sub_gids=${pr_ids#*:} ;;
  esac
  write_map uid "$uid" "$sub_uids" && write_map gid "$gid" "$sub_gids"
}

# user_namespaces(7): without any right a user may map the own ids, once groups cannot be dropped inside.
map_single() {
  { [ "$uid" = 0 ] || echo deny >"/proc/$holder/setgroups"; } && echo "0 $uid 1" >"/proc/$holder/uid_map" &&
    echo "0 $gid 1" >"/proc/$holder/gid_map"
}

# The start of the user's first range of 65,536 ids or more: of the source that nsswitch.conf(5) names for subid,
# such as sss, which newuidmap believes then; or of /etc/subuid, /etc/subgid, subuid(5).
subordinate() { # uid|gid
  name=$(id -un 2>/dev/null) || name=$uid
  { named_ranges "$1" && cat "/etc/sub$1" 2>/dev/null; } |
    awk -F : -v name="$name" -v id="$uid" \
      '($1 == name || $1 == id) && $3 >= 65536 { print $2; found = 1; exit } END { exit !found }' || {
    say "no range of 65536 ids for $name in /etc/sub$1; add one:" \
      "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $name"
    return 1
  }
}

# As lines of /etc/subuid; getsubids(1) prints "0: NAME START COUNT".
named_ranges() { # uid|gid
  grep -sqE '^[[:space:]]*subid:' /etc/nsswitch.conf || return 0
  if [ "$1" = uid ]; then getsubids "$name"; else getsubids -g "$name"; fi 2>/dev/null |
    sed -n 's/^[0-9]*: \(.*\) \([0-9]*\) \([0-9]*\)$/\1:\2:\3/p'
}

# newuidmap(1) is setuid root and checks the range; where it is missing or cannot do it, root writes the map.
write_map() { # uid|gid OWN_ID FIRST_SUBORDINATE
  ! write_shared_map "$@" || return 0
  failed=$("new${1}map" "$holder" 0 "$2" 1 1 "$3" 65536 2>&1) ||
    printf '0 %s 1\n1 %s 65536\n' "$2" "$3" | as_root tee "/proc/$holder/${1}_map" >/dev/null 2>&1 || {
    id -un >/dev/null 2>&1 || {
      say "cannot write the $1 map: uid $uid has no name, which new$1map and sudo ask for. Add it to /etc/passwd," \
        "or give --ids single."
      return 1
    }
    failed=${failed##*"
"} # libsubid has lines of its own
    say "cannot write the $1 map: ${failed%.}. Install the package uidmap (Fedora: shadow-utils) with its" \
      "new$1map setuid root, or allow sudo without a password, and give --sudo."
    return 1
  }
}

# Root has no power over files of owners without an id inside. In a container job the workspace is such: its owner, who
# starts the container, becomes 65537.
write_shared_map() { # uid|gid OWN_ID FIRST_SUBORDINATE
  { [ "$uid" = 0 ] && [ -n "${GITHUB_WORKSPACE-}" ]; } || return 1
  owner=$(stat -c "%${1%id}" "$GITHUB_WORKSPACE" 2>/dev/null) || return 1
  [ "$owner" != 0 ] && { [ "$owner" -lt "$3" ] || [ "$owner" -ge $(($3 + 65536)) ]; } || return 1
  printf '0 %s 1\n1 %s 65536\n65537 %s 1\n' "$2" "$3" "$owner" | tee "/proc/$holder/${1}_map" >/dev/null 2>&1
}

as_root() { if [ "$uid" = 0 ]; then "$@"; else [ -n "$pr_sudo" ] && sudo -n "$@"; fi; }

# --- In the holder ----------------------------------------------------------------------------------

# Runs in the new user namespace, without any capability until the maps are there and a program is executed.
hold() {
  echo $$
  cd / && umask 022 # not the first caller's
  PATH=$PATH:/usr/sbin:/sbin # for pivot_root and chroot, which users' PATHs do not lead to
  await_maps
  again compose exec "${pr_tools:+$pr_tools/}unshare" --mount --propagation slave
}

await_maps() {
  tries=0
  until { read -r _ </proc/self/uid_map && read -r _ </proc/self/gid_map; } 2>/dev/null; do
    [ "$tries" -lt 2000 ] || die "nobody wrote the id maps"
    tries=$((tries + 1))
    sleep 0.005
  done
}

# Puts the root together on a tmpfs, and moves into it.
compose() {
  new=$pr_dir/root
  rm -rf "$pr_dir/run" "$pr_dir/libpod" # here, as files in them may belong to subordinate ids
  mount -t tmpfs -o mode=0755 podman-rootless "$new"
  mount --make-unbindable "$new" # or binding /run below would bind it into itself
  mkdir "$new/etc" "$new/host" "$new/.host-etc"
  [ -z "$pr_nix" ] || compose_nix
  compose_from_rootfs
  compose_from_host
  ! for_root || { compose_given; compose_software; }
  compose_cgroups
  compose_run_root
  compose_etc
  ! for_root || compose_kernel
  mount --make-private "$new"
  become_root
}

# Makes the composed tree the root of the mount namespace itself. A chroot alone would not do: the kernel
# refuses to create user namespaces below one (user_namespaces(7), EPERM), and podman nests them.
become_root() {
  cd "$new"
  # Not every machine has it (Debian after trixie); the rootfs's own is a program of /nix/store.
  PATH=$PATH:$pr_rootfs/usr/bin:$pr_rootfs/usr/sbin
  if pivot_root . host 2>/dev/null; then
    PATH=/usr/bin:/usr/sbin:/bin:/sbin
    # FHS roots of 2021 and before have links to /host/etc; elsewhere the old root is of no use here.
    case $(readlink "$pr_rootfs/etc/passwd" || :) in
      /host/*) ! for_root || { umount -l /host && ln -s /.host-etc /host/etc; } ;;
      *) umount -l /host ;;
    esac
    if for_root; then lock; else settle_in; fi
  elif for_root; then
    die "no pivot_root, neither on this machine nor in $pr_rootfs: install util-linux (Debian: util-linux-extra)"
  else
    # As switch_root(8) does, over the old root. That stays below, in containers' mount namespaces too: out of
    # reach, but with its whole /proc the kernel lets them mount one anew, which it refuses after a pivot_root.
    mount --rbind / host
    mount -n --move . /
    again settle-in exec chroot .
  fi
}

# For root, a user namespace once more, with all ids of the first: nobody in it can take back or uncover what was
# mounted before it (mount_namespaces(7), mount points are locked).
lock() {
  command -v unshare >/dev/null || {
    say "left unlocked what root's environment has read-only: there is no unshare in $pr_rootfs"
    settle_in
  }
  (
    tries=0
    for kind in uid gid; do
      map=$(awk '{ print $1, $1, $3 }' "/proc/self/${kind}_map")
      until echo "$map" >"/proc/$$/${kind}_map"; do # this process's own until it has unshared: refused
        [ "$tries" -lt 2000 ] || exit 1
        tries=$((tries + 1))
        sleep 0.005
      done
    done
  ) 2>/dev/null &
  pr_self=/.enter.sh
  again locked exec unshare --user --mount --propagation slave
}

# The last steps, in the new root: tells podman of the store, says "ready" and holds.
settle_in() {
  export CONTAINERS_STORAGE_CONF="$pr_dir/storage.conf" # by which recover knows its processes
  unset pr_bus pr_given
  mount_segments
  echo ready
  exec sleep infinity >/dev/null 2>&1
}

# Where the machine has a /nix, the paths of --nix are among its own from here on: in this mount namespace alone.
compose_nix() {
  if [ ! -d /nix ]; then
    mkdir "$new/nix"
    mount --rbind "$pr_nix" "$new/nix"
    ! for_root || read_only "$new/nix"
    return
  elif [ ! -d /nix/store ]; then
    mount --rbind "$pr_nix" /nix
  else
    # Relative: a colon or a comma in it would have a meaning.
    (cd "$pr_nix" && mount -t overlay -o ro,lowerdir=store:/nix/store overlay /nix/store) 2>/dev/null || link_stores
  fi
  pr_tree=$pr_rootfs
}

# Where the kernel has no overlay for users, or something is mounted in --nix: the machine's store paths by links, the
# others bound.
link_stores() {
  store=$pr_dir/root/.store
  mkdir "$store"
  mount -t tmpfs -o mode=0755 tmpfs "$store"
  mkdir "$store/.machine"
  mount --rbind /nix/store "$store/.machine"
  (cd "$store" && find .machine/ -mindepth 1 -maxdepth 1 -exec ln -s -t . {} +)
  for path in "$pr_nix"/store/*; do
    name=${path##*/}
    [ ! -h "$store/$name" ] || continue
    if [ -h "$path" ]; then
      ln -s "$(readlink "$path")" "$store/$name"
    else
      if [ -d "$path" ]; then mkdir "$store/$name"; else : >"$store/$name"; fi
      mount --bind "$path" "$store/$name"
    fi
  done
  mount --rbind "$store" /nix/store
  umount -l "$store"
  rmdir "$store"
}

compose_from_rootfs() {
  for path in "$pr_tree"/*; do
    name=${path##*/}
    case $name in etc | nix | nix-support | proc | sys | dev | home | tmp | run | var | root) continue ;; esac
    if [ -h "$path" ]; then
      ln -s "$(readlink "$path")" "$new/$name"
    elif [ -d "$path" ]; then
      mkdir "$new/$name"
      mount --rbind "$path" "$new/$name"
      ! for_root || read_only "$new/$name"
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
    elif [ "$path" = /dev ] && for_root; then
      compose_devices
    elif [ -d "$path" ]; then
      mkdir -p "$new/$name"
      mount --rbind "$path" "$new/$name" || { say "left out $path: it cannot be bound" && continue; }
      ! for_root || keep_from_root
    fi
  done
}

# --- For root --------------------------------------------------------------------------------------
# Root's files stay root's in the environment, capabilities or not: device nodes, settings of the kernel, the machine's
# own files. So root gets less of them: what is below is for root alone.

for_root() { read -r _ pr_owner _ </proc/self/uid_map && [ "$pr_owner" = 0 ]; }

# The root file system's own directories are read-only. What is mounted elsewhere, by whoever made the container or the
# machine, is given, as it is.
keep_from_root() { # $path, which is bound
  case $path in
    /home | /root | /tmp | /run | /proc | /sys) ;; # the last two: see compose_kernel
    /boot | /efi) read_only "$new$path" ;;
    /nix) if [ -n "$pr_nix" ]; then read_only "$new$path"; else read_only_mount "$new$path"; fi ;;
    /opt | /srv | /var) read_only_mount "$new$path" ;;
    *) grep -q " $path " /proc/self/mounts || read_only_mount "$new$path" ;;
  esac
}

# Given, too: what the job is about. Root's podman keeps some files in /var/cache.
compose_given() {
  [ ! -d "$new/var/cache" ] || mount -t tmpfs -o mode=0755 tmpfs "$new/var/cache"
  printf '%s\n' "${pr_given-}" /var/tmp | while read -r path; do
    path=$(cd -P "$path" 2>/dev/null && pwd -P) || continue
    case $path/ in
      // | /boot/* | /dev/* | /etc/* | /host/* | /nix/* | /proc/* | /sys/* | /usr/* | /bin/* | /sbin/* | /lib/* | /lib64/*) continue ;;
    esac
    [ -w "$new$path" ] || mount --rbind "$path" "$new$path"
  done
}

# A rootfs made around a flake's programs leads to the machine's by /host. The machine's whole root is not for root: there
# is no more of it than its software, below where become_root takes that root away.
compose_software() {
  case $(readlink "$pr_rootfs/usr/lib" || :) in /host/*) ;; *) return 0 ;; esac
  for path in /usr /bin /sbin /lib*; do
    if [ -h "$path" ]; then
      ln -s "$(readlink "$path")" "$new/host$path"
    elif [ -d "$path" ]; then
      mkdir "$new/host$path"
      mount --rbind "$path" "$new/host$path"
      read_only "$new/host$path"
    fi
  done
}

# Nodes that any user of the machine may open, and those that podman needs; no disks among them. In a container they may
# be bound over files, which find(1) takes them for: so the usual ones are named.
compose_devices() {
  mkdir "$new/dev"
  mount -t tmpfs -o mode=0755,nosuid tmpfs "$new/dev"
  for path in $(find /dev -type c -perm -006 ! -path '/dev/pts/*') \
    /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/fuse /dev/net/tun /dev/kvm; do
    if [ ! -c "$path" ] || [ -e "$new$path" ]; then continue; fi
    mkdir -p "$new${path%/*}"
    : >"$new$path"
    mount --bind "$path" "$new$path"
  done
  for path in /dev/pts /dev/shm /dev/mqueue; do
    [ -d "$path" ] || continue
    mkdir "$new$path"
    mount --rbind "$path" "$new$path"
  done
  for path in fd stdin stdout stderr ptmx; do
    [ ! -h "/dev/$path" ] || ln -s "$(readlink "/dev/$path")" "$new/dev/$path"
  done
  ! grep -q ' /dev/console devpts ' /proc/self/mounts || { : >"$new/dev/console" && mount --bind /dev/console "$new/dev/console"; }
}

# The kernel's files cannot be written to, but for cgroups, and the settings of networks, where netavark makes those of
# containers. Containers mount a /proc and a /sys of their own, which the kernel allows where whole ones are among the
# mounts (mount_namespaces(7)): they may be out of reach.
compose_kernel() {
  cp "$pr_self" "$new/.enter.sh" # for what is left to do, below /usr the script would be hidden
  mkdir -p "$new/.whole/proc" "$new/.whole/sys"
  mount --rbind /proc "$new/.whole/proc"
  mount --rbind /sys "$new/.whole/sys"
  for path in bus fs irq sys sysrq-trigger; do
    [ -e "/proc/$path" ] || continue
    mount --rbind "$new/proc/$path" "$new/proc/$path"
    read_only "$new/proc/$path"
  done
  mount --bind "$new/.whole/proc/sys/net" "$new/proc/sys/net"
  mount -t tmpfs -o mode=0,ro tmpfs "$new/.whole"
  read_only "$new/sys"
  read_only "$new/.host-etc"
}

read_only() { # DIR, with all that is mounted below it, but for cgroups
  awk -v top="$1" '($2 == top || index($2, top "/") == 1) && $2 !~ "/sys/fs/cgroup(/|$)" { print $2 }' \
    /proc/self/mounts | while read -r pr_point; do read_only_mount "$pr_point"; done
}

# Flags that a mount has from outside must be given again: util-linux before 2.39 would take them off.
read_only_mount() {
  mount -o "remount,bind,ro$(awk -v point="$1" '
    $2 == point { options = "," $4 "," }
    END { while (match(options, /,(nosuid|nodev|noexec),/)) {
      printf "%s", substr(options, RSTART, RLENGTH - 1)
      options = substr(options, RSTART + RLENGTH - 1)
    } }' /proc/self/mounts)" "$1"
}

# Podman sees cgroup v2 alone, as far as the user may use it. Of version 1 a user may use nothing, podman 5 warns of it
# at every command, and podman 6 refuses to run; crun refuses where nothing is mounted.
compose_cgroups() {
  cgroups=/sys/fs/cgroup
  ! grep -q " $cgroups cgroup2 " /proc/self/mounts && [ -d "$cgroups" ] || return 0
  mount --bind "$cgroups/unified" "$new$cgroups" 2>/dev/null ||
    unshare --cgroup mount -t cgroup2 cgroup2 "$new$cgroups" 2>/dev/null ||
    mount -t tmpfs tmpfs "$new$cgroups"
}

# Rootless podman up to 5.8 keeps its run root at $XDG_RUNTIME_DIR/containers whatever storage.conf says, and
# OCI runtimes their state beside it (root's in /run), as the host's own do: ours lies over their directories.
# The credentials in containers/auth.json stay.
compose_run_root() {
  layers=$XDG_RUNTIME_DIR/containers/$pr_layers
  set -- "$layers" "$layers-containers" "$layers-layers" "$layers-locks" "${layers%/*}/networks" \
    "$XDG_RUNTIME_DIR/crun" "$XDG_RUNTIME_DIR/runc" "$XDG_RUNTIME_DIR/netns"
  [ ! -w /run ] || set -- "$@" /run/crun /run/runc
  for path; do
    mkdir -p "$pr_dir/run$path" "$path"
    mount --bind "$pr_dir/run$path" "$new$path"
  done
}

# The rootfs's own /etc, the few files of the host's that name its users, hosts and certificates, and our
# /etc/containers; the host's, made for the host's podman, stays out.
compose_etc() {
  mount --rbind /etc "$new/.host-etc"
  for path in "$pr_tree"/etc/*; do ln -s "$pr_rootfs/etc/${path##*/}" "$new/etc/${path##*/}"; done
  for name in passwd group hosts host.conf hostname resolv.conf nsswitch.conf localtime timezone machine-id \
    services protocols cdi static; do
    [ ! -e "/etc/$name" ] || ln -sfn "/.host-etc/$name" "$new/etc/$name"
  done
  for name in ssl/certs/ca-certificates.crt pki/tls/certs/ca-bundle.crt; do
    [ ! -e "/etc/$name" ] || ln -sfn "/.host-etc/${name%%/*}" "$new/etc/${name%%/*}"
  done
  [ -h "$new/etc/mtab" ] || ln -s /proc/self/mounts "$new/etc/mtab"
  # It is a link, which would lead into the rootfs.
  [ ! -e /etc/os-release ] || { rm -f "$new/etc/os-release" && cp /etc/os-release "$new/etc/os-release"; }
  compose_names
  compose_subordinate

  from=${pr_self%/*}/etc/containers
  [ -d "$from" ] || from=$pr_tree/etc/containers
  rm -f "$new/etc/containers"
  mkdir "$new/etc/containers"
  cp "$from/policy.json" "$from/registries.conf" "$new/etc/containers"
  # What this machine needs besides goes into a table each, below its name.
  for table in containers engine; do "${table}_here" >"$new/$table"; done
  sed -e "/^\[containers\]/r $new/containers" -e "/^\[engine\]/r $new/engine" "$from/containers.conf" |
    { if single; then sed '/^default_sysctls/d'; else cat; fi; } >"$new/etc/containers/containers.conf"
  rm "$new/containers" "$new/engine"
}

containers_here() {
  # Without it nothing can be brought into a container's own network by a user.
  { [ -c /dev/net/tun ] && (: <>/dev/net/tun) 2>/dev/null; } || echo 'netns = "host"'
  # A user's podman does without a cgroup where it cannot make one; root's fails, as in most containers.
  [ "$(awk '$1 == 0 { print $2 }' /proc/self/uid_map)" != 0 ] || [ -w /sys/fs/cgroup ] || echo 'cgroups = "disabled"'
}

engine_here() {
  echo "tmp_dir = \"$pr_dir/libpod\""
  # Without systemd podman would fall back to cgroupfs anyway, with a warning at every command.
  [ -n "${pr_bus-}" ] || echo 'cgroup_manager = "cgroupfs"'
}

# True where the user's own id alone is mapped.
single() { ! { read -r _ && read -r _; } </proc/self/uid_map; }

# Podman asks for the names of its user and group, for keep-id; where they have none, they get one here.
compose_names() {
  owner=$(awk '$1 == 0 { print $2 }' /proc/self/uid_map)
  group=$(awk '$1 == 0 { print $2 }' /proc/self/gid_map)
  name=$(id -un "$owner" 2>/dev/null) || {
    name=user$owner
    add_line passwd "$name:x:$owner:$group::/:/bin/sh"
  }
  getent group "$group" >/dev/null || add_line group "$name:x:$group:"
}

add_line() { # FILE LINE; a copy of the host's file in /etc, and a line more
  rm -f "$new/etc/$1"
  { cat "/etc/$1" 2>/dev/null || :; } >"$new/etc/$1"
  echo "$2" >>"$new/etc/$1"
}

# The range that is in use, wherever it is from: podman looks for it here, by libsubid, which does not follow links
# and asks the sources of nsswitch.conf.
compose_subordinate() {
  for kind in uid gid; do
    rm -f "$new/etc/sub$kind"
    awk -v name="$name" '$1 == 1 { print name ":" $2 ":" $3 }' "/proc/self/${kind}_map" >"$new/etc/sub$kind"
  done
  if grep -sq '^[[:space:]]*subid:' /etc/nsswitch.conf; then
    rm "$new/etc/nsswitch.conf"
    sed '/^[[:space:]]*subid:/d' /etc/nsswitch.conf >"$new/etc/nsswitch.conf"
  fi
}

# Mounts the segments that nobody has mounted yet (the action does it in the kernel, with sudo; after the
# holder died they are gone) and tells podman of all that are there.
mount_segments() {
  stores=
  [ -e "$pr_dir/segments" ] || : >"$pr_dir/segments"
  while read -r line; do
    image=${line% *} mountpoint=${line##* }
    grep -qF " $mountpoint " /proc/self/mounts ||
      { mkdir -p "$mountpoint" && squashfuse_ll "$image" "$mountpoint" </dev/null; } ||
      { say "left out the cached store $image: it cannot be mounted" && continue; }
    # podman takes a name from the first store that has it: the newest.
    stores="\"$mountpoint\", $stores"
  done <"$pr_dir/segments"
  printf '[storage]\nrootless_storage_path = ""\n' >"$pr_dir/storage.override.conf"
  write_storage_conf >"$pr_dir/storage.conf.new"
  mv "$pr_dir/storage.conf.new" "$pr_dir/storage.conf"
}

# storage.conf(5). A user's podman up to 5.4 takes the graph root from rootless_storage_path, but podman 4's commit from
# graphroot; 5.8 from either, and warns of both. So both are there, and the override, which only later ones read, takes
# one back.
write_storage_conf() {
  echo '[storage]'
  printf '%s = "%s"\n' driver "$pr_layers" graphroot "$pr_graph_root" rootless_storage_path "$pr_graph_root" \
    runroot "$XDG_RUNTIME_DIR/containers"
  printf '[storage.options]\nadditionalimagestores = [%s]\n' "${stores%, }"
  printf '[storage.options.%s]\n' "$pr_layers"
  [ "$pr_driver" != fuse-overlayfs ] || echo 'mount_program = "/usr/bin/fuse-overlayfs"'
  # With one id alone, an image's other owners become that one.
  ! single || echo 'ignore_chown_errors = "true"'
}

# --- Join -------------------------------------------------------------------------------------------

# The command gets everything as it is at the caller's: arguments, descriptors, groups, umask, limits,
# directory. Only PATH is led by the rootfs's, and podman is told that it already stands in its namespace.
join() {
  holder_alive || start
  export _CONTAINERS_USERNS_CONFIGURED="done" XDG_RUNTIME_DIR="$pr_runtime" \
    _CONTAINERS_ROOTLESS_UID="$pr_uid" _CONTAINERS_ROOTLESS_GID="$pr_gid" \
    CONTAINERS_STORAGE_CONF="$pr_dir/storage.conf" \
    CONTAINERS_STORAGE_CONF_OVERRIDE="${CONTAINERS_STORAGE_CONF_OVERRIDE:-$pr_dir/storage.override.conf}"
  [ -z "$pr_bus" ] || export DBUS_SESSION_BUS_ADDRESS="$pr_bus"
  # env(1) would take a command of such a name for a variable.
  # shellcheck disable=SC2016 # expanded by the shell inside
  case $1 in *=*) set -- sh -c 'exec "$0" "$@"' "$@" ;; esac
  set -- /usr/bin/env "PATH=/usr/bin:/usr/sbin:/bin:/sbin:${PODMAN_ROOTLESS_CALLER_PATH:-$PATH}" "$@"
  unset PODMAN_ROOTLESS_CALLER_PATH PODMAN_ROOTLESS_ROOTFS PODMAN_ROOTLESS_GRAPH_ROOT PODMAN_ROOTLESS_DRIVER \
    PODMAN_ROOTLESS_DIR PODMAN_ROOTLESS_IDS PODMAN_ROOTLESS_NIX PODMAN_ROOTLESS_TOOLS
  # shellcheck disable=SC3013 # -ef: dash, bash and busybox know it
  [ ! "/proc/$$/ns/mnt" -ef "/proc/$pr_holder/ns/mnt" ] || exec "$@" # called by a command that was joined

  # A directory without a path inside, because it was deleted or is below the host's /usr, stays what it is, and
  # the command says so in its own words.
  if [ -n "$PWD" ] && [ -d "/proc/$pr_holder/root$PWD" ]; then
    shift
    set -- -- /usr/bin/env -C "$PWD" "$@"
  else
    set -- --wd=. -- "$@"
  fi
  exec "${pr_tools:+$pr_tools/}nsenter" --target "$pr_holder" --user --mount --preserve-credentials "$@"
}

stop() {
  ours "$pr_dir/holder" || return 0
  ! holder_alive || stop_containers
  end_environment
}

stop_containers() {
  # Alone, the holder has none.
  ! has podman || [ "$(members)" = "$pr_holder" ] ||
    (join podman stop --all --time 10 >/dev/null) || :
}

# Files of the store belong to subordinate ids: the environment itself removes them, and podman has no part in it any
# more, or it would make some of them again.
erase() {
  if [ -n "$(ls -A "$pr_graph_root" 2>/dev/null)" ]; then
    holder_alive || start
    stop_containers
    # shellcheck disable=SC2016 # expanded by the shell inside
    (join sh -c 'while read -r _ path _; do
        path=$(printf %b "$path") # proc_pid_mounts(5): a space is \040
        case $path in "$1"/*) umount -l "$path" 2>/dev/null ;; esac
      done </proc/self/mounts
      rm -rf "$1"' - "$pr_graph_root") || die "cannot remove all of the image store $pr_graph_root"
  fi
  ! ours || end_environment
}

end_environment() {
  (
    flock 9
    if holder_alive; then end_processes; else end_orphans; fi
    rm -rf "$pr_dir/holder" "$pr_dir/run" "$pr_dir/libpod" "$pr_dir/root" "$pr_dir/log" 2>/dev/null || :
  ) 9>"$pr_dir/lock"
}

status() {
  if holder_alive; then
    echo "running: holder $pr_holder, rootfs $pr_rootfs, graph root $pr_graph_root, driver $pr_driver"
  else
    echo "stopped: rootfs $pr_rootfs, graph root $pr_graph_root, driver $pr_driver"
    exit 3
  fi
}

pr_command=${1-}
[ -n "$pr_command" ] || { usage >&2 && exit 125; }
shift
settle
case $pr_command in
  start) holder_alive || start ;;
  exec) [ $# -gt 0 ] || die "exec needs a command; see --help" && join "$@" ;;
  shell) if has bash; then join bash -i; else join sh -i; fi ;;
  status) status ;;
  stop) stop ;;
  erase) erase ;;
  mount) again mount-inside join ;;
  mount-inside) mount_segments ;;
  settle-in) settle_in ;;
  hold) hold ;;
  locked) await_maps && again settle-in exec ;;
  compose) compose ;;
  *) die "unknown command '$pr_command'; see --help" ;;
esac
