#!/bin/sh
# Keeps podman's API service running, which Docker's clients can talk to. This supervisor lives outside of the
# environment, in a session of its own, and PODMAN is the action's executable: each start of the service joins the
# environment, and one whose holder was killed is recovered by that. POSIX sh and util-linux; nothing else. See
# docs/how-it-works.md.
set -eu

usage() {
  cat <<'USAGE'
Usage: serve.sh COMMAND DIR [PODMAN]

  start DIR PODMAN   serve on DIR/podman.sock from now on, unless it is served already
  run DIR PODMAN     the same in the foreground
  stop DIR           end that

In DIR: service, the supervisor's pid, locked by it as long as it lives; service.log.
USAGE
}

say() { printf 'podman-rootless: %s\n' "$*" >&2; }
die() { say "$*"; exit 125; }

# The lock is gone with the supervisor, however it ended: a pid that is used again is never taken for it.
serving() { [ -e "$pr_dir/service" ] && ! flock --nonblock "$pr_dir/service" true; }

start() {
  # Not by `&`, or dash would have all that follows, containers too, ignore SIGINT.
  serving || setsid --fork sh "$pr_self" run "$pr_dir" "$pr_podman" </dev/null >"$pr_dir/service.log" 2>&1
}

# The service is no background job, for the same reason. So a signal that shall end both goes to the process group.
run() {
  exec 9>>"$pr_dir/service"
  flock --timeout 2 9 || exit 0 # not at once: somebody may just be asking
  echo $$ >"$pr_dir/service"
  trap 'rm -f "$pr_socket"; exit 0' TERM
  cd /
  pr_pause=0
  while :; do
    rm -f "$pr_socket"
    pr_began=$(date +%s)
    "$pr_podman" system service --time 0 "unix://$pr_socket" 9>&- && pr_code=0 || pr_code=$?
    if [ $(($(date +%s) - pr_began)) -ge 30 ]; then pr_pause=0; fi
    say "the API service ended with exit code $pr_code; starting it anew in $pr_pause s"
    sleep "$pr_pause" 9>&-
    pr_pause=$((pr_pause * 2 + 1))
    if [ "$pr_pause" -gt 30 ]; then pr_pause=30; fi
  done
}

stop() {
  for signal in TERM KILL; do
    serving || break
    read -r pid <"$pr_dir/service"
    kill -s "$signal" -- "-$pid" 2>/dev/null || :
    tries=0
    while serving && [ "$tries" -lt 200 ]; do
      sleep 0.05
      tries=$((tries + 1))
    done
  done
  rm -f "$pr_dir/service" "$pr_socket"
}

case ${1-} in -h | --help) usage && exit 0 ;; esac
[ $# -ge 2 ] || { usage >&2 && exit 125; }
case $0 in /*) pr_self=$0 ;; *) pr_self=$PWD/$0 ;; esac
pr_dir=$2 pr_socket=$2/podman.sock pr_podman=${3-}
unset CONTAINER_HOST CONTAINER_CONNECTION # with these podman would be the client of another service
case $1 in
  start | run) [ -n "$pr_podman" ] || die "$1 needs a podman; see --help" && "$1" ;;
  stop) stop ;;
  *) die "unknown command '$1'; see --help" ;;
esac
