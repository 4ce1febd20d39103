# `nix develop`: a shell with podman on PATH. It changes nothing of the machine; the environment starts with the
# first podman command.
{ mkShellNoCC, podman }:

mkShellNoCC { packages = [ podman ]; }
