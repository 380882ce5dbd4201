"""The HTTP requests of Engine.IO's long polling: bounded answers, over sockets that are their owner's to close."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping


class PollReply(NamedTuple):
    """An answer, with the names that Engine.IO knows from :mod:`requests`."""

    status_code: int
    content: bytes

    def json(self) -> None:
        """Return nothing: what is said beside a refusal is not a tracker's."""


class Requests:
    """One request after the other, over one connection as long as the server keeps it. For one thread at a time."""

    def __init__(self, dial: Callable[[], socket.socket]) -> None:
        """Connect by ``dial``, which returns a socket that is connected to the tracker."""
        self._connection = _PollConnection(dial)
        self._kept = False

    def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None, timeout: float, most: int
    ) -> PollReply:
        """Return the answer, of at most ``most`` bytes, to a request. Raises :class:`OSError`.

        Redirections are not followed: a token must not go where nobody sent it.
        """
        try:
            try:
                return self._ask(method, url, headers, body, timeout, most)
            except (HTTPException, ConnectionError):
                if not self._kept:
                    raise
            # A connection that was kept may have ended meanwhile, which shows only when it is used.
            self._connection.close()
            return self._ask(method, url, headers, body, timeout, most)
        except BaseException as error:
            self._connection.close()
            if isinstance(error, (HTTPException, ValueError)):
                raise OSError("the answer is not HTTP") from error
            raise

    def close(self) -> None:
        """End the connection, if there is one."""
        self._connection.close()

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None, timeout: float, most: int
    ) -> PollReply:
        parts = urlsplit(url)
        self._kept = self._connection.sock is not None
        if not self._kept:
            self._connection.connect()
        self._connection.sock.settimeout(timeout)
        data = body.encode() if body is not None else None
        self._connection.request(method, f"{parts.path}?{parts.query}", data, {"Host": parts.netloc, **headers})
        with self._connection.getresponse() as response:
            content = response.read(most + 1)
            if len(content) > most:
                raise OSError("the answer is too long")
            return PollReply(response.status, content)


class _PollConnection(HTTPConnection):
    def __init__(self, dial: Callable[[], socket.socket]) -> None:
        super().__init__("tracker")  # each request says which, and so does its socket
        self._dial = dial

    def connect(self) -> None:
        self.sock = self._dial()
