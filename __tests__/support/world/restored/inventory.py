"""Prints what a container sees of its image's files, one a line: all that must not change on the way through a cache."""

import hashlib
import os
import stat

# The container's own.
OTHERS = {"/proc", "/sys", "/dev", "/run", "/inventory.py"} | {
    f"/etc/{name}" for name in ("hosts", "hostname", "resolv.conf", "mtab")
}

links = {}  # of files with several names: the first of them


def content(path, status):
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(path)
    if not stat.S_ISREG(status.st_mode):
        return None
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def describe(path):
    status = os.lstat(path)
    folder = stat.S_ISDIR(status.st_mode)
    return {
        "path": os.fsencode(path),
        "mode": oct(status.st_mode),
        "owner": [status.st_uid, status.st_gid],
        "device": status.st_rdev,
        "size": None if folder else status.st_size,
        "links": None if folder else status.st_nlink,
        "linked": None if folder else links.setdefault(status.st_ino, path) != path and links[status.st_ino],
        # What is below the second, squashfs does not keep. Podman makes mtab in /etc.
        "time": None if path == "/etc" else status.st_mtime_ns // 10**9,
        "attributes": {
            name: os.getxattr(path, name, follow_symlinks=False).hex()
            for name in sorted(os.listxattr(path, follow_symlinks=False))
        },
        "content": content(path, status),
    }


def walk(folder):
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if path in OTHERS:
            continue
        yield path
        if os.path.isdir(path) and not os.path.islink(path):
            yield from walk(path)


for path in walk("/"):
    print(describe(path))
