"""``bench gui``: how soon the window is there, how quickly it redraws, and whether it ever keeps anybody waiting.

Each measurement is a process of its own (``bench/windows.py``), on a screen that nobody sees when Xvfb is there.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import quantiles
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING, Final

from swarmshare.bench.children import answer, start
from swarmshare.bench.contest import BenchError, Spread, in_turns
from swarmshare.manifest.bencoding import encode
from swarmshare.manifest.build import Description
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MODULE: Final = "swarmshare.bench.windows"
SEED: Final = "swarmshare.bench.transfer"
PIECE_LENGTH: Final = 2**20
SCREEN: Final = "1280x800x24"
TABLE_STEPS: Final = ("fill", "update", "sort", "scroll")


@dataclass(frozen=True, slots=True)
class Download:
    """One download, measured with a window or without."""

    seconds: float
    """From the first block to the last verified piece."""
    stalls: Sequence[float]
    """How late Tk's loop was each time it was looked at, in seconds; empty without a window."""


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """All that was measured of the window, in seconds."""

    start: Spread
    """From the start of the process to a window that shows its first content and takes input."""
    redraw: dict[int, Spread]
    """Of one redraw of the piece map, by the number of pieces."""
    tables: dict[int, dict[str, Spread]]
    """Of each of :data:`TABLE_STEPS`, by the number of rows."""
    window: list[Download]
    headless: list[Download]

    @property
    def stalls(self) -> tuple[float, float, float]:
        """How late Tk's loop was while it downloaded, in seconds: median, 99th percentile, greatest."""
        late = [stall for download in self.window for stall in download.stalls]
        cuts = quantiles(late, n=100, method="inclusive")
        return cuts[49], cuts[98], max(late)


def bench_gui(pieces: Sequence[int], rows: Sequence[int], length: int, *, starts: int, downloads: int) -> WindowFigures:
    """Measure on an empty machine: every window has a home of its own. ``length``: bytes of each download."""
    with _screen() as environment, tempfile.TemporaryDirectory(prefix="swarmshare-bench-") as folder:
        saved = [_start(environment, Path(folder, f"start-{number}")) for number in range(starts + 1)][1:]
        redraw = {count: _seconds(environment, "map", count)["redraw"] for count in pieces}
        tables = {count: _seconds(environment, "table", count) for count in rows}
        window, headless = _downloads(environment, Path(folder), length, downloads)
        return WindowFigures(Spread.of(saved), redraw, tables, window, headless)


@contextmanager
def _screen() -> Iterator[dict[str, str]]:
    """Give the environment of a child that opens a window."""
    program = shutil.which("Xvfb")
    if program is None:
        if not os.environ.get("DISPLAY"):
            raise BenchError(Text("cli.bench-no-screen"), hint=Text("hint.xvfb"))
        yield dict(os.environ)
        return
    read, write = os.pipe()
    command = [program, "-displayfd", str(write), "-screen", "0", SCREEN, "-nolisten", "tcp", "-dpi", "96"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as screen:
        os.close(write)
        with os.fdopen(read) as ready:
            number = ready.readline().strip()
        try:
            if not number:
                raise BenchError(Text("cli.bench-xvfb"))
            yield {**os.environ, "DISPLAY": f":{number}"}
        finally:
            screen.terminate()


def _start(environment: dict[str, str], home: Path) -> float:
    with ExitStack() as stack:
        begin = perf_counter()
        child = start(stack, MODULE, "start", environment={**environment, "SWARMSHARE_HOME": str(home)})
        answer(child)
        return perf_counter() - begin


def _seconds(environment: dict[str, str], name: str, count: int) -> dict[str, Spread]:
    with ExitStack() as stack:
        measured = answer(start(stack, MODULE, name, count, environment=environment))
    return {step: Spread.of(seconds) for step, seconds in measured.items()}


def _downloads(
    environment: dict[str, str], folder: Path, length: int, count: int
) -> tuple[list[Download], list[Download]]:
    """With a window and without, in turn, ``count`` times after one more."""
    source = folder / "source"
    source.mkdir()
    with open(source / "content.bin", "wb") as stream:
        for _ in range(length // PIECE_LENGTH):
            stream.write(secrets.token_bytes(PIECE_LENGTH))
    with ExitStack() as stack:
        tracker = stack.enter_context(_tracker())
        about = Description(trackers=((f"http://127.0.0.1:{tracker.server_port}/announce",),))
        manifest = create_manifest(make_plan(source / "content.bin"), about, piece_length=PIECE_LENGTH)
        torrent = folder / "content.torrent"
        torrent.write_bytes(manifest.encode())
        tracker.peer = int(answer(start(stack, SEED, "swarmshare-seed", torrent, source))["port"])

        def download(side: str) -> Download:
            home, target = Path(tempfile.mkdtemp(dir=folder)), folder / "target"
            with ExitStack() as own:
                there = {**environment, "SWARMSHARE_HOME": str(home)}
                measured = answer(start(own, MODULE, side, torrent, target, environment=there))
            shutil.rmtree(target)
            return Download(measured["seconds"], measured["stalls"])

        sides = in_turns(("window", "headless"), download, count)
    return sides["window"], sides["headless"]


class _OnePeerTracker(ThreadingHTTPServer):
    """Tells everybody of one peer."""

    peer = 0
    daemon_threads = True


class _Announce(BaseHTTPRequestHandler):
    server: _OnePeerTracker

    def do_GET(self) -> None:
        compact = bytes((127, 0, 0, 1)) + self.server.peer.to_bytes(2, "big")
        body = encode({b"interval": 60, b"peers": compact})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: there is nothing to be said."""


@contextmanager
def _tracker() -> Iterator[_OnePeerTracker]:
    with _OnePeerTracker(("127.0.0.1", 0), _Announce) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
