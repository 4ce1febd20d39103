# shellcheck shell=bash
# Makes localhost/podman of the machine's own root, set up as the podman project's own image is
# (github.com/containers/image_build, podman/): a user `podman` with subordinate ids among the container's 65,536, file
# capabilities for newuidmap and newgidmap (setuid, they would need CAP_SYS_ADMIN), volumes for the stores, and what a
# container cannot do turned off. For bash.

# $1: the archive, of the whole root.
podman_archive() {
  local replaced='./etc/passwd ./etc/group ./etc/subuid ./etc/subgid ./etc/containers/containers.conf
    ./etc/containers/storage.conf ./usr/bin/newuidmap ./usr/bin/newgidmap'
  # shellcheck disable=SC2046,SC2086 # podman takes no archive that has a file twice
  sudo tar --create --format=pax --file "$1" --one-file-system --directory / $(printf -- '--exclude %s ' $replaced) \
    --exclude './home/*' --exclude ./srv --exclude ./opt --exclude './var/cache/*' --exclude './var/lib/apt/*' \
    --exclude './var/lib/dpkg/*' --exclude ./usr/lib/git-core --exclude ./usr/bin/buildah --exclude ./usr/bin/skopeo .
  rm -rf added && mkdir -p added/etc/containers added/usr/bin added/home/podman/.config/containers \
    added/home/podman/.local/share/containers
  cp /etc/passwd /etc/group added/etc/
  echo podman:x:1000:1000::/home/podman:/bin/sh >>added/etc/passwd
  echo podman:x:1000: >>added/etc/group
  printf 'podman:1:999\npodman:1001:64535\n' | tee added/etc/subuid >added/etc/subgid
  cat >added/etc/containers/containers.conf <<'CONF'
[containers]
netns = "host"
userns = "host"
ipcns = "host"
utsns = "host"
cgroupns = "host"
cgroups = "disabled"
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
CONF
  cat >added/etc/containers/storage.conf <<'CONF'
[storage]
driver = "overlay"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
[storage.options.overlay]
mount_program = "/usr/bin/fuse-overlayfs"
CONF
  # The user's own: podman from 5.8 on would take these directories for the user's, too.
  grep -vE '^(runroot|graphroot)' added/etc/containers/storage.conf >added/home/podman/.config/containers/storage.conf
  printf '[containers]\nvolumes = ["/proc:/proc"]\ndefault_sysctls = []\n' \
    >added/home/podman/.config/containers/containers.conf
  cp /usr/bin/newuidmap /usr/bin/newgidmap added/usr/bin/ # without setuid
  sudo chown -R 0:0 added
  sudo chown -R 1000:1000 added/home/podman
  # Debian's smallest python has setxattr, but not all machines have setcap: CAP_SETUID is 7, CAP_SETGID 6.
  sudo python3 -c 'import os, struct
for name, cap in (("newuidmap", 7), ("newgidmap", 6)):
    os.setxattr("added/usr/bin/" + name, "security.capability", struct.pack("<5I", 0x2000001, 1 << cap, 0, 0, 0))'
  # shellcheck disable=SC2086
  sudo tar --append --file "$1" --format=pax --xattrs --xattrs-include=security.capability --directory added \
    $replaced ./home/podman
  sudo rm -r added
}

podman_image() {
  podman image exists localhost/podman && return
  [ -e ~/podman.tar ] || podman_archive ~/podman.tar
  podman import --quiet --change 'VOLUME /var/lib/containers' --change 'VOLUME /home/podman/.local/share/containers' \
    --change 'ENV _CONTAINERS_USERNS_CONFIGURED=""' --change ENV=BUILDAH_ISOLATION=chroot \
    ~/podman.tar localhost/podman >/dev/null
}
