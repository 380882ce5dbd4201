"""Asking for the ``info`` dictionary (BEP 9)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.errors import RemoteProtocolError
from swarmshare.manifest.bencoding import encode
from swarmshare.wire.metadata import (
    DATA,
    METADATA_PIECE,
    REJECT,
    REQUEST,
    MetadataMessage,
    answer_metadata,
    decode_metadata,
    metadata_pieces,
)


@given(st.binary(min_size=1, max_size=3 * METADATA_PIECE))
def test_all_of_it_arrives(info: bytes) -> None:
    parts = []
    for piece in range(metadata_pieces(len(info))):
        request = decode_metadata(MetadataMessage(REQUEST, piece).encode())
        answer = decode_metadata(answer_metadata(request, info).encode())
        assert (answer.kind, answer.piece, answer.total) == (DATA, piece, len(info))
        parts.append(bytes(answer.data))
    assert b"".join(parts) == info
    assert all(len(part) == METADATA_PIECE for part in parts[:-1])


def test_what_there_is_not_is_rejected() -> None:
    answer = answer_metadata(MetadataMessage(REQUEST, 1), bytes(METADATA_PIECE))
    assert answer == MetadataMessage(REJECT, 1)
    assert decode_metadata(answer.encode()) == answer
    assert answer.encode() == b"d8:msg_typei2e5:piecei1ee"


@given(st.binary(max_size=300))
def test_rubbish_is_refused(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="ut_metadata"):
        decode_metadata(payload)


@pytest.mark.parametrize(
    "body",
    [{}, {b"msg_type": 0}, {b"msg_type": b"0", b"piece": 1}, {b"msg_type": 0, b"piece": -1}],
)
def test_what_says_nothing_is_refused(body: dict[bytes, int]) -> None:
    with pytest.raises(RemoteProtocolError, match="ut_metadata"):
        decode_metadata(encode(dict(body)))
