"""Which pieces a peer holds, in the bit order of the wire."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOT_ZERO: Final = re.compile(rb"[^\0]+")
"""Finds the bytes worth looking at, at the speed of C."""
_OFFSETS: Final = tuple(tuple(i for i in range(8) if byte & 0x80 >> i) for byte in range(256))
"""For each byte, which of its bits are set, counted from the highest (BEP 3: the high bit is the first piece)."""
_BIT: Final = tuple(bytes(byte >> 7 - i & 1 for byte in range(256)) for i in range(8))
"""For each of the eight bits, counted likewise, a table that makes a byte 1 when it is set."""
_STRETCH: Final = 512
"""Bytes to compare at a time where the first difference decides, which is mostly not far."""


class Bitfield:
    """A set of pieces out of ``count``, as BEP 3's ``bitfield`` writes it: high bit first, spare bits zero.

    Two bitfields that meet in one operation have the same ``count``.
    """

    __slots__ = ("_bits", "_count", "_held")

    def __init__(self, count: int) -> None:
        """Of ``count`` pieces, none."""
        self._bits = bytearray(-(-count // 8))
        self._count = count
        self._held = 0

    @classmethod
    def from_wire(cls, data: bytes | bytearray | memoryview, count: int) -> Bitfield:
        """The payload of a ``bitfield`` message; :class:`ValueError` for a wrong size or a spare bit that is set."""
        field = cls(count)
        if len(data) != len(field._bits):
            raise ValueError(f"a bitfield of {len(data):,} bytes for {count:,} pieces")
        field._bits[:] = data
        if count % 8 and field._bits[-1] & 0xFF >> count % 8:
            raise ValueError("a bitfield with spare bits set")
        field._held = field._number().bit_count()
        return field

    @classmethod
    def full(cls, count: int) -> Bitfield:
        """All of ``count`` pieces."""
        bits = ((1 << count) - 1) << (-count % 8)
        return cls.from_wire(bits.to_bytes(-(-count // 8), "big"), count)

    @property
    def held(self) -> int:
        """How many pieces are in it."""
        return self._held

    @property
    def is_full(self) -> bool:
        """Whether every piece is in it."""
        return self._held == self._count

    @property
    def is_empty(self) -> bool:
        """Whether no piece is in it."""
        return not self._held

    def has(self, i: int) -> bool:
        """Whether piece ``i`` is in it; ``i`` must be a piece there is."""
        return bool(self._bits[i >> 3] & 0x80 >> (i & 7))

    def set(self, i: int) -> bool:
        """Put piece ``i`` in; False when it was. :class:`IndexError` when there is no such piece."""
        self._check(i)
        if self.has(i):
            return False
        self._bits[i >> 3] |= 0x80 >> (i & 7)
        self._held += 1
        return True

    def clear(self, i: int) -> bool:
        """Take piece ``i`` out; False when it was not in. :class:`IndexError` when there is no such piece."""
        self._check(i)
        if not self.has(i):
            return False
        self._bits[i >> 3] ^= 0x80 >> (i & 7)
        self._held -= 1
        return True

    def to_wire(self) -> bytes:
        """The payload of a ``bitfield`` message."""
        return bytes(self._bits)

    def flags(self) -> bytes:
        """One byte for each piece: 1 when it is in it, else 0."""
        flags = bytearray(8 * len(self._bits))
        for i, is_set in enumerate(_BIT):
            flags[i::8] = self._bits.translate(is_set)
        return bytes(flags[: self._count])

    def indices(self) -> Iterator[int]:
        """The pieces in it, in order; do not change it meanwhile."""
        for run in _NOT_ZERO.finditer(self._bits):
            for at in range(run.start(), run.end()):
                for offset in _OFFSETS[self._bits[at]]:
                    yield 8 * at + offset

    def missing_from(self, other: Bitfield) -> bool:
        """Whether ``other`` has a piece that this one lacks."""
        if other.is_full or self.is_empty:
            return self._held < other._held
        # The end first: a download in sequence finds at once what it will get last.
        for end in range(len(self._bits), 0, -_STRETCH):
            stretch = slice(max(0, end - _STRETCH), end)
            if int.from_bytes(other._bits[stretch], "big") & ~int.from_bytes(self._bits[stretch], "big"):
                return True
        return False

    def overlap(self, other: Bitfield) -> Bitfield:
        """The pieces that are in both."""
        both = Bitfield(self._count)
        number = self._number() & other._number()
        both._bits[:] = number.to_bytes(len(both._bits), "big")
        both._held = number.bit_count()
        return both

    def complement(self) -> Bitfield:
        """The pieces that are not in it."""
        rest = Bitfield.full(self._count)
        rest._bits[:] = (rest._number() ^ self._number()).to_bytes(len(rest._bits), "big")
        rest._held -= self._held
        return rest

    def copy(self) -> Bitfield:
        """Another one with the same pieces."""
        twin = Bitfield(self._count)
        twin._bits[:] = self._bits
        twin._held = self._held
        return twin

    def __len__(self) -> int:
        return self._count

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Bitfield):
            return NotImplemented
        return self._count == other._count and self._bits == other._bits

    def __repr__(self) -> str:
        return f"<Bitfield {self._held:,} of {self._count:,}>"

    def _number(self) -> int:
        return int.from_bytes(self._bits, "big")

    def _check(self, i: int) -> None:
        if not 0 <= i < self._count:
            raise IndexError(f"piece {i:,} of {self._count:,}")
