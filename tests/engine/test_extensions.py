"""The registry of BEP 10 extensions, and what a peer is offered by it."""

from __future__ import annotations

from typing import Any

import pytest

from swarmshare.engine.extensions import Extensions
from swarmshare.wire.extensions import DONT_HAVE, HANDSHAKE_ID, OUR_IDS, UPLOAD_ONLY, ExtendedHandshake
from swarmshare.wire.messages import Extended
from swarmshare.wire.metadata import METADATA

PEER: Any = "the session"


def registry() -> tuple[Extensions, list[Any]]:
    """A registry of two extensions, one of them without messages, and all that it passes on."""
    calls: list[Any] = []
    extensions = Extensions(lambda session, handshake: calls.append((session, handshake.client)))
    extensions.register(DONT_HAVE, lambda session, payload: calls.append((session, payload)))
    extensions.register(UPLOAD_ONLY)
    return extensions, calls


def test_what_is_registered_is_offered_and_dispatched() -> None:
    extensions, calls = registry()
    assert extensions.ids == {name: OUR_IDS[name] for name in (DONT_HAVE, UPLOAD_ONLY)}
    extensions.received(PEER, Extended(OUR_IDS[DONT_HAVE], b"\0\0\0\1"))
    extensions.received(PEER, ExtendedHandshake(client="other 1.0").encode())
    assert calls == [(PEER, b"\0\0\0\1"), (PEER, "other 1.0")]


@pytest.mark.parametrize(
    ("ext_id", "payload"),
    [(OUR_IDS[METADATA], b"de"), (OUR_IDS[UPLOAD_ONLY], b""), (99, b""), (HANDSHAKE_ID, b"no bencoding")],
    ids=["not registered", "has no messages", "never offered", "unreadable handshake"],
)
def test_anything_else_is_passed_over(ext_id: int, payload: bytes) -> None:
    extensions, calls = registry()
    extensions.received(PEER, Extended(ext_id, payload))
    assert calls == []


def test_an_extension_without_an_id_cannot_be_offered() -> None:
    extensions, _ = registry()
    with pytest.raises(KeyError):
        extensions.register(b"ut_unheard_of")
