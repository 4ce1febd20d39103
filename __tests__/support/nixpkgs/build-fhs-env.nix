# buildFHSEnv as far as the flake uses it: takes these arguments and no other, and `fhsenv` has the layout of
# nixpkgs since 25.05: a real usr/ and etc/ whose files are links into the store, absolute links beside them.
{
  debian,
  packages,
  removable,
  runCommandLocal,
}:

{
  pname,
  version,
  targetPkgs,
  extraBuildCommands,
}:

let
  name = "${pname}-${version}";
  asked = targetPkgs packages;
  programsOf = builtins.concatMap (package: package.programs);

  # A store path of its own, as in nixpkgs: one that no binary cache has.
  profile =
    runCommandLocal "${name}-fhsenv-profile"
      {
        profile = ''
          export PS1='${name}-fhsenv:\u@\h:\w\$ '
          export PATH="/run/wrappers/bin:/usr/bin:/usr/sbin:$PATH"
        '';
      }
      ''
        mkdir -p "$out/etc"
        printf '%s' "$profile" >"$out/etc/profile"
      '';
in
{
  # A program that nobody asked for is not in the tree, though the Debian root has it.
  fhsenv =
    runCommandLocal "${name}-fhsenv-rootfs"
      {
        asked = programsOf asked;
        removable = programsOf (builtins.attrValues removable);
      }
      ''
        mkdir -p "$out/usr" "$out/etc/ssl" "$out/nix-support"
        touch "$out/nix-support/is-fhsenv"

        for entry in ${debian}/usr/*; do
          ln -s "$entry" "$out/usr/"
        done
        for directory in bin sbin lib lib/podman libexec libexec/podman; do
          if [ -d "${debian}/usr/$directory" ]; then
            rm -f "$out/usr/$directory"
            mkdir "$out/usr/$directory"
            ln -s "${debian}/usr/$directory"/* "$out/usr/$directory/"
          fi
        done
        for program in $removable; do
          case " $asked " in
            *" $program "*) ;;
            *) rm -f "$out"/usr/*/"$program" "$out"/usr/*/podman/"$program" ;;
          esac
        done

        for directory in bin sbin lib lib64 libexec; do
          ln -s "/usr/$directory" "$out/$directory"
        done

        # Without these Debian's programs do not run. The rest of its /etc would be the machine's or ours.
        for entry in alternatives ld.so.cache ld.so.conf ld.so.conf.d ssl/certs; do
          ln -s "${debian}/etc/$entry" "$out/etc/$entry"
        done
        ln -s /proc/mounts "$out/etc/mtab"
        ln -s ${profile}/etc/profile "$out/etc/profile"

        ${extraBuildCommands}
      '';
}
