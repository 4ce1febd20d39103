# `nix run .#doctor`: podman-rootless doctor with a node of its own, which podman's package does without.
{
  lib,
  nodejs-slim,
  podman,
  runCommandLocal,
  writeShellScript,
}:

let
  launcher = writeShellScript "podman-rootless-doctor" ''
    PATH=${lib.makeBinPath [ nodejs-slim ]}:$PATH
    exec ${podman}/bin/podman-rootless doctor "$@"
  '';
in
runCommandLocal "podman-rootless-doctor-${podman.version}"
  {
    pname = "podman-rootless-doctor";
    inherit (podman) version;
    meta = {
      description = "Says whether rootless podman works on a machine, and what is missing";
      license = lib.licenses.mit;
      mainProgram = "podman-rootless-doctor";
      platforms = lib.platforms.linux;
    };
  }
  ''
    mkdir -p "$out/bin"
    cp ${launcher} "$out/bin/podman-rootless-doctor"
  ''
