"""What a terminal shows of a swarm: how safe its pieces are, which are rare, and who holds which. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.text import Text

from swarmshare.cli.render import plural, size
from swarmshare.cli.terminal_text import Cell, line, row
from swarmshare.cli.torrent_text import percent, rate
from swarmshare.common.bitfield import Bitfield
from swarmshare.common.bits import all_bits

if TYPE_CHECKING:
    from swarmshare.swarm.stalls import StallDetector
    from swarmshare.tracker_client.api import Entry, Member, Swarm

MAX_RAREST: Final = 8
"""Pieces that are named."""
FOOTER: Final = "Ctrl-C ends this view, and nothing else."
_LEVELS: Final = (("x", "bold red"), ("\u2591", "red"), ("\u2592", "yellow"), ("\u2588", "green"))
"""How a run of pieces looks of which the rarest is on no machine, on one, on two, on three or more."""
_WORDS: Final = ("nobody has it", "on 1 machine", "on 2", "on 3 or more")
_STRIP: Final = (("\u2591", "dim"), ("\u2584", "cyan"), ("\u2588", "green"))
"""A run of pieces of which a member holds none, some, all."""


def render_swarm(
    entry: Entry, swarm: Swarm, safety: str, stalls: StallDetector, now: float, size_of: tuple[int, int]
) -> Group:
    """Return a swarm in at most ``size_of`` (columns, lines). ``safety`` says how safe its content is."""
    width, height = max(size_of[0] - 1, 1), max(size_of[1] - 1, 1)
    there = f"{plural(swarm.seeds, 'seed')}, {plural(swarm.leeches, 'leech', 'leeches')}"
    lines = [
        line(entry.name, width, "bold"),
        line(f"{size(entry.total_length)} by {entry.publisher}, {plural(entry.piece_count, 'piece')}; {there}", width),
        line(safety, width, "green" if swarm.copies > 1 else "yellow"),
        availability(swarm.availability, width),
        _legend(),
        line(rarest(swarm), width, "dim"),
    ]
    room = max(height - len(lines) - 1, 0)
    shown = sorted(swarm.members, key=lambda member: -member.share)[:room]
    lines += [_member(member, swarm.piece_count, stalls, now, width) for member in shown]
    if len(shown) < len(swarm.members):
        lines[-1:] = [line(f"and {len(swarm.members) - len(shown) + 1:,} more", width, "dim")]
    stalls.keep_only({_key(member) for member in swarm.members})
    return Group(*[*lines, line(FOOTER, width, "dim")][:height])


def availability(counts: bytes, width: int) -> Text:
    """On how many machines the pieces are: each character is a run of neighbours, and shows the rarest of it."""
    text = Text(no_wrap=True)
    cells = min(width, len(counts))
    for cell in range(cells):
        least = min(counts[cell * len(counts) // cells : (cell + 1) * len(counts) // cells])
        text.append(*_LEVELS[min(least, len(_LEVELS) - 1)])
    return text


def rarest(swarm: Swarm) -> str:
    """Say which pieces the fewest machines hold, and how many those are."""
    least = min(swarm.availability, default=0)
    pieces = [piece for piece, count in enumerate(swarm.availability) if count == least]
    if len(pieces) == len(swarm.availability):
        return "No piece is rarer than another."
    named = ", ".join(f"{piece:,}" for piece in pieces[:MAX_RAREST])
    more = f" and {len(pieces) - MAX_RAREST:,} more" if len(pieces) > MAX_RAREST else ""
    return f"Rarest, on {plural(least, 'machine')}: {'piece' if len(pieces) == 1 else 'pieces'} {named}{more}"


def strip(member: Member, count: int, width: int) -> Text:
    """Return what a member holds, each character a run of pieces; of one whose pieces are not known, how much."""
    text = Text(no_wrap=True)
    cells = min(width, count)
    flags = _flags(member, count)
    for cell in range(cells):
        if flags is None:
            text.append(*_STRIP[2 if cell < int(member.share * cells) else 0])
            continue
        run = flags[cell * count // cells : (cell + 1) * count // cells]
        text.append(*_STRIP[0 if 1 not in run else 1 if 0 in run else 2])
    return text


def _flags(member: Member, count: int) -> bytes | None:
    """One byte a piece; None when nobody knows."""
    bits = all_bits(count) if member.share == 1 else member.pieces
    try:
        return None if bits is None else Bitfield.from_wire(bits, count).flags()
    except ValueError:
        return None  # a tracker's word is a hint; this one is none


def _member(member: Member, count: int, stalls: StallDetector, now: float, width: int) -> Text:
    address = member.addresses[0] if member.addresses else ""
    where = f"[{address}]:{member.port}" if ":" in address else f"{address}:{member.port}"
    stuck = member.live and member.share < 1 and stalls.stuck(_key(member), member.share, now)
    rates = f"down {rate(member.rate_down)}, up {rate(member.rate_up)}" if member.live else "by announce"
    text = row(
        Cell(member.user or "somebody", 12),
        Cell(where, 21 if width > 90 else 0),
        Cell(percent(member.share), 4, right=True),
    )
    text.append("  ").append_text(strip(member, count, max(width - len(text) - 40, 8)))
    text.append(f"  {'stuck' if stuck else rates}", "bold red" if stuck else "dim")
    text.truncate(width)
    return text


def _key(member: Member) -> str:
    return f"{member.user} {member.addresses} {member.port}"


def _legend() -> Text:
    text = Text(no_wrap=True)
    for (glyph, style), word in zip(_LEVELS, _WORDS, strict=True):
        text.append("  " if text else "").append(glyph, style).append(f" {word}", "dim")
    return text
