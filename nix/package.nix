# The commands for people: podman, and what starts, joins and stops the environment it runs in.
{
  lib,
  coreutils,
  podman,
  rootfs,
  runCommandLocal,
  util-linux,
  writeShellScript,
}:

let
  # enter.sh's own tools go first on PATH, but not shadow's: newuidmap and newgidmap must be the host's, which are
  # setuid root. The caller's PATH is kept for the command inside. Each of podman's major versions has its own
  # store, because a newer one changes it so that an older one cannot read it any more.
  launcher =
    name: arguments:
    writeShellScript name ''
      set -eu
      : "''${PODMAN_ROOTLESS_GRAPH_ROOT:=''${XDG_DATA_HOME:-''${HOME:?}/.local/share}/podman-rootless/${lib.versions.major podman.version}/storage}"
      PODMAN_ROOTLESS_ROOTFS=${rootfs}
      PODMAN_ROOTLESS_CALLER_PATH=$PATH
      PATH=${
        lib.makeBinPath [
          util-linux
          coreutils
        ]
      }:$PATH
      export PODMAN_ROOTLESS_GRAPH_ROOT PODMAN_ROOTLESS_ROOTFS PODMAN_ROOTLESS_CALLER_PATH PATH
      ${arguments}
      exec ${./enter.sh} "$@"
    '';

  launchers = {
    podman = ''set -- exec podman "$@"'';
    # Node is not in the closure for this alone. The bundle sees what enter.sh would find on PATH.
    podman-rootless = ''
      if [ "''${1-}" = doctor ]; then
        case $(node --version 2>/dev/null) in
          v[2-9][0-9].*)
            shift
            set -- --storage-root "$PODMAN_ROOTLESS_GRAPH_ROOT" "$@"
            exec node ${../dist}/index.js doctor "$@"
            ;;
        esac
        echo "podman-rootless: no node of version 20 or newer is on PATH for doctor; with one of its own:" \
          "nix run github:es-nix/podman-rootless#doctor" >&2
        exit 125
      fi
    '';
    fsh-podman-rootless-env = ''if [ $# -gt 0 ]; then set -- exec "$@"; else set -- shell; fi'';
  };
in
runCommandLocal "podman-rootless-${podman.version}"
  {
    pname = "podman-rootless";
    inherit (podman) version;
    passthru = { inherit rootfs; };
    meta = {
      description = "Rootless podman in an FHS environment of its own";
      license = lib.licenses.mit;
      mainProgram = "podman";
      platforms = lib.platforms.linux;
    };
  }
  ''
    mkdir -p "$out/bin"
    ${lib.concatStrings (
      lib.mapAttrsToList (name: arguments: ''
        cp ${launcher name arguments} "$out/bin/${name}"
      '') launchers
    )}
    ln -s bin/fsh-podman-rootless-env "$out/fsh-podman-rootless-env"
  ''
