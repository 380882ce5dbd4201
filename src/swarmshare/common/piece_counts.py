"""How many peers of one swarm hold each piece."""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING, Final

from swarmshare.common.bits import flags_of_bits

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOW, _HIGH = (0, 1) if sys.byteorder == "little" else (1, 0)
"""Which of the two bytes of a count is which."""
_FULL_IF_ANY: Final = b"\0".ljust(256, b"\xff")
"""A table for ``bytes.translate`` that makes every byte but 0 a 255."""


class PieceCounts:
    """One count for each piece, as 16-bit lanes of one number.

    A whole bitfield is added, or taken away, as one sum of two large integers: a fiftieth of the time of a loop, which
    matters when a thousand peers come at once. No count may pass 65,535 or fall below 0: then no lane spills into the
    next.
    """

    __slots__ = ("_counts",)

    def __init__(self, count: int) -> None:
        """Start to count for ``count`` pieces that nobody holds yet."""
        self._counts = array("H", bytes(2 * count))

    def __len__(self) -> int:
        return len(self._counts)

    def __getitem__(self, piece: int) -> int:
        return self._counts[piece]

    def add(self, bits: bytes) -> None:
        """Count one more holder of each piece in ``bits``, a bitfield as in BEP 3."""
        self._set(self._number() + self._lanes(bits))

    def remove(self, bits: bytes) -> None:
        """Count one holder less of each piece in ``bits``, a bitfield as in BEP 3."""
        self._set(self._number() - self._lanes(bits))

    def move(self, piece: int, by: int) -> int:
        """Count ``by`` more holders of ``piece``, and return how many it has now.

        Raises :class:`OverflowError` when a piece would lose a holder that it never had.
        """
        count = self._counts[piece] + by
        self._counts[piece] = count
        return count

    def shift(self, pieces: Iterable[int], by: int) -> None:
        """Count ``by`` more holders of each of a few ``pieces``; raises as :meth:`move` does."""
        for piece in pieces:
            self.move(piece, by)

    def saturated(self) -> bytes:
        """One byte for each piece, its count; 255 stands for that many or more."""
        raw = self._counts.tobytes()
        low, high = raw[_LOW::2], raw[_HIGH::2]
        if not high.strip(b"\0"):  # no count of 256 or more, as nearly always
            return low
        full = int.from_bytes(low, "big") | int.from_bytes(high.translate(_FULL_IF_ANY), "big")
        return full.to_bytes(len(low), "big")

    def least(self) -> int:
        """Return the count of the rarest piece, up to 255; 0 when there are no pieces."""
        counts = self.saturated()
        return next((count for count in range(256) if count in counts), 0)

    def _number(self) -> int:
        return int.from_bytes(self._counts.tobytes(), sys.byteorder)

    def _set(self, number: int) -> None:
        self._counts = array("H", number.to_bytes(2 * len(self._counts), sys.byteorder))

    def _lanes(self, bits: bytes) -> int:
        lanes = bytearray(2 * len(self._counts))
        lanes[_LOW::2] = flags_of_bits(bits, len(self._counts))
        return int.from_bytes(lanes, sys.byteorder)
