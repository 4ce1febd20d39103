# The FHS tree that becomes the environment's root: podman and every program it runs, and our /etc/containers.
# Only the tree (`fhsenv`) is taken. The launcher that buildFHSEnv makes around it maps a single uid, with which
# podman cannot use subordinate ids; nix/enter.sh takes its place.
{
  buildFHSEnv,
  aardvark-dns,
  buildah,
  cacert,
  catatonit,
  conmon,
  crun,
  fuse-overlayfs,
  netavark,
  nftables,
  passt,
  podman,
  procps,
  runc,
  shadow,
  skopeo,
  squashfs-tools,
  squashfuse,
  util-linux,
}:

(buildFHSEnv {
  pname = "podman-rootless";
  inherit (podman) version;

  targetPkgs = _: [
    aardvark-dns
    buildah
    cacert
    catatonit
    conmon
    crun
    fuse-overlayfs
    netavark
    nftables
    passt
    podman
    procps
    runc
    shadow
    skopeo
    squashfs-tools
    squashfuse
    util-linux
  ];

  # Replaces the directory as a whole: packages bring files of their own for it (skopeo does), made for a system
  # that is not this one. Runs after the tree is there, in the build directory, so paths start at $out.
  extraBuildCommands = ''
    rm -rf "$out/etc/containers"
    mkdir -p "$out/etc/containers"
    cp ${./etc/containers}/* "$out/etc/containers/"
  '';
}).fhsenv
