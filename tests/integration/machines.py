"""Two machines in a network of their own, on this one: network namespaces (Linux, root, iproute2)."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from waiting import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESSES = ("192.168.1.5", "192.168.1.6")
ROUTER = "192.168.1.1"
"""There is none; but a machine in a network has a way abroad, by which it knows its own address."""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=TIMEOUT)


def inside(machine: str) -> tuple[str, ...]:
    """What a command line begins with that is to run on ``machine``."""
    return ("ip", "netns", "exec", machine)


@contextmanager
def two_machines() -> Iterator[tuple[str, str]]:
    """Their names; they are at :data:`ADDRESSES`. Skips the test where there may be no such things."""
    first, second = names = (f"sw1-{os.getpid()}", f"sw2-{os.getpid()}")
    with ExitStack() as stack:
        try:
            for name in names:
                ip("netns", "add", name)
                stack.callback(subprocess.run, ["ip", "netns", "del", name], capture_output=True, check=False)
            ip("-n", first, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", second)
            for name, address in zip(names, ADDRESSES, strict=True):
                ip("-n", name, "link", "set", "lo", "up")
                ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
                ip("-n", name, "link", "set", "eth0", "up")
                ip("-n", name, "route", "add", "default", "via", ROUTER)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = error.stderr.decode().strip() if isinstance(error, subprocess.CalledProcessError) else error
            pytest.skip(f"network namespaces need Linux, root and iproute2: {reason}")
        yield names


_SOCKETS = """
import array, os, socket, sys
with socket.socket(fileno=0) as parent:
    while (text := parent.recv(100)):
        host, port = text.decode().split()
        try:
            with socket.create_connection((host, int(port)), 10) as found:
                socket.send_fds(parent, [b"1"], [found.fileno()])
        except OSError as error:
            parent.send(str(error).encode())
"""


class Sockets:
    """Connections that are made from a machine, to be used here."""

    def __init__(self, machine: str, stack: ExitStack) -> None:
        import socket

        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen([*inside(machine), sys.executable, "-c", _SOCKETS], stdin=theirs.fileno())
        theirs.close()
        stack.callback(self._end)

    def connect(self, host: str, port: int) -> object:
        """A connected socket."""
        import socket

        self._ours.send(f"{host} {port}".encode())
        text, descriptors, _, _ = socket.recv_fds(self._ours, 1000, 1)
        assert descriptors, text
        return socket.socket(fileno=descriptors[0])

    def _end(self) -> None:
        self._ours.close()
        self._process.wait(30)
