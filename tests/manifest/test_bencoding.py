"""Bencoding, as strictly as we read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bencodepy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.errors import BencodingError
from swarmshare.manifest import bencoding
from swarmshare.manifest.bencoding import Value, decode_document, encode, encode_with_raw

if TYPE_CHECKING:
    from interop.peers import Libtorrent

values: st.SearchStrategy[Value] = st.recursive(
    st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=8), inner, max_size=4),
    max_leaves=20,
)
documents = st.dictionaries(st.binary(max_size=8), values, max_size=5)


@given(documents)
def test_what_is_encoded_is_decoded(root: dict[bytes, Value]) -> None:
    data = encode(root)
    document = decode_document(data)
    assert document.root == root
    assert not document.disordered
    for key, span in document.spans.items():
        assert data[span] == encode(root[key])


@given(documents)
def test_the_encoding_is_libtorrents(judge: Libtorrent, root: Any) -> None:
    assert judge.ask("bencode", repr(root)) == encode(root).hex()


def shuffled(value: Value, order: st.DataObject) -> bytes:
    """A correct encoding, but with keys in any order."""
    if isinstance(value, dict):
        keys = order.draw(st.permutations(sorted(value)))
        return b"d" + b"".join(encode(key) + shuffled(value[key], order) for key in keys) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(shuffled(item, order) for item in value) + b"e"
    return encode(value)


@given(documents, st.data())
def test_disorder_is_told_per_value(root: dict[bytes, Value], data: st.DataObject) -> None:
    raw = shuffled(root, data)
    document = decode_document(raw)
    assert document.root == root
    for key, value in root.items():
        assert (key in document.disordered) == (raw[document.spans[key]] != encode(value))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a bencoded dictionary"),
        (b"i1e", "not a bencoded dictionary"),
        (b"le", "not a bencoded dictionary"),
        (b"d", "string's length"),
        (b"d1:a", "ends too early"),
        (b"d1:ai1e", "string's length"),
        (b"d1:al", "ends too early"),
        (b"d1:ali1e", "ends too early"),
        (b"d1:axe", "unexpected byte"),
        (b"di1ei2ee", "string's length"),
        (b"d1:ai1_0ee", "integer"),
        (b"d1:ai 5ee", "integer"),
        (b"d1:ai+5ee", "integer"),
        (b"d1:ai05ee", "integer"),
        (b"d1:ai-0ee", "integer"),
        (b"d1:ai--1ee", "integer"),
        (b"d1:ai-ee", "integer"),
        (b"d1:aiee", "integer"),
        (b"d1:ai1", "integer"),
        ("d1:ai\u0661ee".encode(), "integer"),
        (b"d1:ai9223372036854775808ee", "64 bits"),
        (b"d1:ai-9223372036854775809ee", "64 bits"),
        (b"d1:ai" + b"1" * 5000 + b"ee", "integer"),
        (b"d1_0:aaaaaaaaaai1ee", "string's length"),
        (b"d01:ai1ee", "string's length"),
        (b"d1:a3:xe", "longer than the data"),
        (b"d1:a9999999999:xe", "string's length"),
        (b"d-1:ai1ee", "string's length"),
        (b"d1:ai1e1:ai2ee", "same key twice"),
        (b"d1:bi1e1:ai2e1:bi3ee", "same key twice"),
        (b"d1:ai1eex", "follows the end"),
        (b"d1:ai1ee\0", "follows the end"),
        (b"d1:a" + b"l" * 200 + b"e" * 201, "nested"),
        (b"d1:a" + b"d1:a" * 200 + b"i1e" + b"e" * 201, "nested"),
    ],
)
def test_refused(data: bytes, words: str) -> None:
    with pytest.raises(BencodingError, match=words) as caught:
        decode_document(data)
    assert 0 <= caught.value.offset <= len(data)


def test_what_bencode_py_alone_would_let_pass() -> None:
    """The reasons for the shell: if the library learns any of this, the shell can lose it."""
    loose = bencodepy.Bencode(encoding=None).decode
    assert loose(b"i1_0e") == 10
    assert loose(b"i 5e") == 5
    assert loose(b"1_0:0123456789") == b"0123456789"
    assert loose(b"d1:ai1e1:ai2ee") == {b"a": 2}
    assert loose(b"d1:bi1e1:ai2ee") == {b"a": 2, b"b": 1}


def test_the_deepest_that_is_read() -> None:
    deepest = b"d1:a" + b"l" * bencoding.MAX_DEPTH + b"e" * bencoding.MAX_DEPTH + b"e"
    assert decode_document(deepest).root
    with pytest.raises(BencodingError, match="nested more than 100 deep"):
        decode_document(deepest.replace(b"le", b"llee"))


def test_white_space_at_the_end_is_let_pass() -> None:
    assert decode_document(b"d1:ai1ee\r\n ").root == {b"a": 1}


def test_too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bencoding, "MAX_BYTES", 8)
    assert decode_document(b"d1:ai1ee").root
    with pytest.raises(BencodingError, match="more than 8 bytes"):
        decode_document(b"d1:ai10ee")


def test_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bencoding, "MAX_ITEMS", 4)
    assert decode_document(b"d1:al0:0:ee").root
    with pytest.raises(BencodingError, match="more than 4 values"):
        decode_document(b"d1:al0:0:0:ee")


def test_raw_bytes_are_put_in_as_they_are() -> None:
    assert encode_with_raw({b"z": 1, b"a": []}, b"info", b"d1:bi1e1:ai2ee") == b"d1:ale4:infod1:bi1e1:ai2ee1:zi1ee"
