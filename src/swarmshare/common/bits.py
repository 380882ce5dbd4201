"""Sets of pieces as packed bits, which are quick to combine, and as runs, which are short for what a peer tells.

Bits are as BEP 3 has them in a ``bitfield``: the high bit of the first byte is piece 0, and spare bits are zero.
:class:`~swarmshare.common.bitfield.Bitfield` is such a set that changes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Runs: TypeAlias = tuple[range, ...]
"""Pieces in ascending order, each range as long as it can be: no two of them touch, and none is empty."""

_ONES: Final = re.compile("1+")
_NOT_ZERO: Final = re.compile(rb"[^\0]+")
"""Finds the bytes worth looking at, at the speed of C."""
_OFFSETS: Final = tuple(tuple(i for i in range(8) if byte & 0x80 >> i) for byte in range(256))
"""For each byte, which of its bits are set, counted from the highest."""
_BIT: Final = tuple(bytes(byte >> 7 - i & 1 for byte in range(256)) for i in range(8))
"""For each of the eight bits, counted likewise, a table for ``bytes.translate`` that makes a byte 1 when it is set."""


def runs_from_wire(numbers: Sequence[object], limit: int) -> Runs:
    """Run out of ``[first, count, first, count, ...]``, all below ``limit``; :class:`ValueError` for anything else."""
    if len(numbers) % 2:
        raise ValueError("runs are pairs of a first piece and a count")
    runs, end = [], -1
    for first, count in zip(numbers[::2], numbers[1::2], strict=True):
        if type(first) is not int or type(count) is not int:
            raise ValueError("runs are whole numbers")
        # One spelling for each set: a run that touches the last one should have been part of it.
        if first <= end or count < 1:
            raise ValueError("runs ascend, do not touch, and are not empty")
        end = first + count
        runs.append(range(first, end))
    if end > limit:
        raise ValueError(f"piece {end - 1:,} of {limit:,}")
    return tuple(runs)


def runs_to_wire(runs: Iterable[range]) -> list[int]:
    """Return ``runs`` as ``[first, count, first, count, ...]``, which :func:`runs_from_wire` reads."""
    return [number for run in runs for number in (run.start, len(run))]


def runs_of_bits(bits: int, count: int) -> Runs:
    """Return the pieces set in ``bits``, an integer as :func:`as_number` has it, out of ``count``."""
    text = f"{bits >> -count % 8:0{count}b}" if bits else ""
    return tuple(range(*match.span()) for match in _ONES.finditer(text))


def bits_of_runs(runs: Iterable[range], count: int) -> bytes:
    """Return ``runs`` of ``count`` pieces as bits: O(runs + bytes), however long a run is."""
    bits = bytearray(-(-count // 8))
    for run in runs:
        piece, whole = run.start, 0
        while piece < run.stop and piece % 8:
            bits[piece >> 3] |= 0x80 >> piece % 8
            piece += 1
        if whole := run.stop - piece >> 3:
            bits[piece >> 3 : (piece >> 3) + whole] = b"\xff" * whole
        for last in range(piece + 8 * whole, run.stop):
            bits[last >> 3] |= 0x80 >> last % 8
    return bytes(bits)


def as_number(bits: bytes | bytearray) -> int:
    """``bits`` as one integer, for set operations at the speed of C."""
    return int.from_bytes(bits, "big")


def as_bits(number: int, count: int) -> bytes:
    """Return the bits of ``count`` pieces from an integer that :func:`as_number` made."""
    return number.to_bytes(-(-count // 8), "big")


def all_bits(count: int) -> bytes:
    """Return the bits that say that all of ``count`` pieces are held."""
    return as_bits(((1 << count) - 1) << -count % 8, count)


def has_piece(bits: bytes | bytearray, piece: int) -> bool:
    """Whether ``piece``, which must be one that ``bits`` has room for, is set in them."""
    return bool(bits[piece >> 3] & 0x80 >> (piece & 7))


def pieces_of_bits(bits: bytes | bytearray) -> Iterator[int]:
    """Yield the pieces set in ``bits``, in order."""
    for run in _NOT_ZERO.finditer(bits):
        for at in range(*run.span()):
            for offset in _OFFSETS[bits[at]]:
                yield 8 * at + offset


def flags_of_bits(bits: bytes | bytearray, count: int) -> bytes:
    """One byte for each of ``count`` pieces: 1 when it is set in ``bits``, else 0."""
    flags = bytearray(8 * len(bits))
    for i, is_set in enumerate(_BIT):
        flags[i::8] = bits.translate(is_set)
    return bytes(flags[:count])


def check_bits(bits: bytes | bytearray | memoryview, count: int) -> None:
    """Raise :class:`ValueError` unless ``bits`` can be the bitfield of ``count`` pieces (BEP 3)."""
    if len(bits) != -(-count // 8):
        raise ValueError(f"{len(bits):,} bytes for {count:,} pieces")
    # A set spare bit would be a piece that does not exist; libtorrent closes such a connection, too.
    if count % 8 and bits[-1] & 0xFF >> count % 8:
        raise ValueError("spare bits are set")
