"""One client's connection to the tracker's server: how its requests are read, and for how long it may be silent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import gevent
from gevent.pywsgi import Input, WSGIHandler
from gevent.ssl import SSLSocket

from swarmshare.tracker.realtime.transport import CONNECTION

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from typing import BinaryIO

IDLE: Final = 75.0
"""Seconds that a connection may stay silent between requests, or in the midst of one; WebSockets have their pings."""
HEAD: Final = 20.0
"""Seconds that the headers of one request may take."""
MAX_HEADERS: Final = 100
MAX_LINE: Final = 2**13
"""Bytes of one header."""

_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*?)[ \t]*\r?\n")
_END: Final = (b"\r\n", b"\n")
_ONCE: Final = ("content-length", "host", "transfer-encoding")
"""A proxy before us may go by the other one of two, and see another request than we do."""


class Headers:
    """The headers of one request (RFC 9112, 5), as gevent's server asks for them.

    What gevent takes by itself, the standard library's parser of e-mails, is a third of the work of a request, and
    reads folded lines, lines without a colon, and two lengths of one body. Here these are refused.
    """

    status = ""
    """Of gevent: what is wrong with them. Nothing is: :class:`ValueError` was raised."""

    def __init__(self, file: BinaryIO) -> None:
        """Read them from ``file``, with the empty line after them; raises :class:`ValueError` for anything else."""
        self._fields: list[tuple[str, str]] = []
        self._values: dict[str, str] = {}
        while (line := file.readline(MAX_LINE)) not in _END:
            field = _FIELD.fullmatch(line)
            if field is None or len(self._fields) >= MAX_HEADERS:
                raise ValueError("no header, or one too many")
            name, value = (part.decode("latin-1") for part in field.groups())
            if name.lower() in _ONCE and name.lower() in self._values:
                raise ValueError("of two, nobody knows which is meant")
            self._fields.append((name, value))
            self._values.setdefault(name.lower(), value)

    @property
    def headers(self) -> Iterator[str]:
        """Each header as a line of text, in the order in which they came."""
        return (f"{name}: {value}\r\n" for name, value in self._fields)

    @property
    def typeheader(self) -> str | None:
        """The type of the body; None when it has none."""
        return self._values.get("content-type")

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first header called ``name``, in any case, else ``default``."""
        return self._values.get(name.lower(), default)

    getheader = get

    def __delitem__(self, name: str) -> None:
        del self._values[name.lower()]


class ClientHandler(WSGIHandler):  # type: ignore[misc]  # gevent has no types
    """Reads and answers the requests of one connection, with bounds on its silence."""

    def __init__(self, sock: socket.socket, *arguments: Any) -> None:
        sock.settimeout(IDLE)
        super().__init__(sock, *arguments)

    def MessageClass(self, file: BinaryIO, *_: Any) -> Headers:  # noqa: N802  # the name is gevent's
        """Return the headers of a request; raises :class:`ValueError`, which is answered with status 400."""
        return Headers(file)

    def read_requestline(self) -> str:
        """Return the first line of a request; empty, as at the end, when the client is silent for too long."""
        with gevent.Timeout(IDLE, False):
            line: str = super().read_requestline()
            return line
        return ""

    def read_request(self, requestline: str) -> bool:
        """Read the headers of a request, within :data:`HEAD` seconds; False when they cannot be used."""
        with gevent.Timeout(HEAD, ValueError("the headers take too long")):
            read: bool = super().read_request(requestline)
            return read

    def get_environ(self) -> dict[str, Any]:
        """Return the WSGI environment, with this connection in it for WebSockets."""
        environ: dict[str, Any] = super().get_environ()
        environ[CONNECTION] = self
        if isinstance(self.socket, SSLSocket):
            environ["wsgi.url_scheme"] = "https"
        return environ

    def upgraded(self) -> None:
        """Let go of what only a request needs, 10 KiB: this connection goes on as a WebSocket, one of thousands."""
        self.rfile.close()
        self.environ.clear()
        self.headers = self.response_headers = None
        self.wsgi_input = Input(self.rfile, None)  # gevent reads to the end of a body: this one has none

    def log_request(self) -> None:
        """Do nothing: gevent would format a line for a log that there is not; there are passkeys in paths."""
