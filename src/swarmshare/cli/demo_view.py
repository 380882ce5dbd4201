"""What ``swarmshare demo`` shows: titles, commands, what they say, and how far each machine has come."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from rich.console import Group
from rich.live import Live
from rich.text import Text

from swarmshare.cli.display import live_console
from swarmshare.cli.render import PLAIN_INTERVAL
from swarmshare.cli.terminal_text import Cell, bar, row
from swarmshare.cli.torrent_text import percent, rate, share
from swarmshare.common.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmshare.cli.render import Output

WIDTH: Final = 110
"""Cells beyond which an eye loses the row between its columns."""
_NAME, _PERCENT, _PIECES, _RATE = 4, 4, 13, 16
_LEAST_BAR: Final = 8


@dataclass
class MachineStats:
    """How far a machine has come, by what it told last."""

    name: str
    pieces_done: int = 0
    pieces_total: int = 0
    uploaded: int = 0
    downloaded: int = 0
    rate_up: int = 0
    rate_down: int = 0
    copies_elsewhere: int = 0
    """How many other machines hold each piece."""
    here: bool = True
    """Whether it takes part at present."""
    told: int = field(default=0, repr=False)
    """How many times it told."""

    def update(self, progress: dict[str, Any]) -> None:
        """Take over the figures of a ``progress`` event of that machine."""
        for name in ("pieces_done", "pieces_total", "uploaded", "downloaded", "rate_up", "rate_down"):
            setattr(self, name, progress[name])
        self.copies_elsewhere = progress["copies_elsewhere"]
        self.told += 1

    @property
    def complete(self) -> bool:
        """Whether it has every piece; False while it has told nothing."""
        return 0 < self.pieces_total == self.pieces_done

    @property
    def share(self) -> float:
        """The part of all pieces that it has, from 0 to 1."""
        return share(self.pieces_done, self.pieces_total) if self.pieces_total else 0.0

    @property
    def part(self) -> str:
        """The part of all pieces that it has, in percent."""
        return percent(self.share)

    @property
    def rates(self) -> tuple[tuple[int, str], tuple[int, str]]:
        """What it receives and sends a second, and the words for it."""
        return ((self.rate_down, "down"), (self.rate_up, "up")) if self.here else ((0, "down"), (0, "up"))


def render_stats(machines: Sequence[MachineStats], width: int) -> Group:
    """Return a line for each machine, of fewer than ``width`` cells."""
    width = min(width - 1, WIDTH)
    return Group(*(_machine_line(machine, width) for machine in machines))


def _machine_line(machine: MachineStats, width: int) -> Text:
    pieces = f"{machine.pieces_done:,}/{machine.pieces_total:,}" if machine.pieces_total else ""
    down, up = (f"{rate(speed)} {way}" if speed else "" for speed, way in machine.rates)
    cells = [Cell(machine.part, _PERCENT, right=True), Cell(pieces, _PIECES, right=True)]
    cells += [Cell(down, _RATE, right=True), Cell(up if machine.here else "has left", _RATE, right=True)]
    while (room := width - _NAME - sum(2 + cell.width for cell in cells) - 4) < _LEAST_BAR and cells:
        cells.pop()
    style = "dim" if not machine.here else "green" if machine.complete else "cyan"
    text = Text("  ", no_wrap=True).append_text(row(Cell(machine.name, _NAME, "bold"))).append("  ")
    text.append_text(bar(machine.share, max(room, 0), style)).append("  ").append_text(row(*cells))
    text.truncate(max(width, 1), overflow="crop")
    return text


class DemoView:
    """Tells the story: in colour and with bars that grow on a terminal, as lines anywhere else."""

    def __init__(self, output: Output, *, as_json: bool) -> None:
        self._output, self._as_json = output, as_json
        self._console = None if as_json else live_console()
        self._live: Live | None = None
        self._next_line = 0.0

    def step(self, title: str) -> None:
        """Print the ``title`` of the next step, after an empty line."""
        self._output.event("step", title=title)
        self._print("")
        self._print(title, "bold")

    def command(self, machine: str, arguments: Sequence[str]) -> None:
        """Show a command, as one would type it on that machine."""
        self._output.event("command", machine=machine, arguments=list(arguments))
        text = Text(f"{machine.lower()}$ ", "green").append(f"swarmshare {clean(shlex.join(arguments))}", "default")
        self._print(text)

    def say(self, text: str, style: str = "") -> None:
        """One line of what a command says, or of what it means."""
        self._print(f"  {text}", style)

    def show(self, machines: Sequence[MachineStats]) -> None:
        """Draw how far each machine has come: a frame of bars on a terminal, else a line now and then."""
        if self._console is not None:
            if self._live is None:
                # Frames are pushed: rich's own thread would draw behind our back.
                self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
                self._live.start()
            self._live.update(render_stats(machines, self._console.width), refresh=True)
        elif not self._as_json and monotonic() >= self._next_line:
            self._next_line = monotonic() + PLAIN_INTERVAL
            self._print("  " + ", ".join(f"{machine.name} {machine.part}" for machine in machines if machine.here))

    def freeze(self) -> None:
        """Leave the bars that were shown last where they are, and print below them from now on."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _print(self, text: str | Text, style: str = "") -> None:
        if self._console is None:
            self._output.line(str(text))
            sys.stdout.flush()
        else:
            text = text if isinstance(text, Text) else Text(clean(text), style)
            self._console.print(text, soft_wrap=True)
