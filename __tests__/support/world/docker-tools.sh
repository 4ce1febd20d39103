# shellcheck shell=bash
# Makes archives as nixpkgs' dockerTools does, with the layouts of its default.nix and stream_layered_image.py. An image
# is one store path with a busybox in it and another that links to it, and runs the second. For bash.

# All that is in the store: $box has bin/busybox, $top has bin/hello. $1: a busybox.
make_store() {
  box=/nix/store/0c3jyr3bqqkjb5yzzp2qxnjzzg0w8b7v-busybox-1.37.0
  top=/nix/store/1gf7d8sh9zvyqqgyl6yy3g1gcg9pmb3y-hello
  mkdir -p "store$box/bin" "store$top/bin"
  cp "$1" "store$box/bin/busybox"
  ln -s busybox "store$box/bin/sh"
  # shellcheck disable=SC2016 # expanded by the shell in the image
  printf '#!%s\necho "hello from $0"\n' "$box/bin/sh" >"store$top/bin/hello"
  chmod 555 "store$box/bin/busybox" "store$top/bin/hello"
  chmod 555 "store$box" "store$box/bin" "store$top" "store$top/bin"
}

sum_of() { sha256sum "$1" | cut -d ' ' -f 1; }

# The architecture as OCI names it.
architecture() { uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/'; }

# buildImage: a layer's folder is named by its metadata, and the legacy files are there. $1: the archive. $2: times.
build_image() {
  rm -rf temp image && mkdir temp image layer
  ln -s "$top/bin" layer/bin
  local created=1970-01-01T00:00:01Z config id sum
  config="\"config\":{\"Cmd\":[\"/bin/hello\"]},\"architecture\":\"$(architecture)\",\"os\":\"linux\",\"created\":\"$created\""
  tar --directory layer --hard-dereference --sort=name --mtime="@$2" --owner=0 --group=0 --create --file temp/layer.tar .
  # What belongs to the closure is added after it.
  chmod 555 store/nix store/nix/store
  (cd store && find nix | sort) >new-files
  tar --directory store --append --file temp/layer.tar --hard-dereference --sort=name --mtime="@$2" --owner=0 --group=0 \
    --no-recursion --files-from new-files
  printf 1.0 >temp/VERSION
  printf '{%s,"checksum":"tarsum.v1+sha256:%064d"}' "$config" 0 >temp/json
  id=$(sum_of temp/json) sum=$(sum_of temp/layer.tar)
  printf '{%s,"id":"%s","Size":%s}' "$config" "$id" "$(stat --format %s temp/layer.tar)" >temp/json
  mv temp "image/$id"
  printf '{%s,"rootfs":{"diff_ids":["sha256:%s"],"type":"layers"},"history":[{"created":"%s"}]}\n' \
    "$config" "$sum" "$created" >image/config
  mv image/config "image/$(sum_of image/config).json"
  printf '[{"RepoTags":["hello:built"],"Layers":["%s/layer.tar"],"Config":"%s"}]\n' \
    "$id" "$(basename image/*.json)" >manifest.json
  mv manifest.json image/manifest.json
  printf '{"hello":{"built":"%s"}}' "$id" >image/repositories
  chmod -R a-w image
  tar --directory image --hard-dereference --sort=name --mtime="@$2" --owner=0 --group=0 --transform 's:^./::' \
    --create . | gzip --no-name >"$1"
  chmod -R u+w image layer && rm -rf image layer
}

# streamLayeredImage: a layer for each store path, named by absolute path, one more for links; to standard output.
# $1: times.
stream_layered_image() {
  rm -rf image && mkdir image layer
  ln -s "$top/bin" layer/bin
  chmod 755 store/nix store/nix/store
  local created=1970-01-01T00:00:01+00:00 ids='' layers='' history='' files='' path id
  for path in "$box" "$top" ''; do
    if [ -n "$path" ]; then
      (printf '%s\n' nix nix/store && cd store && find "${path#/}" | sort) >new-files
      tar --directory store --absolute-names --transform 's:^:/:S' --hard-dereference --mtime="@$1" --owner=root:0 \
        --group=root:0 --no-recursion --create --file layer.tar --files-from new-files
    else
      tar --directory layer --hard-dereference --sort=name --mtime="@$1" --owner=0 --group=0 --create --file layer.tar .
    fi
    id=$(sum_of layer.tar)
    mkdir "image/$id" && mv layer.tar "image/$id/layer.tar"
    ids="$ids, \"sha256:$id\"" layers="$layers, \"$id/layer.tar\"" files="$files $id/layer.tar"
    history="$history, {\"created\": \"$created\", \"comment\": \"store paths: ['${path:-$top-customisation-layer}']\"}"
  done
  printf '{"created": "%s", "architecture": "%s", "os": "linux", "config": {"Cmd": ["/bin/hello"]},
    "rootfs": {"diff_ids": [%s], "type": "layers"}, "history": [%s]}' \
    "$created" "$(architecture)" "${ids#, }" "${history#, }" >image/config
  local config
  config=$(sum_of image/config).json
  mv image/config "image/$config"
  printf '[{"Config": "%s", "RepoTags": ["hello:streamed"], "Layers": [%s]}]' "$config" "${layers#, }" >image/manifest.json
  # shellcheck disable=SC2086 # one argument a file
  tar --directory image --mtime="@$1" --owner=root:0 --group=root:0 --mode=644 --create $files "$config" manifest.json
  rm -rf image layer
}
