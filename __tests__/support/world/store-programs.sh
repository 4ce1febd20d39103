#!/bin/sh
# Puts Debian's podman and its helpers, which run in their own root only, into the form that programs of a Nix store
# have: their loader and libraries are those of the root as a store path.
#
# usage: store-programs.sh ROOT FOLDER
# ROOT: a Debian root; it is only read. FOLDER gets: programs/ (what is a store path, too), registration (of both, for
# nix-store --load-db), and paths (the store paths of ROOT and of programs/, a line each).
set -eu

root=$1
folder=$2
machine=$(uname -m)
name=source # under another one Nix would copy it as a flake's input

store_path() { printf '/nix/store/%s-%s\n' "$(nix-hash --type sha256 --truncate --base32 "$1")" "$name"; }

registration() { # DIRECTORY PATH REFERENCE...
  printf '%s\nsha256:%s\n' "$2" "$(nix-hash --type sha256 --base32 "$1")"
  nix-store --dump "$1" | wc -c
  echo # no deriver
  shift 2
  echo $#
  for reference; do echo "$reference"; done
}

store=$(store_path "$root")
programs=$folder/programs
libraries=$store/usr/lib/$machine-linux-gnu

take() { # DIRECTORY NAME...; the first there is of those in ROOT
  to=$1
  shift
  mkdir -p "$programs/$to"
  for program; do
    for from in usr/bin usr/sbin usr/lib/podman usr/libexec/podman; do
      [ -e "$root/$from/$program" ] || continue
      cp -L "$root/$from/$program" "$programs/$to/$program"
      chmod 0755 "$programs/$to/$program"
      loader=$(patchelf --print-interpreter "$programs/$to/$program" 2>/dev/null) || break # a script, or static
      # Not the loader of /lib64, which is a link of bookworm's to the machine's own. DT_RPATH, unlike DT_RUNPATH, also
      # serves what the libraries need in turn.
      patchelf --set-interpreter "$libraries/${loader##*/}" --force-rpath --set-rpath "$libraries" \
        "$programs/$to/$program"
      break
    done
  done
}

take bin podman conmon crun runc netavark aardvark-dns catatonit passt pasta passt.avx2 pasta.avx2 slirp4netns \
  fuse-overlayfs newuidmap newgidmap skopeo nft mksquashfs unsquashfs
take libexec/podman rootlessport quadlet
path=$(store_path "$programs")
{
  registration "$root" "$store"
  registration "$programs" "$path" "$store"
} >"$folder/registration"
printf '%s\n' "$store" "$path" >"$folder/paths"
