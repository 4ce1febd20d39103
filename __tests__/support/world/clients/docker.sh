#!/bin/sh
# Does with the command `docker`, at DOCKER_HOST, what people do with it, and prints what came of it: nothing in it
# varies from one run, or one store, to the next.
#
# usage: docker.sh DOCKER IMAGE PORT
# DOCKER: the program. PORT: a free one on loopback.
# shellcheck disable=SC2016 # expanded in the containers
set -eu

docker=$1 image=$2 port=$3
work=$(mktemp -d)
export DOCKER_CONFIG="$work/config" DOCKER_BUILDKIT=0
cd "$work"

must_fail() {
  code=0
  "$@" 2>&1 || code=$? # in one stream, or the order would vary
  echo "code $code"
}

echo "--- images"
"$docker" version --format '{{.Server.Version}} {{.Server.Os}}/{{.Server.Arch}}'
"$docker" pull --quiet "$image"
"$docker" images --format '{{.Repository}}:{{.Tag}}' "$image"

echo "--- run"
"$docker" run --rm "$image" printf '[%s]\n' 'a b' '' "c'd" '$e'
printf 'a\0b\nc' | "$docker" run --rm --interactive "$image" od -c
must_fail "$docker" run --rm "$image" sh -c 'exit 9'
"$docker" run --rm --user 65534 --workdir /tmp --env WORD='two words' "$image" sh -c 'id -u; pwd; echo "$WORD"'
script --quiet --return --command "$docker run --rm --interactive --tty $image sh -c 'test -t 0 && echo a terminal'" /dev/null </dev/null

echo "--- mounts"
echo from the host >file
"$docker" run --rm --volume "$work:/work" "$image" sh -c 'cat /work/file; echo from the container >/work/made'
cat made
stat --format %U made
"$docker" volume create cli-volume
"$docker" run --rm --volume cli-volume:/data "$image" sh -c 'echo kept >/data/file'
"$docker" run --rm --volume cli-volume:/data "$image" cat /data/file
"$docker" volume rm cli-volume

echo "--- detached"
"$docker" run --detach --name cli --publish "127.0.0.1:$port:8080" "$image" \
  sh -c 'echo serving; exec httpd -f -p 8080 -h /var/www' >id
"$docker" ps --filter name=cli --format '{{.Names}} {{.State}}'
"$docker" cp file cli:/var/www/file
curl --silent --fail --retry 30 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$port/file"
"$docker" exec cli cat /var/www/file
echo piped | "$docker" exec --interactive cli cat
must_fail "$docker" exec cli sh -c 'exit 3'
"$docker" cp cli:/var/www/file copy && cmp file copy
"$docker" logs cli
"$docker" port cli
"$docker" inspect --format '{{.State.Status}} {{json .Config.Cmd}}' cli
"$docker" stop --time 1 cli
until [ "$("$docker" inspect --format '{{.State.Status}}' cli)" = exited ]; do sleep 0.1; done
"$docker" start cli
"$docker" restart --time 0 cli
"$docker" ps --all --filter name=cli --format '{{.Names}} {{.State}}'
"$docker" kill cli
"$docker" rm --force cli

echo "--- build"
mkdir context
echo word >context/word
printf 'FROM %s\nCOPY word /word\nRUN cat /word /word >/twice\nCMD ["cat", "/twice"]\n' "$image" >context/Dockerfile
"$docker" build --tag localhost/cli:built context >build.log 2>&1 || { cat build.log; exit 1; }
"$docker" run --rm localhost/cli:built
"$docker" save localhost/cli:built | tar --list | grep -c '\.json$'
"$docker" rmi localhost/cli:built >rmi.log

echo "--- networks"
"$docker" network create cli-network | wc -l
"$docker" run --detach --name cli-web --network cli-network "$image" httpd -f -p 8080 -h /etc >id
"$docker" run --rm --network cli-network "$image" sh -c 'until wget -q -O - http://cli-web:8080/passwd; do sleep 0.1; done'
"$docker" kill cli-web
"$docker" rm --force cli-web
"$docker" network rm cli-network

echo "--- compose"
cat >compose.yaml <<COMPOSE
services:
  web:
    image: $image
    command: httpd -f -p 8080 -h /srv
    volumes: [.:/srv:ro]
  client:
    image: $image
    command: sh -c 'until wget -q -O - http://web:8080/file; do sleep 0.1; done'
    depends_on: [web]
COMPOSE
"$docker" compose --progress quiet --project-name cli up --detach
"$docker" compose --project-name cli ps --services
until [ "$("$docker" inspect --format '{{.State.Status}}' cli-client-1)" = exited ]; do sleep 0.2; done
"$docker" compose --project-name cli logs --no-log-prefix client
"$docker" compose --progress quiet --project-name cli down --timeout 0
"$docker" ps --all --quiet --filter label=com.docker.compose.project=cli | wc -l

echo "--- mistakes"
must_fail "$docker" run --rm localhost/no-such-image
must_fail "$docker" inspect no-such-container
must_fail "$docker" run --rm "$image" no-such-command
