#!/bin/sh
# Runs a program of a Nix store that is kept elsewhere than at /nix, for users who may not make that directory: in a
# user and a mount namespace in which DIR is /nix, and all else is as it was. This very process becomes the program:
# its arguments, descriptors, directory, variables, signals and exit code are as without it. POSIX sh and util-linux.
#
#   with-nix.sh DIR TOOLS PROGRAM [ARG...]
#
# DIR: it has store and var. TOOLS: directory with the unshare for which the machine has an AppArmor profile; empty:
# that of PATH. PROGRAM: a path below /nix. The program gets all variables of the caller's: those of this script begin
# with pr_.
set -eu

die() { printf 'podman-rootless: %s\n' "$*" >&2 && exit 125; }

# In the namespaces, as root there: once DIR is /nix, the user becomes itself again.
become_user() { # UID GID DIR UNSHARE PROGRAM [ARG...]
  pr_ids="--map-user=$1 --map-group=$2"
  pr_nix=$3 pr_unshare=$4
  shift 4
  # shellcheck disable=SC2086 # two words
  if [ -d /nix ]; then
    mount --rbind "$pr_nix" /nix
    exec "$pr_unshare" --user $pr_ids -- "$@"
  else
    pr_directory=${PWD-} pr_before=${OLDPWD-}
    pr_root=${0%/*}/root
    compose
    [ -d "$pr_root$pr_directory" ] || pr_directory=
    cd "$pr_root"
    # As switch_root(8) does: in a mere chroot the kernel refuses user namespaces, here and to Nix's sandbox.
    mount -n --move . /
    PWD=$pr_directory OLDPWD=$pr_before
    [ -n "$pr_before" ] || unset OLDPWD
    exec "$pr_unshare" --root=. --wd="${pr_directory:-/}" -- "$pr_unshare" --user $pr_ids -- "$@"
  fi
}

# A root like the machine's, with a /nix.
compose() {
  mkdir -p "$pr_root"
  mount -t tmpfs -o mode=0755 podman-rootless "$pr_root"
  mount --make-unbindable "$pr_root" # or binding what it is in would bind it into itself
  for pr_path in /* /.[!.]*; do
    if [ -h "$pr_path" ]; then
      ln -s "$(readlink "$pr_path")" "$pr_root$pr_path"
    elif [ -d "$pr_path" ]; then
      mkdir "$pr_root$pr_path"
      mount --rbind "$pr_path" "$pr_root$pr_path" 2>/dev/null || :
    elif [ -f "$pr_path" ]; then
      : >"$pr_root$pr_path"
      mount --bind "$pr_path" "$pr_root$pr_path" 2>/dev/null || :
    fi
  done
  mkdir "$pr_root/nix"
  mount --rbind "$pr_nix" "$pr_root/nix"
}

if [ "${1-}" = --inside ]; then
  shift
  become_user "$@"
fi
[ $# -ge 3 ] || die "usage: with-nix.sh DIR TOOLS PROGRAM [ARG...]"
case $0 in /*) pr_self=$0 ;; *) pr_self=$PWD/$0 ;; esac
pr_nix=$1 pr_unshare=${2:+$2/}unshare
shift 2
exec "$pr_unshare" --user --map-root-user --mount --propagation slave -- \
  sh "$pr_self" --inside "$(id -u)" "$(id -g)" "$pr_nix" "$pr_unshare" "$@"
