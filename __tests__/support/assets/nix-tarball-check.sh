#!/bin/sh
# Installs a Nix release tarball as a plain user on a machine that has no /nix and uses it there. The machine is
# this one's /usr and /etc in a mount namespace of their own, read-only, so its own /nix is out of reach.
#
# usage: nix-tarball-check.sh TARBALL (as root). Prints what the user's commands print.
set -eu

# In the outer mount namespace: starts again in one of its own.
if [ "${1:-}" != --inside ]; then
  exec unshare --mount --propagation private -- "$0" --inside "$@"
fi
tarball=$2
id=1001

root=$(mktemp -d)
mount -t tmpfs -o mode=755 nix-tarball-check "$root"
trap 'umount --lazy "$root"; rmdir "$root"' EXIT
mkdir "$root/usr" "$root/etc" "$root/dev" "$root/proc" "$root/nix" "$root/home" "$root/tmp"
for folder in bin sbin lib lib64; do
  if [ -L "/$folder" ]; then cp -P "/$folder" "$root/$folder"; fi
done
for folder in usr etc dev proc; do
  mount --rbind "/$folder" "$root/$folder"
done
mount -o remount,bind,ro "$root/usr"
mount -o remount,bind,ro "$root/etc"
chmod 1777 "$root/tmp"
tar --extract --xz --file "$tarball" --directory "$root/home"
chown -R "$id:$id" "$root/nix" "$root/home"

chroot --userspec="$id:$id" "$root" /usr/bin/env -i HOME=/home PATH=/usr/bin:/bin sh -eu <<'USER'
cd /home
./nix-*/install
PATH=$(echo /nix/store/*-nix-[0-9]*/bin):$PATH
export NIX_CONFIG="experimental-features = nix-command
sandbox = false
substituters ="
nix --version
nix eval --expr '1 + 1'
nix-store --verify --check-contents 2>&1
nix-store --query --references "${PATH%%/bin:*}"
out=$(nix build --impure --no-link --print-out-paths --expr 'derivation {
  name = "built"; system = builtins.currentSystem;
  builder = "/bin/sh"; args = [ "-c" "echo built by $(id -u) > $out" ];
  PATH = "/usr/bin:/bin";
}')
cat "$out"
USER
