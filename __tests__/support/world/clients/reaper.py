"""Speaks the protocol of testcontainers' reaper, Ryuk, whose image is not to be had without a public registry.

Listens on port 8080; each line of a connection is a filter such as `label=KEY=VALUE` and is answered with ACK. Some
time after the last connection has ended, the containers that a filter names are removed, through the socket that is
mounted at /var/run/docker.sock. Needs no more of Python than Debian's python3-minimal has.
"""

import json
import os
import select
import socket
import sys
import time

DELAY = float(os.environ.get("RYUK_RECONNECTION_TIMEOUT", "10s").rstrip("s"))


def ask(method, path):
    """The status and body of an answer of the service, over a connection of its own."""
    with socket.socket(socket.AF_UNIX) as service:
        service.connect("/var/run/docker.sock")
        service.sendall(f"{method} {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
        answer = b"".join(iter(lambda: service.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def quote(text):
    return "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in text)


def remove(label):
    filters = quote(json.dumps({"label": [label]}))
    _, body = ask("GET", f"/containers/json?all=true&filters={filters}")
    for container in json.loads(body):
        # It has the session's label itself.
        if "org.testcontainers.ryuk" not in container["Labels"]:
            ask("DELETE", f"/containers/{container['Id']}?force=true&v=true")


def main():
    status, _ = ask("GET", "/_ping")
    if status != 200:
        sys.exit(f"the service answers with status {status}")
    listener = socket.create_server(("", 8080))
    print("Started", flush=True)
    labels, clients, last = set(), {}, None
    while last is None or clients or time.monotonic() < last + DELAY:
        for ready in select.select([listener, *clients], [], [], 0.2)[0]:
            if ready is listener:
                clients[listener.accept()[0]] = b""
                continue
            try:
                data = ready.recv(4096)
            except ConnectionError:  # a client that was killed
                data = b""
            if not data:
                del clients[ready]
                last = time.monotonic()
                continue
            *lines, clients[ready] = (clients[ready] + data).split(b"\n")
            for line in lines:
                labels.add(line.decode().strip().removeprefix("label="))
                ready.sendall(b"ACK\n")
    for label in labels:
        remove(label)


main()
