"""Invariant: for any bytes, ``parse_manifest`` returns a Manifest or raises ManifestError, and nothing else.

A Manifest that comes out keeps its promises: it encodes to something that parses to itself, its files have places of
their own inside the folder. By hand, for ten minutes: ``python tests/fuzz/test_fuzz_manifest.py 600``.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from swarmshare.errors import ManifestError
from swarmshare.manifest.bencoding import decode_document, encode
from swarmshare.manifest.parse import parse_manifest

if TYPE_CHECKING:
    from swarmshare.manifest.manifest import Manifest

SEEDS = [path.read_bytes() for path in sorted(Path(__file__).resolve().parents[2].glob("torrents/*.torrent"))]
SCRAPS = [
    b"0:", b"1:", b"i0e", b"i-1e", b"i9223372036854775807e", b"de", b"le", b"d0:de", b"e", b"d", b"l", b"4:info",
    b"9:file tree", b"12:piece layers", b"6:lengthi0e", b"11:pieces root32:", b"4:attr1:p", b"4:attr1:l", b"2:..",
    b"12:symlink pathl1:ae", b"5:filesle", b"6:pieces0:", b"7:privatei1e", b"\xff", b"\x00", b"12:meta versioni2e",
]  # fmt: skip


def parse_or_refusal(data: bytes) -> Manifest | ManifestError:
    try:
        return parse_manifest(data)
    except ManifestError as refusal:
        return refusal


def holds(data: bytes) -> bool:
    """Whether ``data`` is a manifest; fails when the invariant does."""
    manifest = parse_or_refusal(data)
    if isinstance(manifest, ManifestError):
        assert manifest.rule
        assert str(manifest).isprintable()
        return False
    again = parse_manifest(manifest.encode())
    assert again == manifest
    for windows in (False, True):
        places = manifest.local_paths(windows=windows)
        assert len(set(places)) == len(manifest.files)
        assert all(
            part not in {"", ".", ".."} and "/" not in part and "\\" not in part for path in places for part in path
        )
    assert manifest.layout.piece_count >= 1
    return True


def mutate(rng: random.Random, data: bytes) -> bytes:
    """``data`` with a few of the accidents and tricks that bencoding knows."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at, end = sorted(rng.randrange(len(out) + 1) for _ in range(2))
        match rng.randrange(6):
            case 0:
                out[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                out[at:at] = rng.choice(SCRAPS)
            case 2:
                del out[at : min(end, at + rng.choice((1, 2, 8, 64)))]
            case 3:
                out[at:at] = out[at : min(end, at + 64)]
            case 4:
                scrap = rng.choice(SCRAPS)
                out[at : at + len(scrap)] = scrap
            case _:
                return mutate_values(rng, data)
    return bytes(out)


def mutate_values(rng: random.Random, data: bytes) -> bytes:
    """``data`` with one value swapped for another, encoded correctly: this gets past the bencoding."""
    root = decode_document(data).root
    node: Any = root
    while True:
        assert isinstance(node, dict | list)
        if not node:
            return encode(root)
        key = rng.choice(sorted(node)) if isinstance(node, dict) else rng.randrange(len(node))
        below = node[key]
        if isinstance(below, dict | list) and rng.random() < 0.8:
            node = below
            continue
        choices = [0, 1, -1, 2**14, 2**62, b"", b"..", b"a/b", rng.randbytes(32), [], {}, [b"a"], {b"": {}}, below]
        if isinstance(node, dict) and rng.random() < 0.3:
            new_key = rng.choice([b"", b"..", b"x", b"attr", b"length", b"symlink path", b"pieces", b"CON", b"A.BIN"])
            node[new_key] = rng.choice(choices)
        elif isinstance(node, dict) and rng.random() < 0.3:
            del node[key]
        else:
            node[key] = rng.choice(choices)
        return encode(root)


@given(st.integers(0, 2**32), st.sampled_from(SEEDS))
def test_mutated_manifests(seed: int, data: bytes) -> None:
    rng = random.Random(seed)
    for _ in range(20):
        holds(mutate(rng, data))


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    holds(data)
    holds(b"d4:info" + data + b"e")


def test_the_fuzzer_gets_past_the_gate() -> None:
    """A fuzzer that only ever makes rubbish proves nothing."""
    rng = random.Random(1)
    good = sum(holds(mutate(rng, rng.choice(SEEDS))) for _ in range(2000))
    assert 100 < good < 1900


if __name__ == "__main__":
    until = time.monotonic() + float(sys.argv[1])
    chance = random.Random()
    pool, tried, passed = list(SEEDS), 0, 0
    while time.monotonic() < until:
        candidate = mutate(chance, chance.choice(pool))
        tried += 1
        if holds(candidate):
            passed += 1
            if len(candidate) < 5000:
                pool = [*pool[-200:], candidate, chance.choice(SEEDS)]
    print(f"{tried:,} manifests, {passed:,} of them valid: the invariant held")
