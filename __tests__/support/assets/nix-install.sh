#!/bin/sh
# Installs this Nix for the user who runs it, who must own /nix or be able to make it.
set -eu

self=$(dirname "$0")
mkdir -p /nix/store /nix/var/nix
for path in "$self/store"/*; do
  target=/nix/store/${path##*/}
  if [ -e "$target" ]; then continue; fi
  cp -RP --preserve=timestamps "$path" "$target.$$"
  chmod -R a-w "$target.$$"
  # A folder can only be renamed by one who may write into it.
  chmod u+w "$target.$$"
  mv "$target.$$" "$target"
  chmod u-w "$target"
done
exec @nix@/bin/nix-store --load-db <"$self/.reginfo"
