import { ask, type Case, compare, MORE } from "../support/world/compare.ts";

const file = `mkdir web; printf 'FROM %s\\nRUN echo built >/built\\n' $image >web/Containerfile
cat >compose.yml <<X
services:
  web:
    build: {context: web, dockerfile: Containerfile}
    command: ["sh", "-c", "cat /built >/data/index.html; echo \\$\\$WORD; exec httpd -f -h /data"]
    ports: ["127.0.0.1:$port:80"]
    volumes: ["data:/data", "./web:/source:ro"]
    environment: {WORD: given}
    stop_signal: SIGKILL
  asker:
    image: $image
    command: ["sh", "-c", "until wget -qO- http://web/; do sleep 0.1; done; exec sleep 1000"]
    depends_on: [web]
    stop_signal: SIGKILL
volumes:
  data: {}
X
`;
const list = `for state in running exited; do podman ps --all --filter status=$state --format "$state {{.Names}} {{.Ports}}" | sort; done; podman volume ls --format '{{.Name}}'
podman network ls --format '{{.Name}}' | sort; podman pod ls --format '{{.Name}}'`;

// The machine's podman-compose, with the podman that is first on PATH.
const withPackage: Case[] = [
  [
    "up, ps, logs, exec, run, stop, start, down",
    `${file}podman-compose up --detach 2>/dev/null >up || { cat up; exit 1; }
until podman-compose logs asker 2>/dev/null | grep built; do sleep 0.2; done; podman-compose logs web 2>/dev/null
${ask} http://127.0.0.1:$port
${list}; podman-compose ps 2>/dev/null | wc -l
podman-compose exec -T web sh -c 'echo $WORD; ls /source; exit 3' 2>/dev/null || echo $?
podman-compose exec -T asker nslookup web >/dev/null 2>&1 || echo $?
podman-compose stop >/dev/null 2>&1; ${list}; podman-compose start >/dev/null 2>&1; ${list}
podman-compose down --volumes >/dev/null 2>&1; ${list}; podman rmi --all --force >/dev/null 2>&1 || echo $?`,
  ],
  [
    "a failed build and an unknown image",
    `echo 'services: {bad: {image: localhost/nosuch}}' >compose.yml; podman-compose up --detach >out 2>&1 || echo $?; grep -c nosuch out >/dev/null
podman-compose down >/dev/null 2>&1 || echo $?; podman-compose nosuch >/dev/null 2>&1 || echo $?; ${list}`,
  ],
];

const provider = `printf '#!/bin/sh\\necho "$@ in $PWD to $DOCKER_HOST"; cat; exit 6\\n' >provider; chmod +x provider`;
const alone: Case[] = [
  ["podman compose, without a provider", `podman compose up`, 125],
  [
    "podman compose, with one",
    `${provider}; echo typed | PODMAN_COMPOSE_PROVIDER=$PWD/provider podman compose --file 'a b' up || echo $?
PODMAN_COMPOSE_PROVIDER=$PWD/nosuch podman compose up || echo $?; PODMAN_COMPOSE_WARNING_LOGS=false PODMAN_COMPOSE_PROVIDER=$PWD/provider podman compose </dev/null || echo $?`,
  ],
];

compare(withPackage, { packages: MORE });
compare(alone);
