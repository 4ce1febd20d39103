# All is allowed but user namespaces, as it is to programs without a profile where Ubuntu's restriction is on. A
# program that a profile of its own is for gets that one; others inherit. sudo leads out, as root may do there.
abi <abi/4.0>,

profile no-user-namespaces flags=(attach_disconnected,mediate_deleted) {
  capability, network, mount, remount, umount, pivot_root, ptrace, signal, dbus, unix, io_uring, mqueue,
  change_profile,
  /{,**} rwlkm,
  /{,**} pix,
  /usr/bin/sudo Ux,
}
