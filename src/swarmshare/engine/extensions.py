"""The registry of the BEP 10 extensions that a torrent speaks: a name, an id, and what to do with a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.wire.extensions import HANDSHAKE_ID, OUR_IDS, decode_extended_handshake

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.wire.extensions import ExtendedHandshake
    from swarmshare.wire.messages import Extended


class Extensions:
    """What a torrent does with the extended messages of its peers."""

    def __init__(self, on_handshake: Callable[[PeerSession, ExtendedHandshake], None]) -> None:
        """Start with no extension; ``on_handshake`` is called with each handshake that can be read."""
        self.ids: dict[bytes, int] = {}
        """The extensions that we offer, with our ids for them: the ``m`` of our handshake."""
        self._on_handshake = on_handshake
        self._handlers: dict[int, Callable[[PeerSession, bytes], None]] = {}

    def register(self, name: bytes, handler: Callable[[PeerSession, bytes], None] | None = None) -> None:
        """Offer an extension of :data:`~swarmshare.wire.extensions.OUR_IDS`.

        Args:
            name: What BEP 10 calls it in handshakes, such as ``ut_metadata``.
            handler: Called with the payload of each message, it may raise RemoteProtocolError; None when the extension
                is a word in the handshake and has no messages.
        """
        self.ids[name] = OUR_IDS[name]
        if handler is not None:
            self._handlers[OUR_IDS[name]] = handler

    def received(self, session: PeerSession, message: Extended) -> None:
        """Pass a message on to the extension that it belongs to; one that we did not offer is passed over."""
        if message.ext_id == HANDSHAKE_ID:
            handshake = decode_extended_handshake(message.payload)
            if handshake is not None:
                self._on_handshake(session, handshake)
        elif (handler := self._handlers.get(message.ext_id)) is not None:
            handler(session, message.payload)
