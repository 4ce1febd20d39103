#!/bin/sh
# mmdebstrap customize hook: writes the layers of the test images as tar files, with all that makes a layer hard to
# keep: foreign owners, file capabilities, setuid, hard links, whiteouts and an opaque folder.
#
# $1: the root just made. LAYERS: where the layers go. BIG_PACKAGES: what the packages layer adds, in words.
set -eu
root=$1

# $1: name of the layer. $2: its folder. The rest goes to tar.
write_layer() {
  layer=$LAYERS/$1.tar folder=$2
  shift 2
  tar --create --file "$layer" --directory "$folder" --one-file-system --numeric-owner \
    --format=pax --pax-option=delete=atime,delete=ctime --xattrs --xattrs-include='*' "$@"
}

# What lies in the root, without this machine's own and what any use fills again.
list_root() {
  (cd "$view" && find . -xdev \( \
    -path './proc/*' -o -path './sys/*' -o -path './dev/*' -o -path './run/*' -o -path './tmp/*' \
    -o -path './var/cache/apt/*' -o -path './var/lib/apt/lists/*' -o -path './var/log/*' \
    -o -path ./etc/resolv.conf -o -path ./etc/hostname \
    \) -prune -o "$@" -print0 | sort --zero-terminated)
}

busybox_layer() {
  box=$LAYERS/busybox
  mkdir "$LAYERS/deb"
  chroot "$root" sh -c 'cd /tmp && apt-get download --quiet=2 busybox-static'
  dpkg-deb --extract "$root"/tmp/busybox-static_*.deb "$LAYERS/deb"
  rm "$root"/tmp/busybox-static_*.deb
  for folder in bin sbin usr/bin usr/sbin etc root tmp var/www; do mkdir -p "$box/$folder"; done
  chmod 1777 "$box/tmp"
  cp "$LAYERS/deb/usr/bin/busybox" "$box/bin/busybox"
  "$box/bin/busybox" --list-full | while read -r applet; do
    if [ ! -e "$box/$applet" ]; then ln -s /bin/busybox "$box/$applet"; fi
  done
  echo 'root:x:0:0:root:/root:/bin/sh' >"$box/etc/passwd"
  echo 'root:x:0:' >"$box/etc/group"
  write_layer busybox "$box" .
  rm -rf "$box" "$LAYERS/deb"
}

debian_layer() {
  list_root >"$LAYERS/list"
  write_layer debian "$view" --no-recursion --null --files-from "$LAYERS/list"
}

# What an installation changes: everything whose inode changed after the layer below was written.
packages_layer() {
  touch "$LAYERS/before"
  sleep 0.1 # more than the kernel's clock tick, which time stamps are made of
  # shellcheck disable=SC2086 # words
  chroot "$root" env DEBIAN_FRONTEND=noninteractive \
    apt-get install --quiet=2 --yes --no-install-recommends $BIG_PACKAGES >&2
  mkdir -p "$root/srv/hidden"
  echo lower | tee "$root/srv/hidden/whiteout" >"$root/srv/hidden/kept"
  mkdir -p "$root/srv/opaque"
  echo lower >"$root/srv/opaque/lower"
  list_root -cnewer "$LAYERS/before" >"$LAYERS/list"
  write_layer packages "$view" --no-recursion --null --files-from "$LAYERS/list"
}

details_layer() {
  top=$root/tmp/details
  mkdir -p "$top/usr/local/bin" "$top/srv/owned" "$top/srv/links" "$top/srv/hidden" "$top/srv/opaque"
  for id in 1001 5000 65533; do
    echo "$id" >"$top/srv/owned/$id"
    chown "$id:$id" "$top/srv/owned/$id"
    chmod 600 "$top/srv/owned/$id"
  done
  cp "$root/usr/bin/python3" "$top/usr/local/bin/python3-low-port"
  chroot "$root" setcap cap_net_bind_service=ep /tmp/details/usr/local/bin/python3-low-port
  cp "$root/usr/bin/id" "$top/usr/local/bin/id-setuid"
  chmod 4755 "$top/usr/local/bin/id-setuid"
  echo linked >"$top/srv/links/one"
  ln "$top/srv/links/one" "$top/srv/links/two"
  : >"$top/srv/hidden/.wh.whiteout"
  : >"$top/srv/opaque/.wh..wh..opq"
  echo upper >"$top/srv/opaque/upper"
  write_layer details "$top" .
  rm -rf "$top"
}

# The root without what is mounted in it; mmdebstrap's own mount namespace keeps this from the machine.
view=$LAYERS/view
mkdir "$view"
mount --bind "$root" "$view"
trap 'umount "$view"; rmdir "$view"' EXIT

busybox_layer
debian_layer
packages_layer
details_layer
rm "$LAYERS/list" "$LAYERS/before"
