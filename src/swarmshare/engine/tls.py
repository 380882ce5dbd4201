"""TLS between peers (RFC 8446, RFC 5246), as libtorrent's SSL torrents have it: a transport, and both handshakes.

An SSL torrent has the certificate of an authority in its ``info``, and whoever wants to join presents a certificate
that was signed by it. Which torrent a connection is for is in the server name (SNI): the 40 hexadecimal digits of the
hash that the handshake inside will have. Nothing of BitTorrent is sent before both sides know who the other one is.
"""

from __future__ import annotations

import ssl
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from swarmshare.engine.transport import Transport, drop
from swarmshare.errors import RemoteProtocolError
from swarmshare.identity.certificates import IdentityError
from swarmshare.identity.membership import peer_context
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from swarmshare.identity.membership import Membership
    from swarmshare.wire.connection import Output

CERTIFICATE: Final = "certificate"
"""The rule that a peer breaks whose certificate does not let it in, or that does not let us in by ours."""
FIRST_BYTE: Final = 0x16
"""What a TLS connection begins with; a plain-text handshake begins with 0x13."""
RECORD: Final = 16 * 2**10
"""Bytes of one TLS record at most: what one call of the library receives, and one system call sends."""

_VERIFY_CODES: Final = {9: Text("member.not-yet"), 10: Text("member.expired"), 26: Text("member.usage")}
"""OpenSSL's numbers (``X509_V_ERR_...``). All that are not here say that the authority did not sign it."""
_REASONS: Final = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": Text("member.none"),
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": Text("member.ours-none"),
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": Text("member.ours-expired"),
    "SSLV3_ALERT_CERTIFICATE_REVOKED": Text("member.ours-revoked"),
    "TLSV1_ALERT_UNKNOWN_CA": Text("member.ours-other-group"),
    "SSLV3_ALERT_BAD_CERTIFICATE": Text("member.ours-refused"),
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": Text("member.ours-refused"),
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": Text("member.ours-refused"),
    "TLSV1_ALERT_ACCESS_DENIED": Text("member.ours-refused"),
}
"""OpenSSL's words for what went wrong on our side, and for the alerts of the other side."""


class AcceptedSocket(ssl.SSLSocket):
    """The server's side of a TLS connection, which remembers the server name that the other side has asked for."""

    server_name: str = ""


class TlsTransport(Transport):
    """A TLS connection over a connected TCP socket, which OpenSSL itself reads and writes: nothing is copied by us."""

    can_send_files = False

    def __init__(self, plain: Transport, context: ssl.SSLContext, server_name: str | None = None) -> None:
        """Take over the socket of ``plain``, which is of no use from then on; nothing is sent yet.

        With ``server_name`` we are the client, and tell it to the server (SNI); else we are the server. Raises OSError
        when the connection is gone already.
        """
        self._take_over(plain)
        self._tls = context.wrap_socket(
            self._socket, server_side=server_name is None, server_hostname=server_name, do_handshake_on_connect=False
        )
        self._socket = self._tls

    async def handshake(self) -> None:
        """Agree on keys, and verify the other side's certificate by the authority of the context.

        Raises:
            RemoteProtocolError: One side does not accept the other one's certificate, or there is no agreement.
            OSError: The connection broke.
        """
        await trio.lowlevel.checkpoint()
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await trio.lowlevel.wait_readable(self._tls)
            except ssl.SSLWantWriteError:
                await trio.lowlevel.wait_writable(self._tls)
            except ssl.SSLError as error:
                raise _reason_of(error) from error
            else:
                return

    @property
    def certificate(self) -> bytes:
        """The other side's certificate in DER form, after a handshake: the authority signed it, and it is valid now."""
        certificate = self._tls.getpeercert(binary_form=True)
        assert certificate is not None
        return certificate

    @property
    def server_name(self) -> str:
        """What the other side has asked for (SNI), when we are the server; empty before the handshake."""
        return self._tls.server_name if isinstance(self._tls, AcceptedSocket) else ""

    def receive_into(self, buffers: Sequence[memoryview]) -> int:
        """Fill ``buffers`` as :meth:`Transport.receive_into` does.

        Raises RemoteProtocolError, too, when the other side ends the connection with an alert.
        """
        receive = self._tls.recv_into
        total = 0
        try:
            for buffer in buffers:
                start, end = 0, len(buffer)
                while start < end:
                    count = receive(buffer[start:])
                    if not count:
                        return total
                    start += count
                    total += count
        except ssl.SSLWantReadError:
            if not total:
                raise BlockingIOError from None
        except ssl.SSLError as error:
            raise _reason_of(error) from error
        return total

    async def send(self, parts: list[Output], on_progress: Callable[[], None]) -> None:
        """Send all of ``parts``, none of which is a part of a file, and empty the list.

        ``on_progress`` is called for each record of short parts, and each long part, that the system took. Raises
        OSError when the connection broke.
        """
        while parts:
            data = _next_data(parts)
            while True:
                try:
                    sent = self._tls.send(data)
                    break
                except ssl.SSLWantWriteError:  # some of it may be gone: OpenSSL wants to be given the same bytes again
                    await trio.lowlevel.wait_writable(self._tls)
            on_progress()
            drop(parts, sent)
        await trio.lowlevel.checkpoint()


