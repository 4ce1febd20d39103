{
  description = "Rootless podman in an FHS environment of its own";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      eachSystem =
        f:
        nixpkgs.lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (
          system: f nixpkgs.legacyPackages.${system} self.packages.${system}
        );
    in
    {
      packages = eachSystem (
        pkgs: packages: {
          default = packages.podman;
          doctor = pkgs.callPackage ./nix/doctor.nix { inherit (packages) podman; };
          podman = pkgs.callPackage ./nix/package.nix { inherit (packages) rootfs; };
          rootfs = pkgs.callPackage ./nix/rootfs.nix { };
        }
      );

      apps = eachSystem (
        _: packages: {
          default = {
            type = "app";
            program = "${packages.podman}/bin/podman";
            meta = { inherit (packages.podman.meta) description; };
          };
          doctor = {
            type = "app";
            program = "${packages.doctor}/bin/podman-rootless-doctor";
            meta = { inherit (packages.doctor.meta) description; };
          };
        }
      );

      devShells = eachSystem (
        pkgs: packages: {
          default = pkgs.callPackage ./nix/dev-shell.nix { inherit (packages) podman; };
        }
      );

      checks = eachSystem (
        pkgs: packages: pkgs.callPackages ./nix/checks.nix { inherit (packages) podman; }
      );

      formatter = eachSystem (pkgs: _: pkgs.nixfmt-tree);

      overlays.default = final: _prev: {
        podman-rootless = final.callPackage ./nix/package.nix {
          rootfs = final.podman-rootless-rootfs;
        };
        podman-rootless-rootfs = final.callPackage ./nix/rootfs.nix { };
      };
    };
}
