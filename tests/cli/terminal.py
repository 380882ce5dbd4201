"""A terminal to run a command in: a pseudo-terminal, and what would be on its screen."""

from __future__ import annotations

import codecs
import os
import pty
import re
import select
import subprocess
import sys
import termios
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

from waiting import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_CODE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])|\x1b(?!\[)|([\x00-\x1f\x7f])|([^\x00-\x1f\x7f\x1b]+)")
_MAIN = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # Ctrl-C is for whom the terminal belongs to
from swarmshare.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


class Screen:
    """The screen after some output, for one that knows what a display uses: moving, erasing, colours, scrolling."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.scrolled: list[str] = []
        """What left the screen at the top."""
        self.cursor_visible = True
        self.colours: set[str] = set()
        """The parameters of all SGR sequences."""
        self._lines = [[" "] * columns for _ in range(rows)]
        self._row = self._column = 0

    @property
    def lines(self) -> list[str]:
        return ["".join(line).rstrip() for line in self._lines]

    def feed(self, text: str) -> None:
        position = 0
        for match in _CODE.finditer(text):
            assert match.start() == position, text[position : match.start()]
            position = match.end()
            private, numbers, letter, control, plain = match.groups()
            if plain:
                for character in plain:
                    self._put(character)
            elif letter:
                self._sequence(private, numbers, letter)
            elif control == "\r":
                self._column = 0
            elif control == "\n":
                self._line_feed()
            else:
                raise AssertionError(f"{match.group()!r} has no business on a terminal")
        assert position == len(text), text[position:]

    def _put(self, character: str) -> None:
        if self._column == self.columns:
            self._column = 0
            self._line_feed()
        self._lines[self._row][self._column] = character
        self._column += 1

    def _line_feed(self) -> None:
        self._row += 1
        if self._row == self.rows:
            self._row -= 1
            self.scrolled.append("".join(self._lines.pop(0)).rstrip())
            self._lines.append([" "] * self.columns)

    def _sequence(self, private: str, numbers: str, letter: str) -> None:
        match private, letter:
            case "", "m":
                self.colours |= set(numbers.split(";"))
            case "", "A":
                self._row = max(0, self._row - int(numbers or 1))
            case "", "K":
                assert numbers == "2"
                self._lines[self._row] = [" "] * self.columns
            case "?", "h" | "l":
                assert numbers == "25"
                self.cursor_visible = letter == "h"
            case _:
                raise AssertionError(f"unknown: {private}{numbers}{letter}")


class Terminal:
    """A ``swarmshare`` command that runs in a terminal of its own."""

    def __init__(self, process: subprocess.Popen[bytes], controller: int, screen: Screen) -> None:
        self.process, self.screen = process, screen
        self.raw = ""
        self._controller = controller
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._rest = ""

    def until(self, condition: Callable[[Screen], Any]) -> None:
        """Read on until the screen is as it should be."""
        deadline = monotonic() + TIMEOUT
        while not condition(self.screen):
            assert monotonic() < deadline, "\n".join(self.screen.lines)
            assert self._read(), "\n".join(self.screen.lines)

    def type(self, keys: bytes) -> None:
        os.write(self._controller, keys)

    def wait(self) -> int:
        """Read to the end; the exit status."""
        while self._read():
            pass
        return self.process.wait(TIMEOUT)

    def _read(self) -> bool:
        assert select.select([self._controller], [], [], TIMEOUT)[0], "nothing came any more"
        try:
            data = os.read(self._controller, 2**16)
        except OSError:  # Linux: everybody at the other end is gone
            return False
        # A read may end inside of a character or an escape sequence: that waits for its other half.
        text = self._rest + self._decode(data)
        whole = re.sub(r"\x1b(\[[?0-9;]*)?\Z", "", text)
        self._rest = text[len(whole) :]
        self.raw += whole
        self.screen.feed(whole)
        return bool(data)


@contextmanager
def terminal(
    folder: Path,
    *arguments: object,
    columns: int = 80,
    rows: int = 24,
    environment: Mapping[str, str] | None = None,
    command: Sequence[str] = (sys.executable, "-c", _MAIN),
) -> Iterator[Terminal]:
    """Run ``swarmshare`` with these arguments, in colour unless ``environment`` says otherwise; killed at the end.

    Another ``command`` gets them instead.
    """
    controller, end = pty.openpty()
    termios.tcsetwinsize(end, (rows, columns))
    settings = termios.tcgetattr(end)
    settings[3] |= termios.NOFLSH  # Ctrl-C would throw away what we have not read yet
    termios.tcsetattr(end, termios.TCSANOW, settings)
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "LINES"}}
    process = subprocess.Popen(
        [*command, *map(str, arguments)],
        cwd=folder, stdin=end, stdout=end, stderr=end, start_new_session=True,
        env={**kept, "TERM": "xterm", "SWARMSHARE_HOME": str(folder / "home"), **(environment or {})},
    )  # fmt: skip
    os.close(end)
    try:
        yield Terminal(process, controller, Screen(columns, rows))
    finally:
        process.kill()
        process.wait(TIMEOUT)
        os.close(controller)
