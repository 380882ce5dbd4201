"""Everything the command line prints: text for people, one JSON object a line for programs.

With ``--json``, standard output belongs to programs, flushed line by line; people read standard error.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import IO, TYPE_CHECKING, Final

from swarmshare.common.text import clean
from swarmshare.languages import say, system_language
from swarmshare.schema.text_wire import dump_text
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmshare.errors import SwarmShareError
    from swarmshare.storage.progress import OnProgress, Progress

PLAIN_INTERVAL: Final = 2.0
"""Seconds between progress lines where there is no terminal to redraw."""

TRIED_AGAIN: Final = Text("hint.tried-again-by-itself")
"""What follows when a transfer has to wait."""
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def size(count: float) -> str:
    """Return a number of bytes for people: ``1.5 GiB``."""
    for unit in _UNITS:
        if count < 1024 or unit == _UNITS[-1]:
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "B" or count == int(count) else f"{count:.1f} {unit}"


def plural(count: int, noun: str, many: str = "") -> str:
    """``1 file``, ``2 files``; ``many`` is for nouns such as ``entry``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {many or noun + 's'}"


def duration(seconds: float) -> str:
    """Return a time span for people: ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def date(timestamp: int) -> str:
    """Seconds since 1970 as a date; the bare number when no calendar reaches it."""
    try:
        return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, OSError, ValueError):
        return str(timestamp)


def for_people(text: str) -> str:
    """Return ``text`` as one line for people, cleaned; a :class:`~swarmshare.texts.Text` in their language.

    Programs get English, and its code.
    """
    return clean(say(text, system_language()))


def number(value: int) -> str:
    """Return a number as people's language writes it: ``1,234``, or ``1.234``."""
    return say(value, system_language())


def sentence(text: str) -> str:
    """Return ``text`` as :func:`for_people`, with a full stop where it has no end: another sentence may follow."""
    words = for_people(text)
    return words if words.endswith((".", "!", "?")) else f"{words}."


class OutputError(OSError):
    """Standard output or standard error took no more."""


def _print(line: str, stream: IO[str], *, flush: bool = False) -> None:
    try:
        print(line, file=stream, flush=flush)
    except OSError as error:
        raise OutputError(*error.args) from error


class Output:
    """Where the results of a verb go: events to programs, lines to people, by ``--json``."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._people: IO[str] = sys.stderr if as_json else sys.stdout

    def event(self, event: str, **fields: object) -> None:
        """Print one JSON object for programs, with ``event`` as its kind; nothing for people."""
        if self._as_json:
            _print(json.dumps({"event": event, **fields}, ensure_ascii=True), sys.stdout, flush=True)

    def line(self, text: str = "") -> None:
        """Print one line for people, as :func:`for_people`."""
        _print(for_people(text), self._people)

    def fields(self, rows: list[tuple[str, str]]) -> None:
        """Labelled values, aligned; a row without a value is left out."""
        width = max(len(label) for label, _ in rows)
        for label, value in rows:
            if value:
                self.line(f"  {label:<{width}}  {value}")

    def error(self, error: SwarmShareError) -> None:
        """Say what failed, in one line on standard error, and as an event."""
        self.event("error", code=error.code, message=clean(str(error)), text=dump_text(error.message))
        self.complaint(error.advice)

    def complaint(self, text: str) -> None:
        """One line on standard error, as :func:`for_people`: what goes with exit status 1."""
        _print(f"swarmshare: {for_people(text)}", sys.stderr)

    @contextmanager
    def progress(self, label: str) -> Iterator[OnProgress]:
        """Give a callback that shows how far ``label`` has come: a bar on a terminal, else a line now and then."""
        if self._as_json:
            yield self._progress_event
        elif not sys.stderr.isatty():
            yield _PlainProgress(label)
        else:
            # Half of what a verb takes to start, where most never draw a bar.
            from rich.console import Console
            from rich.progress import BarColumn, TaskProgressColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn(label),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[detail]}", markup=False),
            )
            with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
                task = bar.add_task(label, total=None, detail="")

                def show(progress: Progress) -> None:
                    bar.update(
                        task,
                        total=progress.bytes_total,
                        completed=progress.bytes_done,
                        detail=_describe(progress),
                    )

                yield show

    def _progress_event(self, progress: Progress) -> None:
        eta = progress.eta
        self.event(
            "progress",
            bytes_done=progress.bytes_done,
            bytes_total=progress.bytes_total,
            files_done=progress.files_done,
            files_total=progress.files_total,
            rate=round(progress.rate),
            eta=None if eta is None else round(eta, 1),
        )


class _PlainProgress:
    """Progress as lines, for logs."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._last = monotonic()

    def __call__(self, progress: Progress) -> None:
        if monotonic() - self._last >= PLAIN_INTERVAL:
            self._last = monotonic()
            print(f"{self._label}: {_describe(progress)}", file=sys.stderr, flush=True)


def _describe(progress: Progress) -> str:
    text = f"{size(progress.bytes_done)} of {size(progress.bytes_total)}"
    if progress.files_total > 1:
        text += f", {progress.files_done:,} of {progress.files_total:,} files"
    text += f", {size(progress.rate)}/s"
    return text if progress.eta is None else f"{text}, {duration(progress.eta)} left"
