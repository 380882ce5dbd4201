"""Where a piece is on its way to us, and how much it is wanted: what the picker decides by, and everybody else shows.

| from      | to        | when                                                       | in the picker            |
|-----------|-----------|------------------------------------------------------------|--------------------------|
| MISSING   | IN_FLIGHT | a block of it is asked for                                 | ``pick...``              |
| MISSING   | HELD      | a check found it on the disk                               | ``verified``             |
| IN_FLIGHT | VERIFYING | its last block came                                        | ``received``             |
| VERIFYING | HELD      | its hash is right, and it is written                       | ``verified``             |
| VERIFYING | MISSING   | its hash is wrong                                          | ``failed``               |
| HELD      | MISSING   | its file was changed or removed                            | ``lost``                 |

A piece whose requests all came back unanswered stays IN_FLIGHT, with every block free.
"""

from __future__ import annotations

from enum import IntEnum


class PieceState(IntEnum):
    """Where a piece is on its way to us; it is in exactly one state. As a byte of ``TorrentSnapshot.piece_states``."""

    MISSING = 0
    """No block of it is asked for or here."""
    IN_FLIGHT = 1
    """It was started: some of its blocks are asked for or here, but not all are here."""
    VERIFYING = 2
    """All blocks are here; whether they are right is not known yet."""
    HELD = 3
    """It is verified, and on the disk."""


class Priority(IntEnum):
    """How much the user wants a piece, or a file."""

    SKIP = 0
    """Not at all: nothing of it is asked for."""
    NORMAL = 1
    HIGH = 2
    """Before all that is NORMAL."""
