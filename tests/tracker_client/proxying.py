"""A running proxy: it passes plain requests on, makes tunnels (CONNECT), and remembers what it was asked for."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

Address = tuple[str, int]


class Asked(NamedTuple):
    """What came."""

    line: str
    """The request's first."""
    head: str
    """All of its head."""


class Proxy:
    """Whatever host is asked for, it is found at ``upstream``: as if names of this machine were public ones."""

    def __init__(self, upstream: Address, refusal: str) -> None:
        self.upstream, self.refusal = upstream, refusal
        self.asked: SimpleQueue[Asked] = SimpleQueue()
        self.address = ""

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def lines(self) -> list[str]:
        """The first lines of all that came since the last time."""
        return [self.asked.get().line for _ in range(self.asked.qsize())]


@contextmanager
def proxying(upstream: Address, *, refusal: str = "") -> Iterator[Proxy]:
    """Such a proxy; with ``refusal``, such as ``403 Forbidden``, that is its answer to everything."""
    proxy = Proxy(upstream, refusal)

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self._serve()

        def _serve(self) -> None:
            head = b"".join(iter(self.rfile.readline, b"\r\n")).decode("latin-1")
            if not head:
                return
            first, _, rest = head.partition("\r\n")
            proxy.asked.put(Asked(first, head))
            method, target, version = first.split(" ")
            if proxy.refusal:
                body = b"<html>no</html>"
                answer = f"HTTP/1.1 {proxy.refusal}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                self.wfile.write(answer.encode() + body)
                return
            with socket.create_connection(proxy.upstream) as upstream:
                if method == "CONNECT":
                    self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    path = "/" + target.partition("://")[2].partition("/")[2]
                    kept = [
                        line
                        for line in rest.split("\r\n")
                        if line and not line.lower().startswith(("connection:", "proxy-", "keep-alive:"))
                    ]
                    lines = [f"{method} {path} {version}", *kept, "Connection: close", "", ""]
                    upstream.sendall("\r\n".join(lines).encode("latin-1"))
                back = threading.Thread(target=_copy, args=(upstream, self.connection))
                back.start()
                while data := self.rfile.read1():
                    upstream.sendall(data)
                with suppress(OSError):
                    upstream.shutdown(socket.SHUT_RDWR)
                back.join()

    class Server(ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        proxy.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
