# One system's package set.
{
  debian,
  lib,
  system,
}:

let
  # Debian's names and upstream versions of what is installed in the root.
  installed = (builtins.fromJSON (builtins.readFile "${debian}/stand-in.json")).packages;

  runCommandLocal =
    name: env: script:
    derivation (
      removeAttrs env [
        "meta"
        "passthru"
      ]
      // {
        inherit name system;
        builder = "/bin/sh";
        args = [
          "-euc"
          script
        ];
        PATH = "/usr/bin:/bin:/usr/sbin:/sbin";
      }
    )
    // env.passthru or { }
    // {
      meta = env.meta or { };
    };

  # A package of the Debian root. `programs` are what it brings to the FHS tree: absent unless asked for.
  fromDebian =
    pname: debianName: programs:
    let
      version =
        installed.${debianName} or (throw "the Debian root has no package ${debianName}, for ${pname}");
    in
    runCommandLocal "${pname}-${version}" {
      inherit pname version;
      passthru = { inherit programs; };
    } ''mkdir "$out"'';

  # Programs of the machine itself: Debian's do not run outside of their own root.
  fromMachine =
    pname: programs:
    runCommandLocal pname { inherit pname programs; } ''
      mkdir -p "$out/bin"
      for program in $programs; do
        path=$(command -v "$program") || {
          echo "this machine has no $program"
          exit 1
        }
        ln -s "$path" "$out/bin/$program"
      done
    '';

  fhsPackages = {
    aardvark-dns = fromDebian "aardvark-dns" "aardvark-dns" [ "aardvark-dns" ];
    buildah = fromDebian "buildah" "buildah" [ "buildah" ];
    cacert = fromDebian "cacert" "ca-certificates" [ "update-ca-certificates" ];
    catatonit = fromDebian "catatonit" "catatonit" [ "catatonit" ];
    conmon = fromDebian "conmon" "conmon" [ "conmon" ];
    crun = fromDebian "crun" "crun" [ "crun" ];
    fuse-overlayfs = fromDebian "fuse-overlayfs" "fuse-overlayfs" [ "fuse-overlayfs" ];
    netavark = fromDebian "netavark" "netavark" [ "netavark" ];
    nftables = fromDebian "nftables" "nftables" [ "nft" ];
    passt = fromDebian "passt" "passt" [
      "passt"
      "pasta"
    ];
    podman = fromDebian "podman" "podman" [ "podman" ];
    procps = fromDebian "procps" "procps" [ "ps" ];
    runc = fromDebian "runc" "runc" [ "runc" ];
    shadow = fromDebian "shadow" "uidmap" [
      "newgidmap"
      "newuidmap"
    ];
    skopeo = fromDebian "skopeo" "skopeo" [ "skopeo" ];
    squashfs-tools = fromDebian "squashfs-tools" "squashfs-tools" [
      "mksquashfs"
      "unsquashfs"
    ];
    squashfuse = fromDebian "squashfuse" "squashfuse" [
      "squashfuse"
      "squashfuse_ll"
    ];
  };

  utilLinux = [
    "flock"
    "mount"
    "nsenter"
    "pivot_root"
    "setpriv"
    "setsid"
    "umount"
    "unshare"
  ];

  packages =
    fhsPackages
    // {
      inherit lib runCommandLocal;

      buildFHSEnv = import ./build-fhs-env.nix {
        inherit debian packages runCommandLocal;
        removable = fhsPackages // {
          inherit (packages) util-linux;
        };
      };

      callPackage = callPackageWith packages;
      callPackages = callPackageWith packages;

      coreutils = fromMachine "coreutils" [
        "cat"
        "cksum"
        "cp"
        "dirname"
        "id"
        "ln"
        "ls"
        "mkdir"
        "mktemp"
        "readlink"
        "rm"
        "rmdir"
        "sleep"
        "tee"
      ];

      # For `nix develop`, which asks for a derivation that bash builds and for an interactive bash.
      bashInteractive = fromMachine "bash-interactive" [ "bash" ];
      mkShellNoCC =
        { packages }:
        derivation {
          name = "nix-shell";
          inherit system;
          builder = "/bin/bash";
          args = [
            "-euc"
            ''echo "$nativeBuildInputs" >"$out"''
          ];
          outputs = [ "out" ];
          nativeBuildInputs = packages;
          PATH = "${lib.makeBinPath packages}:/usr/bin:/bin";
        };

      nixfmt-tree = runCommandLocal "nixfmt-tree" { meta.mainProgram = "treefmt"; } ''
        mkdir -p "$out/bin"
        printf '#!/bin/sh\necho "the stand-in has no nixfmt" >&2\nexit 1\n' >"$out/bin/treefmt"
        chmod +x "$out/bin/treefmt"
      '';

      # As the package of that name: of the two programs in it, no npm.
      nodejs-slim = fromMachine "nodejs-slim" [ "node" ];

      shellcheck = fromMachine "shellcheck" [ "shellcheck" ];

      util-linux = fromMachine "util-linux" utilLinux // {
        programs = utilLinux;
      };

      writeShellScript =
        name: text:
        runCommandLocal name { text = "#!/bin/sh\n${text}"; } ''
          printf '%s\n' "$text" >"$out"
          chmod +x "$out"
          sh -n "$out"
        '';
    };

  callPackageWith =
    scope: file: arguments:
    let
      function = import file;
    in
    function (builtins.intersectAttrs (builtins.functionArgs function) scope // arguments);
in
packages
