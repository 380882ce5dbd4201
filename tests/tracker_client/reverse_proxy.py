"""A reverse proxy in front of a tracker, which passes less than it should."""

from __future__ import annotations

import http.client
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

from waiting import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOP_BY_HOP: Final = {"connection", "upgrade", "keep-alive", "transfer-encoding", "host"}


class Proxy:
    """What passed."""

    def __init__(self) -> None:
        self.url = ""
        self.refused: list[str] = []
        """Requests that did not."""
        self.passed: list[str] = []


def no_websockets(request: BaseHTTPRequestHandler) -> bool:
    """Whether it asks for one: such a proxy answers, as if the tracker had."""
    return "upgrade" in request.headers


def nothing_live(request: BaseHTTPRequestHandler) -> bool:
    return "/socket.io/" in request.path


@contextmanager
def proxied(tracker: str, refuses: Callable[[BaseHTTPRequestHandler], bool]) -> Iterator[Proxy]:
    """A proxy in front of the tracker at the address ``host:port``."""
    proxy = Proxy()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if refuses(self):
                proxy.refused.append(self.path)
                self._answer(403, [], b"no")
                return
            proxy.passed.append(f"{self.command} {self.path}")
            connection = http.client.HTTPConnection(tracker, timeout=TIMEOUT)
            try:
                fields = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
                connection.request(self.command, self.path, body, {**fields, "Host": self.headers["Host"]})
                response = connection.getresponse()
                self._answer(response.status, response.getheaders(), response.read())
            except (OSError, http.client.HTTPException):
                self.close_connection = True
            finally:
                connection.close()

        def do_POST(self) -> None:
            self.do_GET()

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in HOP_BY_HOP | {"content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Somebody hung up."""

    with Server(("127.0.0.1", 0), Handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
