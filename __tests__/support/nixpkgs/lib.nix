# The functions of nixpkgs' lib that the flake uses, with nixpkgs' meaning.
rec {
  genAttrs =
    names: f:
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = f name;
      }) names
    );

  concatStrings = builtins.concatStringsSep "";

  mapAttrsToList = f: attrs: map (name: f name attrs.${name}) (builtins.attrNames attrs);

  makeBinPath = packages: builtins.concatStringsSep ":" (map (package: "${package}/bin") packages);

  versions.major = version: builtins.head (builtins.splitVersion version);

  licenses.mit = {
    shortName = "mit";
    spdxId = "MIT";
    fullName = "MIT License";
    free = true;
  };

  platforms.linux = [
    "x86_64-linux"
    "aarch64-linux"
  ];
}
