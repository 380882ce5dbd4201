"""Sets of pieces as runs, which is short for what a peer tells at a time, and as bits, which is quick to count with.

Bits are as BEP 3 has them in a ``bitfield``: the high bit of the first byte is piece 0, and spare bits are zero.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Runs: TypeAlias = tuple[range, ...]
"""Pieces in ascending order, each range as long as it can be: no two of them touch, and none is empty."""

_ONES: Final = re.compile("1+")
_OFFSETS: Final = tuple(tuple(i for i in range(8) if byte & 0x80 >> i) for byte in range(256))
_NOT_ZERO: Final = re.compile(rb"[^\0]+")


def runs_from_wire(numbers: Sequence[object], limit: int) -> Runs:
    """Runs out of ``[first, count, first, count, ...]``, all below ``limit``; :class:`ValueError` for anything else."""
    if len(numbers) % 2:
        raise ValueError("runs are pairs of a first piece and a count")
    runs, end = [], -1
    for first, count in zip(numbers[::2], numbers[1::2], strict=True):
        if type(first) is not int or type(count) is not int:
            raise ValueError("runs are whole numbers")
        if first <= end or count < 1:
            raise ValueError("runs ascend, do not touch, and are not empty")
        end = first + count
        runs.append(range(first, end))
    if end > limit:
        raise ValueError(f"piece {end - 1:,} of {limit:,}")
    return tuple(runs)


def runs_to_wire(runs: Iterable[range]) -> list[int]:
    """The other way round."""
    return [number for run in runs for number in (run.start, len(run))]


def runs_of_bits(bits: int, count: int) -> Runs:
    """The pieces set in ``bits``, an integer as :func:`as_number` has it."""
    text = f"{bits >> -count % 8:0{count}b}" if bits else ""
    return tuple(range(*match.span()) for match in _ONES.finditer(text))


def bits_of_runs(runs: Iterable[range], count: int) -> bytes:
    """``runs``, which end by ``count``, as bits: O(runs + bytes), however long a run is."""
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


def as_number(bits: bytes) -> int:
    """Bits as one integer, for set operations at the speed of C."""
    return int.from_bytes(bits, "big")


def as_bits(number: int, count: int) -> bytes:
    """The bits of ``count`` pieces from such an integer."""
    return number.to_bytes(-(-count // 8), "big")


def all_bits(count: int) -> bytes:
    """Every one of ``count`` pieces."""
    return as_bits(((1 << count) - 1) << -count % 8, count)


def pieces_of_bits(bits: bytes) -> Iterable[int]:
    """The pieces set in ``bits``, in order."""
    for run in _NOT_ZERO.finditer(bits):
        for at in range(*run.span()):
            for offset in _OFFSETS[bits[at]]:
                yield 8 * at + offset


def check_bits(bits: bytes, count: int) -> None:
    """:class:`ValueError` unless ``bits`` can be the bitfield of ``count`` pieces."""
    if len(bits) != -(-count // 8):
        raise ValueError(f"{len(bits):,} bytes for {count:,} pieces")
    if count % 8 and bits[-1] & 0xFF >> count % 8:
        raise ValueError("spare bits are set")
