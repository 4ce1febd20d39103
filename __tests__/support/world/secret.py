"""Looks for a secret in what processes show, until the file STOP is there: secret.py STOP USER <PATTERNS.

Arguments of all processes, and the environment of those of users other than USER. A pattern a line; prints what was found.
"""
import os
import sys
import time

stop, user = sys.argv[1], int(sys.argv[2])
patterns = [line.encode() for line in sys.stdin.read().split()]
own = os.getpid()
seen = {}
rounds = 0


def content(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


while not os.path.exists(stop):
    rounds += 1
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == own:
            continue
        try:
            owner = os.stat(f"/proc/{pid}").st_uid
        except OSError:
            continue
        arguments = content(f"/proc/{pid}/cmdline")
        environment = b"" if owner == user else content(f"/proc/{pid}/environ")
        for kind, text in (("arguments", arguments), ("environment", environment)):
            if any(pattern in text for pattern in patterns):
                seen[f"{kind}: {arguments.replace(bytes(1), b' ').decode(errors='replace')}"] = True
        seen.setdefault(f"sampled {os.path.basename(arguments.split(bytes(1))[0]).decode(errors='replace')}", True)
    time.sleep(0.004)
print(f"rounds {rounds}")
print("\n".join(seen))
