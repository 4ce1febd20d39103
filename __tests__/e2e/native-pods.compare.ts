import { ask, type Case, compare, serve } from "../support/world/compare.ts";

const cases: Case[] = [
  [
    "a pod shares localhost",
    `podman pod create --name mypod --publish 127.0.0.1:$port:80; podman run --detach --pod mypod --name web $image ${serve}
podman run --rm --pod mypod $image sh -c 'until wget -qO- http://127.0.0.1; do sleep 0.1; done; hostname; readlink /proc/self/ns/pid >/dev/null'
${ask} http://127.0.0.1:$port; podman pod ps --format '{{.Name}} {{.Status}} {{.NumberOfContainers}}'
podman pod stop --time 0 mypod; podman pod inspect mypod --format '{{.State}}'
podman pod rm --force --time 0 mypod; podman pod rm mypod || echo $?; podman run --rm --pod mypod $image true || echo $?`,
  ],
  [
    "kube play",
    `cat >pod.yaml <<X
apiVersion: v1
kind: Pod
metadata: {name: kubepod}
spec:
  containers:
  - name: web
    image: $image
    command: [sh, -c, "echo \\$WORD; exec sleep 1000"]
    env: [{name: WORD, value: from kube}]
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, emptyDir: {}}]
X
podman kube play pod.yaml; until podman logs kubepod-web | grep kube; do sleep 0.1; done
podman exec kubepod-web touch /data/made; podman kube generate kubepod | grep -vE 'creationTimestamp'
podman kube play pod.yaml || echo $?; podman kube down pod.yaml; podman ps --all --quiet; podman pod ps --quiet`,
  ],
  [
    "healthchecks",
    `podman run --detach --name checked --health-cmd 'test -e /ok' --health-interval disable --health-retries 2 $image sleep 1000
podman healthcheck run checked || echo $?; podman inspect checked --format '{{.State.Health.Status}} {{.State.Health.FailingStreak}}'
podman healthcheck run checked || echo $?; podman inspect checked --format '{{.State.Health.Status}} {{.State.Health.FailingStreak}}'
podman exec checked touch /ok; podman healthcheck run checked
podman inspect checked --format '{{.State.Health.Status}} {{.State.Health.FailingStreak}}'; podman rm --force --time 0 checked
podman healthcheck run nosuch || echo $?`,
  ],
  [
    "the API on a socket",
    `podman system service --time 0 unix://$PWD/api.sock & pid=$!
until curl --silent --unix-socket api.sock http://d/_ping; do sleep 0.1; done
curl --silent --unix-socket api.sock http://d/v5.0.0/libpod/images/json | grep -o '"Names":[^]]*]' | head -n 1
curl --silent --unix-socket api.sock http://d/v1.41/version | grep -o '"ApiVersion":"[^"]*"' | sort -u
curl --silent --unix-socket api.sock --include http://d/v1.41/containers/nosuch/json | grep -E '^HTTP|cause'
podman --url unix://$PWD/api.sock run --rm $image sh -c 'echo remote; exit 7' || echo $?
echo streamed | podman --url unix://$PWD/api.sock run --rm -i $image cat
kill $pid; wait $pid || echo $?`,
  ],
  [
    "the API on its default socket, with a time limit",
    `podman system service --time 3 & pid=$!
until curl --silent --unix-socket /run/user/1001/podman/podman.sock http://d/_ping; do sleep 0.1; done
podman --remote version --format '{{.Server.Version}}'; podman --remote ps --quiet; wait $pid || echo $?`,
  ],
  [
    "a container's life",
    `podman create --name lived $image sh -c 'echo out; echo err >&2; exit 12'; podman start lived; podman wait lived
podman start --attach lived || echo $?; podman logs lived; podman ps --all --format '{{.Names}} {{.State}} {{.ExitCode}}'
podman restart --time 0 lived; podman wait lived; podman rename lived renamed; podman rm renamed
podman events --stream=false --filter container=lived --format '{{.Type}} {{.Status}} {{.Name}}' | sort | uniq -c`,
  ],
  [
    "what inspect says of a container that runs",
    `podman run --detach --name looked-at --publish 127.0.0.1:$port:80 --volume named:/named --env A=b $image sleep 1000
podman inspect looked-at | grep -v lockNumber | sort; podman rm --force --time 0 looked-at; podman volume rm named`,
  ],
  [
    "pause, top, stats, restart policies",
    `podman run --detach --name ran --restart on-failure:2 $image sh -c 'echo ran; exit 3'; 
until podman inspect ran --format '{{.RestartCount}} {{.State.Status}}' | grep -q '2 exited'; do sleep 0.1; done
podman logs ran; podman inspect ran --format '{{.RestartCount}} {{.State.ExitCode}}'; podman rm --force ran
podman run --detach --name ran --init $image sleep 1000; podman top ran user huser pid args
podman rm --force --time 0 ran`,
  ],
  ["limits that this cgroup cannot keep", `podman run --rm --memory 50m $image true || echo $?`],
];

compare(cases);
