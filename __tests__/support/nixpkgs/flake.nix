# Stands in for nixpkgs where no binary cache can be reached: exactly the attributes that this repository's flake
# uses, made of a Debian root (the input `debian`, see ../stand-in.ts) and the machine's own shell and coreutils.
# An attribute that is not here fails to evaluate, as a wrong one would in nixpkgs. Needs Nix's `sandbox = false`.
{
  description = "Stand-in for nixpkgs, made of a Debian root";

  # Always overridden by the flake that uses this one.
  inputs.debian = {
    url = "path:/var/empty";
    flake = false;
  };

  outputs =
    { debian, ... }:
    let
      lib = import ./lib.nix;
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (
        system: import ./packages.nix { inherit debian lib system; }
      );
    };
}
