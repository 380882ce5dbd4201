"""New connections, dialled or accepted, and the handshakes on them (BEP 3) before they belong to a torrent.

Every byte of a connection, from the first of the handshake on, goes through what :func:`open_transport` returns.
"""

from __future__ import annotations

import errno
import os
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.engine.tls import CERTIFICATE
from swarmshare.engine.transport import Transport
from swarmshare.errors import RemoteProtocolError
from swarmshare.swarm.diagnosis import DialResult, Outcome
from swarmshare.texts import Text, system_says
from swarmshare.wire.handshake import HANDSHAKE_LENGTH, PREFIX, Handshake, decode_handshake, looks_encrypted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from swarmshare.common.address import Address
    from swarmshare.engine.tls import MembersOnly

CONNECT_TIMEOUT: Final = 10.0
"""Seconds until a dial is given up."""
HANDSHAKE_TIMEOUT: Final = 10.0
"""Seconds that the other side has for its 68 bytes."""

HUNG_UP: Final = "hung-up"
"""The rule that a peer breaks by closing the connection before its first byte."""
ENCRYPTED: Final = "encrypted"
"""The rule that a peer breaks by starting with what must be an encrypted handshake (MSE)."""

DIAL_ERRORS: Final = (RemoteProtocolError, OSError, trio.TooSlowError)
"""What dialling and accepting may raise because of what a peer or a network does."""


def open_transport(stream: trio.SocketStream) -> Transport:
    """Return what carries the bytes of a new connection, whoever has dialled: the one place for TLS between peers.

    Raises:
        OSError: The connection is gone already; ``stream`` is closed.
    """
    try:
        return Transport(stream)
    except OSError:
        stream.socket.close()
        raise


async def dial(
    address: Address,
    openings: Sequence[Handshake],
    transport: Callable[[trio.SocketStream], Transport] = open_transport,
    members_only: MembersOnly | None = None,
) -> tuple[Transport, Handshake, Handshake]:
    """Connect to a peer and exchange handshakes.

    Args:
        address: Where the peer listens.
        openings: The handshakes to try, as :func:`~swarmshare.wire.handshake.dial_handshakes` has them: a peer that
            hangs up at one is dialled again with the next.
        transport: Takes over the connection.
        members_only: What the peer must prove before anything is sent to it; None: nothing.

    Returns:
        The connection, to be closed by the caller; the peer's handshake; and ours that it answered.

    Raises:
        RemoteProtocolError: The peer does not answer with a handshake for this torrent.
        OSError: There is no connection; this is one of :data:`DIAL_ERRORS`, and the rest of them may be raised, too.
    """
    *first, last = openings
    for ours in first:
        try:
            return await _dial_with(address, ours, {ours.info_hash, last.info_hash}, transport, members_only)
        except RemoteProtocolError as error:
            if error.rule != HUNG_UP:
                raise
    return await _dial_with(address, last, {last.info_hash}, transport, members_only)


async def _dial_with(
    address: Address,
    ours: Handshake,
    answers: set[bytes],
    take_over: Callable[[trio.SocketStream], Transport],
    members_only: MembersOnly | None,
) -> tuple[Transport, Handshake, Handshake]:
    with trio.fail_after(CONNECT_TIMEOUT):
        try:
            stream = await trio.open_tcp_stream(*address)
        except UnicodeError as error:  # a host that no name can be
            raise OSError(errno.EADDRNOTAVAIL, "there can be no such name") from error
    with ExitStack() as stack:
        with trio.fail_after(HANDSHAKE_TIMEOUT):
            try:
                transport = stack.enter_context(take_over(stream))
                if members_only is not None:
                    transport = stack.enter_context(await members_only.dial(transport, ours.info_hash))
                await send_all(transport, ours.encode())
            except OSError:
                raise _hung_up() from None
            theirs = await receive_handshake(transport)
        if theirs.info_hash not in answers:
            raise RemoteProtocolError("handshake", Text("peer.other-torrent"))
        stack.pop_all()
    return transport, theirs, ours


async def send_all(transport: Transport, data: bytes) -> None:
    """Send ``data``, waiting until the system has taken all of it. Raises OSError when the connection broke."""
    await transport.send([data], lambda: None)


async def receive_some(transport: Transport, limit: int) -> bytes:
    """Wait for bytes and return up to ``limit`` of them; none when the other side has hung up.

    Other tasks have had a turn by then, however much has come. Raises OSError when the connection broke.
    """
    await trio.lowlevel.checkpoint()
    buffer = bytearray(limit)
    while True:
        try:
            return bytes(buffer[: transport.receive_into([memoryview(buffer)])])
        except BlockingIOError:
            await transport.wait_readable()


async def receive_handshake(transport: Transport) -> Handshake:
    """Return the handshake that the other side sends first.

    Raises:
        RemoteProtocolError: It sends something else, or hangs up.
    """
    data = b""
    while len(data) < HANDSHAKE_LENGTH:
        try:
            part = await receive_some(transport, HANDSHAKE_LENGTH - len(data))
        except OSError:  # it closed before it had read our handshake
            part = b""
        if not part and not data:
            raise _hung_up()
        data += part
        # Whoever speaks something else (an encrypted handshake) is told so at once, and comes back in plain text.
        if not part or not data.startswith(PREFIX[: len(data)]):
            rule = ENCRYPTED if looks_encrypted(data) else "handshake"
            raise RemoteProtocolError(rule, Text("peer.no-handshake"))
    return decode_handshake(data)


def _hung_up() -> RemoteProtocolError:
    return RemoteProtocolError(HUNG_UP, Text("peer.hung-up"))


def result_of(error: Exception) -> DialResult:
    """Return what is to be told of a dial that raised ``error``, one of :data:`DIAL_ERRORS`."""
    match error:
        case RemoteProtocolError():
            outcomes = {HUNG_UP: Outcome.HUNG_UP, CERTIFICATE: Outcome.CERTIFICATE}
            outcome = outcomes.get(error.rule, Outcome.OTHER)
            return DialResult(outcome, error.message if outcome is Outcome.CERTIFICATE else None)
        case OSError():
            return _result_of_system(error)
        case _:
            return DialResult(Outcome.NO_ANSWER)


def _result_of_system(error: OSError) -> DialResult:
    cause = error.__cause__  # trio tells why of each address that a name has
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    first = cause if isinstance(cause, OSError) else error
    match first.errno:
        case errno.ECONNREFUSED:
            return DialResult(Outcome.REFUSED)
        case errno.ETIMEDOUT:
            return DialResult(Outcome.NO_ANSWER)
        case None:
            return DialResult(Outcome.UNREACHABLE, Text("system.silent"))
        case _:
            known = not isinstance(first, socket.gaierror)
            words = (first.strerror or os.strerror(first.errno)).lower()
            reason = system_says(words, first.errno) if known else Text.received(words, "system.no-machine", {})
            return DialResult(Outcome.UNREACHABLE, reason)
