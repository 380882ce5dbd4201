"""What the data of one peer was worth so far, and whether it is worth asking for more after some of it was wrong.

An honest seed whose file was touched since it looked gives wrong data, too: a few pieces, and mostly of one file. So
the first wrong piece is forgiven, and so is each that much more right data outweighs; and no piece is asked twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

FORGIVEN: Final = 1
"""Wrong pieces of a peer that gave nothing else yet: what a liar costs us, beside what it was asked for by then."""
WORTH: Final = 8
"""How many times the bytes of its wrong pieces a peer must have given right, for more than that to be forgiven: a liar
gives more than it spoils."""


class Conduct:
    """What one peer gave right and wrong, which decides what it is asked for, and whether it is banned."""

    def __init__(self) -> None:
        self.wrong: set[int] = set()
        """Pieces that it gave wrong, and is not to be asked for again."""
        self.doubtful: set[int] = set()
        """The other pieces of the files that these are in: to be asked of it only when it has nothing else."""
        self._excused: set[int] = set()
        self._strikes = 0
        self._right = self._wasted = 0

    @property
    def is_untried(self) -> bool:
        """Whether nothing right came from it yet: then one piece at a time is risk enough."""
        return not self._right

    @property
    def is_bad(self) -> bool:
        """Whether it is to be banned."""
        return self._strikes > FORGIVEN and self._wasted * WORTH > self._right

    def gave_right(self, length: int) -> None:
        """``length`` bytes of a piece that is right came from it."""
        self._right += length

    def gave_wrong(self, piece: int, length: int, file: Collection[int], asked: Collection[int]) -> None:
        """Note that it gave wrong data in ``piece`` of ``length`` bytes; each piece counts once.

        ``file`` are the pieces of the same file. What it was ``asked`` for of these before we knew is not held against
        it. ``length`` is that of the whole piece, however little of it came from this peer: all of it is wasted.
        """
        # Each piece once: of a wrong piece that it had several blocks of, libtorrent counts one failure, too.
        if piece in self.wrong:
            return
        if piece not in self._excused:
            self._strikes += 1
            self._wasted += length
            self._excused.update(other for other in asked if other in file)
        self.wrong.add(piece)
        self.doubtful.update(file)
        self.doubtful -= self.wrong

    def has_lost(self, piece: int) -> None:
        """Note that it has ``piece`` no more, as it says: when it says that it has, it is another one."""
        self.wrong.discard(piece)
        self._excused.discard(piece)

    def begin_anew(self) -> None:
        """Note that the other program was started again and may have looked at its files; what it cost us stays."""
        self.wrong.clear()
        self.doubtful.clear()
        self._excused.clear()
