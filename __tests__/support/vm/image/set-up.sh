#!/bin/sh
# mmdebstrap customize hook: makes a Debian root one that boots in the virtual machine, and puts its kernel beside it.
# $1: the root. OUT: where `kernel`, `initrd` and `key` go; the latter lets root and runner in.
set -eu
root=$1
here=$(dirname "$0")
in_root() { chroot "$root" "$@"; }
version=$(basename "$root"/boot/vmlinuz-*)
version=${version#vmlinuz-}

# Built here and not in the machine, where it would take minutes.
build_module() {
  in_root apt-get install --yes --no-install-recommends make "linux-headers-$version"
  mkdir "$root/tmp/module"
  cp "$here/restriction.c" "$root/tmp/module"
  echo 'obj-m := restriction.o' >"$root/tmp/module/Makefile"
  in_root make -C "/lib/modules/$version/build" M=/tmp/module modules
  install -D -m 644 "$root/tmp/module/restriction.ko" "$root/lib/modules/$version/extra/restriction.ko"
  in_root depmod "$version"
  rm -r "$root/tmp/module"
  in_root apt-get purge --yes --autoremove make "linux-headers-$version"
}

# What is loaded at boot is compiled at boot, which takes half a minute here for the hundred profiles of Debian.
set_up_apparmor() {
  find "$root/etc/apparmor.d" -maxdepth 1 -type f -delete
  cp "$here/no-user-namespaces.profile" "$root/etc/apparmor.d/no-user-namespaces"
  echo restriction >"$root/etc/modules-load.d/restriction.conf"
}

set_up_network() {
  echo podman-vm >"$root/etc/hostname"
  printf '127.0.0.1 localhost podman-vm\n::1 localhost\n' >"$root/etc/hosts"
  rm -f "$root/etc/resolv.conf"
  echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"
  printf '[Match]\nName=e*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n' >"$root/etc/systemd/network/80-user.network"
  in_root systemctl enable systemd-networkd ssh
  in_root systemctl mask systemd-networkd-wait-online apt-daily.timer apt-daily-upgrade.timer
}

set_up_users() {
  in_root useradd --create-home --uid 1001 --shell /bin/bash runner
  : >"$root/etc/subuid"
  : >"$root/etc/subgid"
  echo 'runner ALL=(ALL) NOPASSWD:ALL' >"$root/etc/sudoers.d/runner"
  install -d -o 1001 -g 1001 "$root/opt/hostedtoolcache"
  rm -f "$OUT/key" "$OUT/key.pub"
  ssh-keygen -q -t ed25519 -N '' -C '' -f "$OUT/key"
  install -d -m 700 "$root/root/.ssh"
  install -d -m 700 -o 1001 -g 1001 "$root/home/runner/.ssh"
  cp "$OUT/key.pub" "$root/root/.ssh/authorized_keys"
  install -o 1001 -g 1001 "$OUT/key.pub" "$root/home/runner/.ssh/authorized_keys"
  ssh-keygen -q -t ed25519 -N '' -f "$root/etc/ssh/runner_host_key"
  chown 1001:1001 "$root/etc/ssh/runner_host_key"
  cp "$here/runner.service" "$root/etc/systemd/system"
}

# Only what the disk needs: Debian's own choice of modules makes one three times the size.
make_initrd() {
  echo 'MODULES=list' >"$root/etc/initramfs-tools/conf.d/virtual-machine.conf"
  printf 'virtio_pci\nvirtio_blk\next4\n' >>"$root/etc/initramfs-tools/modules"
  in_root update-initramfs -u
  cp "$root"/boot/vmlinuz-* "$OUT/kernel"
  cp "$root"/boot/initrd.img-* "$OUT/initrd"
}

build_module
set_up_apparmor
set_up_network
set_up_users
make_initrd
