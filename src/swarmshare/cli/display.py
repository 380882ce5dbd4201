"""Two displays of a running engine, for people: a live one on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
from collections import deque
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

from rich.console import Console
from rich.live import Live
from rich.text import Text

from swarmshare.cli.live_view import render_end, render_engine
from swarmshare.cli.render import PLAIN_INTERVAL, Output, OutputError, for_people
from swarmshare.cli.torrent_text import plain_line
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from swarmshare.schema.snapshot import EngineSnapshot

FRAME: Final = 0.25
"""Seconds between two frames of the live display."""
SEEDING_INTERVAL: Final = 60.0
"""Seconds between lines about a torrent that only serves, which may be for weeks."""
MAX_LINES: Final = 1000
"""Lines that wait for the next frame; the oldest go first. A peer can cause one by being banned, and no more."""


class Display(Protocol):
    """Where people read how a running engine gets on. Only :meth:`say` and :meth:`note` never wait for the terminal."""

    every: float
    """Seconds between two calls of :meth:`show`."""

    def say(self, text: str) -> None:
        """Tell what matters, once; it stays to be read."""

    def note(self, text: str) -> None:
        """Tell what only a log is interested in."""

    def show(self, snapshot: EngineSnapshot) -> None:
        """Tell how far each torrent of ``snapshot`` has come, in place of what was shown before."""

    def end(self, snapshot: EngineSnapshot) -> None:
        """Tell how far each torrent came, for the last time."""


def display_for(output: Output, *, as_json: bool) -> Display:
    """Return the live display, if standard output is a terminal that shows it, not for programs; else plain lines."""
    console = None if as_json else live_console()
    return LogDisplay(output) if console is None else LiveDisplay(console)


def live_console() -> Console | None:
    """Return standard output, if it is a terminal that can show a live display."""
    if not sys.stdout.isatty():
        return None
    console = Console(file=sys.stdout, highlight=False)
    return None if console.is_dumb_terminal or console.options.ascii_only else console


class LogDisplay:
    """Plain lines, each torrent now and then, and only when there is news of it."""

    every = PLAIN_INTERVAL

    def __init__(self, output: Output, clock: Callable[[], float] = monotonic) -> None:
        self._output, self._clock = output, clock
        self._last: dict[bytes, tuple[str, float]] = {}
        """By info hash: the last line, and when the next one may come."""

    def say(self, text: str) -> None:
        """Print it, at once: whoever follows a log waits for it."""
        self._output.line(text)
        with _output_errors():
            sys.stdout.flush()

    note = say

    def show(self, snapshot: EngineSnapshot) -> None:
        """Print a line for each torrent that has changed, and is due for one."""
        for torrent in snapshot.torrents:
            text, key, now = plain_line(torrent), torrent.manifest.info_hash.full, self._clock()
            last, due = self._last.get(key, ("", now))
            if text != last and now >= due:
                self._last[key] = text, now + (SEEDING_INTERVAL if torrent.state is TorrentState.SEEDING else 0.0)
                self.say(text)

    def end(self, snapshot: EngineSnapshot) -> None:
        """Print a last line for each torrent that is not complete; of the rest it was said when they became so."""
        for torrent in snapshot.torrents:
            if torrent.state is not TorrentState.SEEDING:
                self.say(plain_line(torrent))


class LiveDisplay:
    """The live display, at the bottom of a terminal; what is said scrolls away above it and stays."""

    every = FRAME

    def __init__(self, console: Console) -> None:
        self._console = console
        # Frames are pushed: rich's own thread would draw behind our back.
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        self._lines: deque[str] = deque(maxlen=MAX_LINES)

    def say(self, text: str) -> None:
        """Print ``text`` above the display, with the next frame."""
        self._lines.append(for_people(text))

    def note(self, text: str) -> None:
        """Do nothing: such details are in the display."""

    def show(self, snapshot: EngineSnapshot) -> None:
        """Draw the next frame, after the lines that wait for it."""
        with _output_errors():
            self._live.start()
            self._flush()
            width, height = self._console.size
            self._live.update(render_engine(snapshot, width, height - 1), refresh=True)

    def end(self, snapshot: EngineSnapshot) -> None:
        """Leave the terminal as it was, and below what was said how it ended."""
        with _output_errors():
            self._live.start()
            try:
                self._flush()
                self._live.update(render_end(snapshot, self._console.width))
            finally:
                self._live.stop()

    def _flush(self) -> None:
        if self._lines:
            # Long lines are the terminal's to wrap: so they can be copied whole.
            self._console.print(Text("\n".join(self._lines)), soft_wrap=True)
            self._lines.clear()


@contextmanager
def _output_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(*error.args) from error
