#!/bin/sh
# Makes a Nix release tarball, in the layout of the official ones, from Debian's Nix:
#
#   nix-VERSION-SYSTEM/.reginfo    the store paths, for nix-store --load-db
#   nix-VERSION-SYSTEM/install     installs for one user
#   nix-VERSION-SYSTEM/store/      nix itself, the libraries it needs (libc included), certificates
#
# Layout: packaging/binary-tarball.nix of github:NixOS/nix.
#
# usage: nix-tarball.sh ROOT FOLDER
# ROOT: a Debian root with nix-bin and ca-certificates; it is only read. FOLDER: where the tarball goes.
set -eu

root=$1
folder=$2
install=$(dirname "$0")/nix-install.sh
machine=$(uname -m)
store=/nix/store

# The upstream part of an installed package's version.
version_of() {
  dpkg-query --admindir="$root/var/lib/dpkg" --show --showformat='${source:Upstream-Version}' "$1" |
    sed 's/[+~].*//'
}

# A store name for content that has no derivation: the same content gets the same name.
# $1: folder. $2: name and version.
store_name() {
  printf '%s-%s\n' "$(nix-hash --type sha256 --truncate --base32 "$1")" "$2"
}

# The shared libraries of a program and the loader itself, as the root's own loader finds them.
libraries_of() {
  "$loader" --inhibit-cache --library-path "$root/usr/lib/$machine-linux-gnu" --list "$1" |
    awk -v loader="$loader" '$2 == "=>" && $3 ~ "^/" { print $3 } END { print loader }' | sort -u
}

# Everything under $store in the form closureInfo writes it.
registration() {
  for path in "$top/store"/*; do
    printf '%s/%s\n' "$store" "${path##*/}"
    printf 'sha256:%s\n' "$(nix-hash --type sha256 --base32 "$path")"
    nix-store --dump "$path" | wc -c
    echo # no deriver
    references "$path" >"$folder/references"
    wc -l <"$folder/references"
    cat "$folder/references"
  done
  rm "$folder/references"
}

# A path refers to those whose hash part occurs in it.
references() {
  for other in "$top/store"/*; do
    other=${other##*/}
    if grep --recursive --quiet --text --fixed-strings -e "${other%%-*}" "$1"; then
      printf '%s/%s\n' "$store" "$other"
    fi
  done
}

version=$(version_of nix-bin)
loader=$root$(patchelf --print-interpreter "$root/usr/bin/nix")
release=nix-$version-$machine-linux
top=$folder/$release
mkdir -p "$top/store"

mkdir -p "$folder/lib/lib"
libraries_of "$root/usr/bin/nix" | while read -r library; do
  cp --dereference "$library" "$folder/lib/lib/"
done
lib=$(store_name "$folder/lib" "nix-libraries-$version")
mv "$folder/lib" "$top/store/$lib"

mkdir -p "$folder/nix/bin"
cp "$root/usr/bin/nix" "$folder/nix/bin/"
for link in "$root"/usr/bin/nix-*; do
  if [ "$(readlink "$link")" = nix ]; then ln -s nix "$folder/nix/bin/${link##*/}"; fi
done
# DT_RPATH, unlike DT_RUNPATH, also serves what the libraries need in turn: they stay as they are.
patchelf --set-interpreter "$store/$lib/lib/${loader##*/}" \
  --force-rpath --set-rpath "$store/$lib/lib" "$folder/nix/bin/nix"
nix=$(store_name "$folder/nix" "nix-$version")
mv "$folder/nix" "$top/store/$nix"

mkdir -p "$folder/cacert/etc/ssl/certs"
cp "$root/etc/ssl/certs/ca-certificates.crt" "$folder/cacert/etc/ssl/certs/ca-bundle.crt"
cacert=$(store_name "$folder/cacert" "nss-cacert-$(version_of ca-certificates)")
mv "$folder/cacert" "$top/store/$cacert"

registration >"$top/.reginfo"
sed "s,@nix@,$store/$nix," "$install" >"$top/install"
chmod +x "$top/install"
# As upstream packs it: whole again for any user, and the store's own time stamp.
tar --create --sort=name --owner=0 --group=0 --numeric-owner --mode=u+rw,uga+r --mtime=@1 \
  --directory="$folder" "$release" | xz -1 --threads=0 >"$folder/$release.tar.xz"
rm -rf "$top"