def _next_data(parts: Sequence[Output]) -> bytes | memoryview:
    """Return what to send next, a long part as it is: short ones are put together, as each record is a system call."""
    first = parts[0]
    assert isinstance(first, bytes | memoryview)
    if len(first) >= RECORD or len(parts) == 1:
        return first
    record = bytearray()
    for part in parts:
        assert isinstance(part, bytes | memoryview)
        record += part[: RECORD - len(record)]
        if len(record) == RECORD:
            break
    return memoryview(record)


def _reason_of(error: ssl.SSLError) -> Exception:
    """Return what ``error`` says about the other side; ``error`` itself when it only hung up."""
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        return RemoteProtocolError(CERTIFICATE, _VERIFY_CODES.get(error.verify_code, Text("member.other-group")))
    if (reason := _REASONS.get(error.reason or "")) is not None:
        return RemoteProtocolError(CERTIFICATE, reason)
    return RemoteProtocolError("tls", Text("peer.no-tls"))


class MembersOnly(NamedTuple):
    """What one torrent asks of connections: a certificate of its group."""

    membership: Membership
    torrent: str
    """Its name, which a certificate may have in the place of ``*``."""

    async def dial(self, plain: Transport, info_hash: bytes) -> TlsTransport:
        """Return a TLS connection over the connection ``plain`` to a peer that we dialled, which is proven a member.

        ``info_hash`` (20 bytes) is what the handshake inside will have. Raises as :meth:`TlsTransport.handshake`.
        """
        with ExitStack() as stack:
            transport = stack.enter_context(TlsTransport(plain, self.membership.client, info_hash.hex()))
            await transport.handshake()
            self.admit(transport)
            stack.pop_all()
        return transport

    def admit(self, transport: TlsTransport) -> None:
        """Note whom the other side of ``transport`` is proven to be. Raises RemoteProtocolError if it may not join."""
        try:
            transport.identity = self.membership.admit(transport.certificate, self.torrent)
        except IdentityError as error:
            raise RemoteProtocolError(CERTIFICATE, error.message) from error


class TlsListener:
    """Accepts TLS connections for the torrents of one engine, each by its own group's certificates."""

    def __init__(self, find: Callable[[bytes], MembersOnly | None]) -> None:
        """Prepare to accept; ``find`` has what a torrent asks for, by an info hash of 20 bytes."""
        self._find = find
        self._context = peer_context(ssl.PROTOCOL_TLS_SERVER)
        self._context.sslsocket_class = AcceptedSocket
        self._context.sni_callback = self._on_server_name

    async def accept(self, plain: Transport) -> TlsTransport:
        """Return a TLS connection over the connection ``plain``, whose other side is proven a member of its torrent.

        Raises as :meth:`TlsTransport.handshake`; a server name that is no torrent's is answered with the alert
        ``unrecognized_name``, as libtorrent does.
        """
        with ExitStack() as stack:
            transport = stack.enter_context(TlsTransport(plain, self._context))
            await transport.handshake()
            wanted = self._wanted(transport.server_name)
            if wanted is None:  # the torrent was removed meanwhile
                raise RemoteProtocolError("tls", Text("peer.no-tls"))
            wanted.admit(transport)
            stack.pop_all()
        return transport

    def _on_server_name(
        self, accepted: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext
    ) -> int | None:
        wanted = self._wanted(name or "")
        if wanted is None or not isinstance(accepted, AcceptedSocket):
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        accepted.server_name = name or ""
        accepted.context = wanted.membership.server
        return None

    def _wanted(self, name: str) -> MembersOnly | None:
        info_hash = hash_in(name)
        return self._find(info_hash) if info_hash is not None else None


def hash_in(server_name: str) -> bytes | None:
    """Return the info hash (20 bytes) that a server name stands for; None when it is no such name."""
    try:
        info_hash = bytes.fromhex(server_name)
    except ValueError:
        return None
    return info_hash if len(info_hash) == 20 else None
