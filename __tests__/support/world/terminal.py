"""Sits at a terminal: runs a command on a pty, does what the steps say, prints all that the terminal showed.

usage: terminal.py STEP... -- COMMAND...

  until:TEXT   wait until TEXT has been shown, after what an earlier step waited for
  raw          wait until the terminal passes each key on: a program that reads it is ready
  type:KEYS    type them, each when the one before it has been taken
  size:RxC     make the window R rows high, C columns wide (24 and 80 at first)
  rest         wait a second: podman takes signals only some time after its container's first words
  hangup       close the terminal

TEXT and KEYS may have Python's escapes. Prints how the command ended on its last line.
"""

import fcntl
import os
import select
import signal
import struct
import sys
import time

# tty_ioctl(4); Debian's smallest python has no termios.
TCGETS, TIOCSWINSZ, FIONREAD, TIOCGPTPEER, ICANON = 0x5401, 0x5414, 0x541B, 0x5441, 2
PATIENCE = 30


def resize(fd, size):
    rows, columns = size.split("x")
    fcntl.ioctl(fd, TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))


class Terminal:
    def __init__(self, command):
        self.shown, self.seen, self.open = b"", 0, True
        self.pid, self.fd = os.forkpty()
        if self.pid == 0:
            resize(0, "24x80")
            os.execvp(command[0], command)

    def wait(self, what, found):
        """Reads on until `found()`, or until the terminal's end where there is nothing to find."""
        deadline = time.monotonic() + PATIENCE
        while not found():
            ready, _, _ = select.select([self.fd], [], [], 0.05)
            try:
                piece = os.read(self.fd, 65536) if ready else None
            except OSError:  # EIO: nobody has the other side open
                piece = b""
            if piece == b"":
                self.open = False
                if what != "end":
                    self.fail(what)
                return
            self.shown += piece or b""
            if time.monotonic() > deadline:
                self.fail(what)

    def fail(self, what):
        os.kill(self.pid, signal.SIGKILL)
        sys.exit(f"waited in vain for {what}; shown: {self.shown!r}")

    def until(self, text):
        self.wait(text, lambda: text in self.shown[self.seen :])
        self.seen += self.shown[self.seen :].index(text) + len(text)

    def is_raw(self):
        return not struct.unpack_from("IIII", fcntl.ioctl(self.fd, TCGETS, bytes(64)))[3] & ICANON

    def is_taken(self):
        other = fcntl.ioctl(self.fd, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
        count = fcntl.ioctl(other, FIONREAD, bytes(4))
        os.close(other)
        return count == bytes(4)

    def type(self, keys):
        # podman knows its detach keys only when it reads them one by one.
        for key in keys:
            os.write(self.fd, bytes([key]))
            if self.is_raw():
                time.sleep(0.1)  # the kernel brings it to the other side in the background
                self.wait("a reader", self.is_taken)

    def end(self):
        if self.open:
            self.wait("end", lambda: False)
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        text = self.shown.decode(errors="backslashreplace").replace("\r\n", "\n")
        print(text + ("" if text.endswith("\n") or not text else "\n"), end="")
        print(f"exit {code}" if code >= 0 else f"signal {-code}")


def main():
    split = sys.argv.index("--")
    terminal = Terminal(sys.argv[split + 1 :])
    for step in sys.argv[1:split]:
        verb, _, word = step.partition(":")
        data = word.encode().decode("unicode_escape").encode("latin-1")
        if verb == "until":
            terminal.until(data)
        elif verb == "raw":
            terminal.wait("raw", terminal.is_raw)
        elif verb == "type":
            terminal.type(data)
        elif verb == "rest":
            time.sleep(1)
        elif verb == "size":
            resize(terminal.fd, word)
        elif verb == "hangup":
            os.close(terminal.fd)
            terminal.open = False
        else:
            sys.exit(f"unknown step {step}")
    terminal.end()


main()
