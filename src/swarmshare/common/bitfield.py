"""Which pieces a peer holds, in the bit order of the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.common.bits import all_bits, as_bits, as_number, check_bits, flags_of_bits, pieces_of_bits

if TYPE_CHECKING:
    from collections.abc import Iterator

_STRETCH: Final = 512
"""Bytes to compare at a time where the first difference decides, which is mostly not far."""


class Bitfield:
    """A set of pieces out of ``count``, as BEP 3's ``bitfield`` writes it: high bit first, spare bits zero.

    Two bitfields that meet in one operation have the same ``count``.
    """

    __slots__ = ("_bits", "_count", "_held")

    def __init__(self, count: int) -> None:
        """Start with the empty set of ``count`` pieces."""
        self._bits = bytearray(-(-count // 8))
        self._count = count
        self._held = 0

    @classmethod
    def from_wire(cls, data: bytes | bytearray | memoryview, count: int) -> Bitfield:
        """Read the payload of a ``bitfield`` message; :class:`ValueError` for a wrong size or a spare bit set."""
        check_bits(data, count)
        field = cls(count)
        field._bits[:] = data
        field._held = as_number(field._bits).bit_count()
        return field

    @classmethod
    def full(cls, count: int) -> Bitfield:
        """Return a set of all of ``count`` pieces."""
        return cls.from_wire(all_bits(count), count)

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
        return bool(self._bits[i >> 3] & 0x80 >> (i & 7))  # not has_piece(): it is called for each piece of a walk

    def set(self, i: int) -> bool:
        """Add piece ``i``, and return whether it was new; :class:`IndexError` when there is no such piece."""
        self._check(i)
        if self.has(i):
            return False
        self._bits[i >> 3] |= 0x80 >> (i & 7)
        self._held += 1
        return True

    def clear(self, i: int) -> bool:
        """Remove piece ``i``, and return whether it was in; :class:`IndexError` when there is no such piece."""
        self._check(i)
        if not self.has(i):
            return False
        self._bits[i >> 3] ^= 0x80 >> (i & 7)
        self._held -= 1
        return True

    def to_wire(self) -> bytes:
        """Return the payload of a ``bitfield`` message (BEP 3)."""
        return bytes(self._bits)

    def flags(self) -> bytes:
        """One byte for each piece: 1 when it is in it, else 0."""
        return flags_of_bits(self._bits, self._count)

    def indices(self) -> Iterator[int]:
        """Yield the pieces in it, in order; do not change it meanwhile."""
        return pieces_of_bits(self._bits)

    def missing_from(self, other: Bitfield) -> bool:
        """Whether ``other`` has a piece that this one lacks."""
        if other.is_full or self.is_empty:
            return self._held < other._held
        # The end first: a download in sequence finds at once what it will get last.
        for end in range(len(self._bits), 0, -_STRETCH):
            stretch = slice(max(0, end - _STRETCH), end)
            if as_number(other._bits[stretch]) & ~as_number(self._bits[stretch]):
                return True
        return False

    def overlap(self, other: Bitfield) -> Bitfield:
        """Return the pieces that are in both."""
        both = Bitfield(self._count)
        number = as_number(self._bits) & as_number(other._bits)
        both._bits[:] = as_bits(number, self._count)
        both._held = number.bit_count()
        return both

    def complement(self) -> Bitfield:
        """Return the pieces that are not in it."""
        rest = Bitfield.full(self._count)
        rest._bits[:] = as_bits(as_number(rest._bits) ^ as_number(self._bits), self._count)
        rest._held -= self._held
        return rest

    def copy(self) -> Bitfield:
        """Return a set of the same pieces that changes on its own."""
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

    def _check(self, i: int) -> None:
        if not 0 <= i < self._count:
            raise IndexError(f"piece {i:,} of {self._count:,}")
