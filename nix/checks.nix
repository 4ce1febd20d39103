# What `nix flake check` builds: each is a script that fails when something is amiss.
{
  podman,
  runCommandLocal,
  shellcheck,
}:

let
  inherit (podman) rootfs;
  check = name: script: runCommandLocal "podman-rootless-check-${name}" { } "${script}\ntouch $out\n";
in
{
  # Debian keeps podman's helpers outside of PATH; nixpkgs has them in usr/bin too.
  programs = check "programs" ''
    for program in \
      aardvark-dns buildah catatonit conmon crun fuse-overlayfs mksquashfs mount netavark newgidmap newuidmap nft \
      nsenter pasta podman runc sh skopeo squashfuse_ll unshare unsquashfs
    do
      found=
      for directory in bin sbin libexec/podman lib/podman; do
        if [ -x "${rootfs}/usr/$directory/$program" ]; then found=1; fi
      done
      if [ -z "$found" ]; then
        echo "no $program in ${rootfs}/usr"
        exit 1
      fi
    done
    ls ${rootfs}/etc/ssl/certs/ca-*.crt
  '';

  # registries.conf of version 1 is a hard error for podman 6; storage.conf is the environment's to write.
  containers = check "containers" ''
    cd ${rootfs}/etc/containers
    grep -q insecureAcceptAnything policy.json
    grep -q '^unqualified-search-registries = \["docker.io"\]' registries.conf
    if grep -q '^\[registries\.' registries.conf; then
      echo "registries.conf has tables of version 1"
      exit 1
    fi
    # enter.sh appends to the last table.
    test "$(grep '^\[' containers.conf | tail -n 1)" = '[engine]'
    test ! -e storage.conf
  '';

  enter = check "enter" ''
    sh -n ${./enter.sh}
    test -x ${./enter.sh}
    ${shellcheck}/bin/shellcheck ${./enter.sh} ${podman}/bin/*
  '';

  launchers = check "launchers" ''
    for launcher in bin/podman bin/podman-rootless bin/fsh-podman-rootless-env fsh-podman-rootless-env; do
      test -x "${podman}/$launcher"
      grep -q 'PODMAN_ROOTLESS_ROOTFS=${rootfs}' "${podman}/$launcher"
    done
  '';
}
