"""Magnet links."""

from __future__ import annotations

import contextlib
from base64 import b32decode
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifest.makers import encoded, good_doc, hybrid_doc, put

from swarmshare.errors import MagnetError
from swarmshare.manifest import magnet
from swarmshare.manifest.magnet import Magnet, is_magnet, magnet_of, parse_magnet
from swarmshare.manifest.manifest import InfoHash
from swarmshare.manifest.parse import parse_manifest

if TYPE_CHECKING:
    from interop.peers import Libtorrent

HASH = "0bc3dd51df5fcbed268c69cfb4ee9339025b4231b299e38b289bb7e4317b1f88"
LINK = f"magnet:?xt=urn:btmh:1220{HASH}"

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Cs"]), min_size=1, max_size=20)
lists = st.lists(words, max_size=3, unique=True)


@given(st.binary(min_size=32, max_size=32), words, lists, lists)
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


NAMED = f"{LINK}&dn=A%20name&tr=http://tracker.example/announce"


@pytest.mark.parametrize(
    "text",
    [
        NAMED,
        f"  {NAMED}\n",
        f"<{NAMED}>",
        f'"{NAMED}"',
        f"\u201c{NAMED}\u201d",
        f"`'{NAMED}'`",
        f"\ufeff{NAMED}\xa0",
        NAMED.replace("%20", " "),
        NAMED.replace("%20", "+"),
        NAMED.replace("&", "&amp;"),
        NAMED.replace("&", "&#38;"),
        NAMED.replace("magnet:", "MAGNET:").replace("xt=urn:btmh:", "XT=URN:BTMH:").replace(HASH, HASH.upper()),
        NAMED.replace("xt=", "xt.1=").replace("tr=", "tr.1="),
        NAMED.replace("xt=", f"xt.1=urn:btih:{'a' * 40}&xt.2="),
        NAMED.replace("urn:btmh:", "urn%3Abtmh%3A"),
        NAMED.replace("http://", "http%3A%2F%2F"),
        f"{NAMED}&tr=http://tracker.example/announce",
        f"{NAMED[:40]}\r\n{NAMED[40:90]}\n  {NAMED[90:]}",
        f"> {NAMED[:40]}\n> {NAMED[40:100]}\n> {NAMED[100:]}\n",
        f"{NAMED[:40]} {NAMED[40:]}",
        NAMED.replace("A%20name", "A \n name"),
        NAMED.replace("&tr", " &tr").replace("magnet:?", "magnet:? "),
        NAMED.replace("magnet:?", "magnet://?"),
        NAMED.replace("magnet:?", "magnet:"),
    ],
)
def test_as_people_paste_it(text: str) -> None:
    assert is_magnet(text)
    link = parse_magnet(text)
    assert (str(link.info_hash), link.name, link.trackers) == (HASH, "A name", ("http://tracker.example/announce",))


def test_the_name_is_all_that_was_typed() -> None:
    link = parse_magnet(f"{LINK}&dn=C# in a day; 100%25 (v1.0) 50% off?&tr=http://x/a+b&ws=http://y/#z")
    assert link.name == "C# in a day; 100% (v1.0) 50% off?"
    assert (link.trackers, link.web_seeds) == (("http://x/a+b",), ("http://y/#z",))


@pytest.mark.parametrize(
    "text", [" " * magnet.MAX_LENGTH, ">\n" * 30_000, f"{LINK}&dn={' ' * 60_000}x", "magnet:?" + ".1" * 30_000]
)
def test_what_is_long_costs_little(text: str) -> None:
    """Each would take minutes if the time grew with the square of the length."""
    with contextlib.suppress(MagnetError):
        parse_magnet(text)


@pytest.mark.parametrize("text", ["", "movie.torrent", "./magnet:x", "C:\\magnet:", "http://magnet:/"])
def test_what_is_no_magnet_link(text: str) -> None:
    assert not is_magnet(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("magnet:", "no BitTorrent v2 hash"),
        ("http://example.com/", "begins with"),
        (f"magnet:?xt=urn:btih:{'a' * 40}", "no BitTorrent v2 hash"),
        (LINK[:-1], "no BitTorrent v2 hash"),
        (LINK.replace("1220", "1114"), "no BitTorrent v2 hash"),
        (f"{LINK}&xt=urn:btmh:1220{'0' * 64}", "more than one"),
        (f"magnet:?xt=urn:btih:{'a' * 40}", "only one of BitTorrent v1"),
        (LINK[:-1], "one of 63: it was not copied whole"),
        (f"{LINK}0", "one of 65: it was not copied whole"),
        (LINK[:30], "not copied whole"),
        (f"{LINK[:-1]}g", "no BitTorrent v2 hash"),
        (f"{LINK}#fragment", "no BitTorrent v2 hash"),
        (f"see {LINK}", "begins with"),
        ("", "begins with"),
        (f"{LINK}&dn={'x' * magnet.MAX_LENGTH}", "characters long"),
        (LINK + "&tr=x" * magnet.MAX_FIELDS, "cannot be read"),
        ("magnet://[?xt", "no BitTorrent v2 hash"),
    ],
)
def test_refused(text: str, words: str) -> None:
    with pytest.raises(MagnetError, match=words):
        parse_magnet(text)


@pytest.mark.parametrize("private", [False, True])
def test_no_passkey_of_a_private_manifest_is_in_its_link(private: bool) -> None:
    doc = {**good_doc(), b"announce": b"http://tracker/announce/5ec5e7"}
    put(doc, "info/private", int(private))
    manifest = parse_manifest(encoded(doc))
    assert manifest.private is private
    assert ("5ec5e7" in magnet_of(manifest)) is not private
