import { type Case, compare } from "../support/world/compare.ts";
import { terminal } from "../support/world/terminal.ts";

/** A program for `sh -c` that shows the window's size when told that it changed (the first may come late), and ends with Ctrl-C. */
const sizes = `'trap "stty size | grep -v ^24" WINCH; trap "echo int; exit 4" INT; tty; echo up; while :; do sleep 0.1; done'`;
/** One that says which signal it got, and ends. */
const signals = `'for s in INT TERM HUP QUIT; do trap "echo $s; exit 6" $s; done; echo up; while :; do sleep 0.1; done'`;

const cases: Case[] = [
  [
    "the window's size, as it changes",
    `terminal until:up size:50x120 until:'50 120' size:10x20 until:'10 20' type:'\\x03' -- podman run --rm -it $image sh -c ${sizes}`,
  ],
  [
    "Ctrl-C, Ctrl-\\, Ctrl-D",
    `for key in x03 x1c x04; do for options in --init '--init --user 5'; do
  terminal raw 'type:line\\n' 'until:line\\r\\nline\\r\\n' type:"\\\\$key" -- podman run --rm -it $options $image cat
done; done`,
  ],
  [
    "a shell",
    // Where its line editor asks for the cursor's place is not always the same.
    `terminal 'until:# ' 'type:echo $((6 * 7))\\n' 'until:\\r\\n42\\r\\n' 'until:# ' 'type:exit 3\\n' -- podman run --rm -it $image sh |
  grep --text --extended-regexp '^(BusyBox|42|exit)'`,
  ],
  [
    "keys that leave a container running, and back to it",
    `terminal until:up type:'\\x10\\x11' -- podman run --name left -it $image sh -c 'echo up; exec cat'
podman ps --filter status=running --format '{{.Names}}'
terminal raw 'type:again\\n' 'until:again\\r\\nagain\\r\\n' 'type:\\x01b' -- podman attach --detach-keys ctrl-a,b left
podman ps --filter status=running --format '{{.Names}}'
terminal raw size:50x120 'type:more\\n' 'until:more\\r\\nmore\\r\\n' 'type:\\x04' -- podman attach left
podman inspect left --format '{{.State.Status}} {{.State.ExitCode}}'
terminal until:up type:'\\x04' -- podman start --attach --interactive left
podman logs left; podman rm left`,
  ],
  [
    "exec: size, keys, codes",
    `podman run --detach --name joined $image sleep 1000
terminal until:up size:50x120 until:'50 120' type:'\\x03' -- podman exec -it joined sh -c ${sizes}
terminal until:up type:'\\x03' -- podman exec -it joined sh -c 'echo up; exec sleep 1000'
terminal until:up type:'\\x10\\x11' -- podman exec -it joined sh -c 'echo up; exec sleep 900'
podman exec joined ps | grep -c 'sleep 900'
podman rm --force --time 0 joined`,
  ],
  [
    "colours, the kind of terminal",
    `show='printf "\\033[31mred\\033[0m\\n"; ls --color=always -d /bin; echo $TERM'
terminal -- podman run --rm -it $image sh -c "$show"
TERM=dumb terminal -- podman run --rm -it $image sh -c "$show"
terminal -- podman run --rm -it --env TERM=vt100 $image sh -c "$show"
podman run --detach --name shown $image sh -c "$show; exec sleep 1000"; TERM=dumb terminal -- podman exec -it shown sh -c "$show"
terminal -- podman logs --color --names shown; terminal -- podman ps --format '{{.Names}}'; terminal -- podman nosuch
podman rm --force --time 0 shown`,
  ],
  [
    "only one of -i, -t, or none",
    `terminal until:up rest type:'\\x03' -- podman run --rm -i $image sh -c ${signals}
terminal until:up 'type:line\\n' 'until:line\\r\\nline\\r\\n' type:'\\x04' -- podman run --rm -i $image sh -c 'echo up; exec cat'
terminal until:up rest type:'\\x03' -- podman run --rm $image sh -c ${signals}
terminal -- podman run --rm -t $image tty; terminal -- podman run --rm -i $image tty`,
  ],
  [
    "the terminal is left as it was",
    `terminal -- bash -c 'stty -g >before
podman run --rm -it $0 stty raw; stty -g | cmp - before; podman run --rm -it $0 nosuch; stty -g | cmp - before' $image
terminal until:up type:'\\x10\\x11' -- bash -c 'stty -g >before; podman run --name left -it $0 sh -c "echo up; exec cat"; stty -g | cmp - before' $image
podman rm --force --time 0 left`,
  ],
  [
    "a terminal that closes",
    `for options in -it -i -t ''; do
  terminal until:up rest hangup -- podman run --name hung $options $image sh -c ${signals}
  podman wait hung; podman logs hung; podman rm hung
done`,
  ],
  [
    "a signal for all of a job",
    `set -m
for signal in INT TERM HUP QUIT; do
  : >out
  bash -c 'podman run --name grouped $0 sh -c "$1"; echo then $?' $image ${signals} >out & pid=$!
  until grep -q up out; do sleep 0.1; done
  sleep 1 # podman takes signals only some time after its container's first words
  kill -$signal -- -$pid; seen=0; { wait $pid || seen=$?; } 2>/dev/null; echo $seen
  podman wait grouped; cat out; podman rm grouped
done`,
  ],
  [
    "a job that is killed leaves its container",
    `set -m
: >out
podman run --name orphan $image sh -c 'echo up; exec sleep 1000' >out & pid=$!
until grep -q up out; do sleep 0.1; done
kill -KILL -- -$pid; { wait $pid || echo $?; } 2>/dev/null
podman ps --filter status=running --format '{{.Names}}'; podman rm --force --time 0 orphan`,
  ],
];

compare(cases, { before: terminal });
