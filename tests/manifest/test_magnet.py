"""Magnet links."""

from __future__ import annotations

from base64 import b32decode
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifest.makers import encoded, good_doc, hybrid_doc, put

from swarmshare.errors import MagnetError
from swarmshare.manifest import magnet
from swarmshare.manifest.magnet import Magnet, magnet_of, parse_magnet
from swarmshare.manifest.manifest import InfoHash
from swarmshare.manifest.parse import parse_manifest

if TYPE_CHECKING:
    from interop.peers import Libtorrent

HASH = "0bc3dd51df5fcbed268c69cfb4ee9339025b4231b299e38b289bb7e4317b1f88"
LINK = f"magnet:?xt=urn:btmh:1220{HASH}"

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Cs"]), min_size=1, max_size=20)


@given(st.binary(min_size=32, max_size=32), words, st.lists(words, max_size=3), st.lists(words, max_size=3))
def test_what_is_written_is_read(full: bytes, name: str, trackers: list[str], peers: list[str]) -> None:
    written = Magnet(
        info_hash=InfoHash(full),
        info_hash_v1=full[5:25],
        name=name,
        trackers=tuple(trackers),
        web_seeds=("http://seed/",),
        peers=tuple(peers),
    )
    assert parse_magnet(str(written)) == written


def test_the_shortest_link() -> None:
    assert str(Magnet(info_hash=InfoHash(bytes.fromhex(HASH)))) == LINK
    assert parse_magnet(LINK) == Magnet(info_hash=InfoHash(bytes.fromhex(HASH)))


@pytest.mark.parametrize("make", [good_doc, hybrid_doc])
def test_libtorrent_reads_what_we_write(judge: Libtorrent, make: object) -> None:
    doc = put(make(), "announce", b"http://tracker.example/announce?x=1&y=a b".replace(b" ", b"%20"))  # type: ignore[operator]
    manifest = parse_manifest(encoded(doc))
    assert judge.ask("load_magnet", magnet_of(manifest)) == {
        "v2": str(manifest.info_hash),
        "v1": (manifest.info_hash_v1 or bytes(20)).hex(),
        "name": manifest.name,
        "trackers": ["http://tracker.example/announce?x=1&y=a%20b"],
    }
    link = parse_magnet(magnet_of(manifest))
    assert (link.info_hash, link.info_hash_v1) == (manifest.info_hash, manifest.info_hash_v1)


def test_we_read_what_libtorrent_writes(judge: Libtorrent) -> None:
    doc = put(hybrid_doc(), "announce", b"http://tracker.example/announce")
    loaded = judge.ask("load", encoded(doc).hex())
    link = parse_magnet(loaded["magnet"])
    assert str(link.info_hash) == loaded["v2"]
    assert link.trackers == ("http://tracker.example/announce",)


def test_what_is_not_known_is_passed_over() -> None:
    link = parse_magnet(f"{LINK}&xt=urn:btih:{'a' * 40}&so=0-2&dn=a%20b&tr=http://x/%0d%0aHost:&xl=5&x.pe=[::1]:80")
    assert link.info_hash == InfoHash(bytes.fromhex(HASH))
    assert link.info_hash_v1 == b"\xaa" * 20
    assert link.info_hash.truncated.hex() == HASH[:40]
    assert (link.name, link.trackers, link.peers) == ("a b", (), ("[::1]:80",))


def test_a_v1_hash_in_base_32() -> None:
    assert parse_magnet(f"{LINK}&xt=urn:btih:{'aB' * 16}").info_hash_v1 == b32decode("AB" * 16)
    assert parse_magnet(f"{LINK}&xt.1=urn:btih:{'a' * 40}&xt.2=urn:btih:{'b' * 40}").info_hash_v1 is None
    assert parse_magnet(f"{LINK}&xt=urn:btih:{'1' * 32}").info_hash_v1 is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("magnet:", "no BitTorrent v2 hash"),
        ("http://example.com/", "begins with"),
        (f"magnet:?xt=urn:btih:{'a' * 40}", "no BitTorrent v2 hash"),
        (LINK[:-1], "no BitTorrent v2 hash"),
        (LINK.replace("1220", "1114"), "no BitTorrent v2 hash"),
        (f"{LINK}&xt=urn:btmh:1220{'0' * 64}", "more than one"),
        (f"{LINK}\n", "white space"),
        (f"{LINK}&dn={'x' * magnet.MAX_LENGTH}", "characters long"),
        (LINK + "&tr=x" * magnet.MAX_FIELDS, "cannot be read"),
        ("magnet://[?xt", "cannot be read"),
    ],
)
def test_refused(text: str, words: str) -> None:
    with pytest.raises(MagnetError, match=words):
        parse_magnet(text)
