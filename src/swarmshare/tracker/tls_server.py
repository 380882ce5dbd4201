"""A WSGI server that speaks two languages on one port: TLS and plain HTTP, told apart by a connection's first byte.

A TLS connection begins with the record type 0x16 (RFC 8446, 5.1), an HTTP request with a letter. Nothing is read
before it is known: each connection has its greenlet, and looks at its first byte there, so that one that stays silent
holds up nobody.
"""

from __future__ import annotations

import logging
import ssl
from datetime import UTC, datetime
from socket import MSG_PEEK
from typing import TYPE_CHECKING, Any, Final

import gevent
from gevent.pywsgi import WSGIServer
from gevent.socket import socket as GeventSocket  # noqa: N812  # it is a class
from gevent.ssl import SSLSocket

from swarmshare.identity.authority import SERVER_DAYS
from swarmshare.identity.tls import server_context
from swarmshare.tracker.client_handler import HEAD, IDLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from swarmshare.identity.authority import Authority

_log: Final = logging.getLogger(__name__)

RECORD: Final = 2**14
"""Bytes that one record of TLS has at most (RFC 8446, 5.1)."""
_TLS: Final = b"\x16"


class ServerTls:
    """The tracker's TLS context: its certificate is made anew when a third of its time is left.

    None is kept on the disk: whoever connects believes the authority, not the certificate, and a fresh key costs less
    than one that could be stolen.
    """

    def __init__(
        self,
        authority: Authority,
        names: Iterable[str],
        addresses: Iterable[str],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Sign by ``authority``, for the DNS names and IP addresses by which browsers may reach the tracker."""
        self._authority = authority
        self._names, self._addresses = tuple(names), tuple(addresses)
        self._clock = clock
        self._renew()

    def context(self) -> ssl.SSLContext:
        """Return what the next connection is to be served with."""
        if (self._expires - self._clock()).days < SERVER_DAYS // 3:
            self._renew()
        return self._context

    def _renew(self) -> None:
        made = self._authority.server_certificate(self._names, self._addresses)
        self._context, self._expires = server_context(made.pem), made.expires
        self._context.sslsocket_class = TlsSocket
        _log.info("the server's certificate is valid until %s", made.expires)


class TlsSocket(SSLSocket):  # type: ignore[misc]  # gevent has no types
    """A TLS connection that can be written to without waiting, and be ended while a greenlet reads from it."""

    def send(self, data: Any, flags: int = 0, timeout: float | None = None) -> int:
        """Write at most one record of TLS, and return how many bytes of ``data`` that were.

        With a ``timeout`` of 0 it raises :class:`BlockingIOError` where gevent would wait after all; then the same
        bytes have to come again first. Of more than one record OpenSSL would remember how many it wrote, tell nobody,
        and take fewer bytes at the next try for a mistake.
        """
        data = bytes(data[:RECORD])
        if timeout != 0.0:
            return int(super().send(data, flags))
        if self._sslobj is None:
            raise BrokenPipeError
        try:
            return int(self._sslobj.write(data))
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            raise BlockingIOError from error

    def shutdown(self, how: int) -> None:
        """End the connection beneath TLS: forgetting TLS, as usual, would hand its bytes to the greenlet that reads."""
        GeventSocket.shutdown(self, how)


class TwoLanguageServer(WSGIServer):  # type: ignore[misc]
    """Serves an application over HTTP and, on the same port, over TLS; without ``tls`` over HTTP alone."""

    def __init__(self, *arguments: Any, tls: ServerTls | None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._tls = tls

    def handle(self, sock: Any, address: tuple[Any, ...]) -> None:
        """Serve one connection, in the language that it begins with."""
        if self._tls is not None:
            try:
                sock.settimeout(IDLE)
                if sock.recv(1, MSG_PEEK) == _TLS:
                    sock = self._secured(sock, self._tls.context())
            except OSError as error:  # it was silent for too long, hung up, or speaks no TLS that we do
                _log.debug("a connection from %s ended before its first request: %s", address[0], error)
                return
        super().handle(sock, address)

    def _secured(self, sock: Any, context: ssl.SSLContext) -> Any:
        secure = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        try:
            with gevent.Timeout(HEAD, TimeoutError("the TLS handshake takes too long")):
                secure.do_handshake()
        except BaseException:
            secure.close()
            raise
        return secure
