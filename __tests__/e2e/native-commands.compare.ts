import { type Case, compare } from "../support/world/compare.ts";

// What a native podman says and how it ends, for everything a person or a script may type.
const cases: Case[] = [
  ["an unknown subcommand", `podman nosuch`, 125],
  ["a flag of no command", `podman run --nosuch image`, 125],
  ["a missing argument", `podman run`, 125],
  ["an image that the registry has not", `podman run --rm --tls-verify=false $registry/nosuch`, 125],
  ["an image of a registry without TLS", `podman run --rm $registry/nosuch`, 125],
  ["an image by its short name, that nobody has", `podman run --rm nosuch`, 125],
  ["an image that may not be pulled", `podman run --rm --pull never localhost/nosuch`, 125],
  ["a bad log level", `podman --log-level=nosuch ps`, 1],
  ["a program that the image has not", `podman run --rm $image /nosuch`, 127],
  ["a program that cannot be executed", `podman run --rm $image /etc/passwd`, 126],
  ["a directory as program", `podman run --rm $image /etc`, 126],
  [
    "exit codes are the container's",
    `for code in 0 1 3 125 126 127 137 143 255; do
  seen=0; podman run --rm $image sh -c "exit $code" || seen=$?; echo $seen
done`,
  ],
  [
    "containers that a signal ends",
    `for signal in TERM KILL SEGV; do
  seen=0; podman run --rm --init $image sh -c "kill -$signal \\$\\$; sleep 9" || seen=$?; echo $seen
done`,
  ],
  [
    "a signal for podman is the container's",
    // podman proxies signals only some time after its container's first words; 4 with debug messages ends 20 s late.
    `set -m
level=debug; case $(podman --version) in *' 4.'*) level=warning ;; esac
proxies() { if [ $level = debug ]; then grep -q 'signal proxying' log; else sleep 2; fi; }
for signal in INT TERM HUP USR1; do
  : >out
  podman --log-level $level run --rm $image sh -c 'for s in INT TERM HUP USR1; do trap "echo $s; exit 6" $s; done; echo up
    while :; do sleep 0.1; done' >out 2>log & pid=$!
  until grep -q up out && proxies; do sleep 0.1; done
  kill -$signal $pid; seen=0; wait $pid || seen=$?; echo $seen; cat out
done`,
  ],
  [
    "stop, kill, wait",
    `podman run --detach --name signalled $image sh -c 'trap "exit 7" TERM; echo up; while :; do sleep 0.1; done'
until podman logs signalled | grep up; do sleep 0.1; done
podman stop signalled; podman wait signalled
podman inspect signalled --format '{{.State.ExitCode}} {{.State.Status}} {{.State.OOMKilled}}'
podman start signalled; podman kill signalled; podman wait signalled; podman rm signalled`,
  ],
  [
    "standard input",
    `seq 100000 | podman run -i --rm $image md5sum
head -c 30000000 /dev/zero | podman run -i --rm $image cat | md5sum
printf 'no newline' | podman run -i --rm $image cat
echo unread | podman run --rm $image cat
podman run -i --rm $image cat </dev/null`,
  ],
  ["arguments", `podman run --rm $image printf '<%s>' 'a b' '' $'line\\nline' "'\\"\\$(id)\\\\" '*' -- -n ü`],
  [
    "variables",
    `TAKEN=yes LEFT=no podman run --rm --hostname here --env TAKEN --env GIVEN=a=b $image env | sort
podman run --rm --hostname here $image env | sort
TAKEN=yes podman run --rm --hostname here --env-host $image env | grep -E '^(TAKEN|HOME|USER)=' | sort`,
  ],
  [
    "a terminal",
    // podman 4 may lose the words of a container that ends right after them.
    `script -qec "podman run --rm -it $image sh -c 'tty; ls --color=auto -d /; echo err >&2; sleep 1; exit 9'" /dev/null || echo $?
script -qec "stty rows 33 cols 99; podman run --rm -it $image sh -c 'until stty size 2>/dev/null | grep 99; do sleep 0.1; done; sleep 1'" /dev/null`,
  ],
  ["who may ping", `podman run --rm $image sysctl net.ipv4.ping_group_range`],
  ["the distribution", `podman info --format '{{json .Host.Distribution}}'`],
  ["a terminal asked for, where there is none", `podman run --rm -it $image tty`],
  [
    "a container killed below its terminal",
    `script -qec "podman run --rm -it --name tty $image sleep 100" /dev/null </dev/null & pid=$!
until [ "$(podman ps --format '{{.Names}}')" = tty ]; do sleep 0.1; done
podman kill --signal KILL tty; seen=0; wait $pid || seen=$?; echo $seen`,
  ],
  [
    "exec",
    `podman run --detach --name joined $image sleep 1000
podman exec joined id; podman exec --user 5:6 --workdir /tmp --env A=b joined sh -c 'id; pwd; echo $A'
echo in | podman exec -i joined cat; script -qec 'podman exec -it joined tty' /dev/null
for command in 'exit 5' 'kill -KILL $$'; do podman exec joined sh -c "$command" || echo $?; done
podman exec joined nosuch || echo $?; podman exec nosuch true || echo $?
podman rm --force --time 0 joined`,
  ],
  ["open descriptors", `exec 3<<<three; podman run --rm --preserve-fds 1 $image sh -c 'cat <&3'`],
  [
    "umask, limits, niceness",
    `umask 077; ulimit -n 600; podman run --rm $image sh -c 'umask; ulimit -n'
podman run --rm --ulimit nofile=300:300 $image sh -c 'ulimit -n'
nice -n 5 podman run --rm $image cut -d ' ' -f 19 /proc/self/stat
podman run --rm --volume .:/here $image touch /here/made; stat --format '%n %A' made`,
  ],
  [
    "debug messages leave the exit code",
    `podman --log-level=debug run --rm $image sh -c 'exit 3' 2>log || echo $?
grep -c 'level=debug' log >/dev/null`,
  ],
  [
    "names that are taken, or nobody's",
    `podman run --name taken $image true; podman run --name taken $image true || echo $?; podman rm taken
for command in rm inspect start stop logs port attach wait; do podman $command nosuch || echo $?; done
podman rm --ignore nosuch`,
  ],
  [
    "where it is called",
    `(cd /usr/share; podman run --rm --volume ./zoneinfo:/x:ro $image ls /x | md5sum)
(cd /; podman run --rm --volume ./home:/x:ro $image ls /x)
mkdir 'a b'; cd 'a b'; podman run --rm --volume ./:/x $image touch /x/made; cd ..; ls 'a b'`,
  ],
  [
    "versions, completion",
    `podman version; podman --version; podman __complete run --net 2>&1; podman completion bash | md5sum`,
  ],
];

compare(cases);
