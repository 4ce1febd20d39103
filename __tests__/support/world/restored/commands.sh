#!/bin/bash
# Runs podman's commands on images, those that change them last, and says of each how it ended, to be compared.
# $1: podman. $2, $3: names of two images, the second with python3. $4: a registry to push to.
set -u
podman=$1 small=$2 hard=$3 registry=$4

p() { "$podman" "$@"; }
list() { p images --all --format '{{.ID}} {{.Repository}}:{{.Tag}}{{if .ReadOnly}} R/O{{end}}' | sort; }
try() { # NAME COMMAND...
  printf '### %s\n' "$1"
  shift
  "$@" 2>&1
  printf 'code %s\n' "$?"
}
change() { # NAME COMMAND...: and what images it leaves
  try "$@"
  list
}
sum() { p "$@" | sha256sum; }
members() { p "$@" | tar --list | sort; }
# Without the time since an image was made.
sizes() { p system df --verbose | awk '/MB/ { print $1, $2, $3, $(NF - 3), $(NF - 2), $(NF - 1), $NF }'; }
pushed() {
  curl --silent "http://$registry/v2/pushed/manifests/latest" \
    --header 'Accept: application/vnd.oci.image.manifest.v1+json' | sha256sum
}
build() { printf 'FROM %s\nUSER 0\nRUN echo built >/built\n' "$small" | p build "$@" -; }

try images list
try 'images --format' p images --digests --format '{{.Digest}} {{.Size}} {{.Repository}}'
try 'images --filter' p images --quiet --filter dangling=false --filter "reference=$hard"
try inspect p image inspect --format '{{.Id}} {{.Digest}} {{.RepoTags}} {{.RepoDigests}} {{.RootFS}} {{.Size}} {{.NamesHistory}} {{json .Config}}' "$small" "$hard"
try history p history --no-trunc "$hard" --format '{{.ID}} {{.CreatedBy}} {{.Size}}'
try tree p image tree "$hard"
try 'system df' p system df --format '{{.Type}} {{.Total}} {{.Active}} {{.Size}} {{.Reclaimable}}'
try 'system df --verbose' sizes
try run p run --rm "$hard" id -u
try diff p image diff "$hard"
try save sum save "$hard"
try 'save --format oci-archive' members save --format oci-archive "$hard"
try 'save --multi-image-archive' sum save --multi-image-archive "$small" "$hard"
try push p push --quiet "$hard" "$registry/pushed:latest"
try pushed pushed
p create --name made "$hard" true >/dev/null
try 'rmi in use' p rmi "$hard"
try export members export made
try commit p commit --quiet made localhost/committed
try committed p run --rm localhost/committed id -u
p rm made >/dev/null
try build build --tag localhost/built
try built p run --rm localhost/built cat /built
try 'build again' build --tag localhost/built
try 'build --no-cache' build --no-cache --tag localhost/anew
change 'rmi of builds' p rmi localhost/built localhost/anew localhost/committed
try 'image mount' p image mount "$small"
p image unmount "$small" >/dev/null
change 'rmi' p rmi "$small"
change 'rmi --force' p rmi --force "$small"
change 'rmi --ignore' p rmi --ignore localhost/none
change 'image prune --all' p image prune --all --force
change 'rmi --all --force' p rmi --all --force
change 'pull' p pull --quiet "$hard"
change 'pull of another' p pull --quiet "$small"
change 'tag' p tag "$small" localhost/tagged:1
try 'run of a tag' p run --rm localhost/tagged:1 echo works
change 'untag' p untag "$small" localhost/tagged:1
p tag "$small" localhost/tagged:2
change 'rmi of a tag' p rmi localhost/tagged:2
change 'a tag that moves' p tag "$hard" "$small"
try 'run of a tag that moved' p run --rm "$small" python3 -c 'print("python")'
change 'untag of all' p untag "$small"
change 'system prune --all' p system prune --all --force
change 'system reset' p system reset --force
change 'pull after a reset' p pull --quiet "$small"
try 'run after a reset' p run --rm "$small" echo works
try 'build after a reset' build --tag localhost/built
