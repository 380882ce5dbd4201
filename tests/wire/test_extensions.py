"""The extension handshake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.errors import RemoteProtocolError
from swarmshare.manifest.bencoding import encode
from swarmshare.wire.extensions import (
    DONT_HAVE,
    ExtendedHandshake,
    decode_dont_have,
    decode_extended_handshake,
    dont_have,
)


@given(
    st.text(st.characters(codec="utf-8"), max_size=64),
    st.integers(1, 2000),
    st.none() | st.integers(1, 65535),
    st.booleans(),
    st.integers(14, 22).map(lambda power: 2**power),
)
def test_what_is_written_is_read(client: str, queue: int, port: int | None, upload_only: bool, longest: int) -> None:
    handshake = ExtendedHandshake(client=client, queue=queue, port=port, upload_only=upload_only, max_request=longest)
    message = handshake.encode()
    assert message.ext_id == 0
    assert decode_extended_handshake(message.payload) == handshake


@given(st.binary(max_size=100))
def test_rubbish_is_no_reason_to_part(payload: bytes) -> None:
    decode_extended_handshake(payload)
    assert decode_extended_handshake(b"i1e" + payload) is None


def test_what_is_of_the_wrong_kind_is_passed_over() -> None:
    odd = {
        b"m": {b"a": 0, b"b": 256, b"c": b"x", b"d": 5, b"e": -1},
        b"v": 5,
        b"reqq": -1,
        b"p": 0,
        b"upload_only": b"1",
    }
    assert decode_extended_handshake(encode(odd)) == ExtendedHandshake(ids={b"d": 5}, queue=250, max_request=2**14)  # type: ignore[arg-type]
    assert decode_extended_handshake(encode({b"m": 5, b"reqq": 10**9, b"v": b"\xff" * 100})) == ExtendedHandshake(
        ids={}, queue=2000, client="\ufffd" * 64, max_request=2**14
    )


@pytest.mark.parametrize("said", [None, b"65536", -1, 0, 2**13, 2**14 + 1, 3 * 2**14, 2**20 - 1, 2**23, 2**62])
def test_who_says_nothing_sensible_gets_short_requests(said: int | bytes | None) -> None:
    handshake = decode_extended_handshake(encode({} if said is None else {b"max_request": said}))
    assert handshake is not None
    assert handshake.max_request == 2**14


def test_pieces_that_are_lost() -> None:
    message = dont_have({DONT_HAVE: 9}, 5)
    assert message is not None
    assert message.ext_id == 9
    assert decode_dont_have(message.payload) == 5
    assert dont_have({}, 5) is None
    with pytest.raises(RemoteProtocolError):
        decode_dont_have(b"abc")
