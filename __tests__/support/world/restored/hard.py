"""Makes and removes the files of an image that are hard to keep. The image's Python has but a few of its modules."""

import os
import socket
import struct
import sys

HARD = "/srv/hard"


def write(path, text="text\n", mode=0o644, owner=0):
    path = os.path.join(HARD, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chown(path, owner, owner)
    os.chmod(path, mode)
    return path


def make():
    for owner in (0, 1, 1000, 1001, 4321, 65533):
        write(f"owned/{owner}", mode=0o600, owner=owner)
    for mode in (0o0, 0o444, 0o755, 0o1755, 0o2755, 0o4755, 0o6711, 0o777):
        write(f"modes/{mode:o}", mode=mode)
    os.makedirs(f"{HARD}/sticky")
    os.chmod(f"{HARD}/sticky", 0o3777)
    write("capable", mode=0o755)
    # cap_net_bind_service=ep, as setcap(8): struct vfs_cap_data, revision 2.
    os.setxattr(f"{HARD}/capable", "security.capability", struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
    os.setxattr(write("attributes"), "user.note", bytes(range(256)))
    os.link(write("links/one"), f"{HARD}/links/two")
    os.makedirs(f"{HARD}/elsewhere")
    os.link(f"{HARD}/links/one", f"{HARD}/elsewhere/three")
    os.symlink("two", f"{HARD}/links/relative")
    os.symlink("/nowhere", f"{HARD}/links/dangling")
    os.lchown(f"{HARD}/links/dangling", 1000, 1000)
    os.mkfifo(f"{HARD}/fifo", 0o620)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{HARD}/socket")
    with open(write("sparse"), "r+") as file:
        file.truncate(16 << 20)
    with open(f"{HARD}/sparse", "r+b") as file:
        file.seek(8 << 20)
        file.write(b"in the middle")
    write("empty", "")
    for name in ("n" * 240, "with space", "new\nline", "tab\t", "-dash", "ünïcödé", "back\\slash", "*", ".wh"):
        write(f"names/{name}")
    with open(os.fsencode(f"{HARD}/names/") + b"\xff\xfe", "w"):
        pass
    write("/".join(["d" * 200] * 10 + ["deep"]))
    os.utime(write("old"), (0, 0))
    os.utime(write("future"), (4_000_000_000, 4_000_000_000))
    os.utime(write("precise"), ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))
    for path in ("hidden/file", "hidden/kept", "hidden/folder/file", "opaque/lower", "turned"):
        write(path)


def hide():
    os.remove(f"{HARD}/hidden/file")
    for folder, file in (("hidden/folder", "file"), ("opaque", "lower")):
        os.remove(f"{HARD}/{folder}/{file}")
        os.rmdir(f"{HARD}/{folder}")
    write("opaque/upper")
    os.remove(f"{HARD}/turned")
    write("turned/into")


{"make": make, "hide": hide}[sys.argv[1]]()
