"""What ``bench gui`` measures, each in a process of its own: windows, piece maps, tables, and downloads below them."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Final

from swarmshare.app.snapshot import TransferSnapshot
from swarmshare.app.thread import SessionThread
from swarmshare.bench.children import tell
from swarmshare.gui.details.piece_map import PieceMap
from swarmshare.gui.preferences import Preferences
from swarmshare.gui.table.table import Table
from swarmshare.gui.theme import open_root
from swarmshare.gui.viewmodel.lists import transfer_columns
from swarmshare.gui.window import MainWindow
from swarmshare.manifest.manifest import FileEntry, InfoHash, Manifest
from swarmshare.schema.snapshot import PeerSnapshot, TorrentSnapshot, TorrentState

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Callable
    from concurrent.futures import Future

    from swarmshare.app.snapshot import ClientSnapshot

REPEATS: Final = 40
"""Of what is timed within one process."""
BEAT: Final = 5
"""Milliseconds between looks at whether Tk's loop is late."""
FEW: Final = 1000
"""Rows that change at once, of a longer table."""


def _start() -> None:
    window = MainWindow(SessionThread(), Preferences())
    window.poller.start()
    while window.snapshot is None or not window.root.winfo_viewable():
        window.root.update()
        sleep(0.001)
    window.root.update()
    tell(usable=True)
    sys.stdin.read()


def _seconds(work: Callable[[], object], root: tkinter.Tk) -> float:
    root.update()
    begin = perf_counter()
    work()
    root.update()
    return perf_counter() - begin


def _map(count: str) -> None:
    root = _root()
    shown = PieceMap(root)
    shown.pack(fill="both", expand=True)
    root.update()
    snapshots = [_torrent(int(count), random.Random(number)) for number in range(REPEATS)]
    for snapshot in snapshots[:2]:
        _seconds(lambda snapshot=snapshot: shown.show(snapshot), root)  # type: ignore[misc]
    tell(redraw=[_seconds(lambda snapshot=snapshot: shown.show(snapshot), root) for snapshot in snapshots[2:]])  # type: ignore[misc]


def _torrent(pieces: int, rng: random.Random) -> TorrentSnapshot:
    """Return a download in full swing, as far as a map shows it."""
    length = 2**20
    manifest = Manifest(
        info=b"", outside={}, info_hash=InfoHash(bytes(32)), info_hash_v1=None, name="content", in_folder=False,
        declared_name="content", piece_length=length, files=(FileEntry(("content",), pieces * length),),
        piece_layers={}, missing_layers=frozenset(), private=False, trackers=(), web_seeds=(), comment="",
        created_by="", creation_date=None,
    )  # fmt: skip
    states = bytes(rng.choices(range(4), (40, 1, 1, 58), k=pieces))
    peers = tuple(
        PeerSnapshot(
            f"10.0.0.{number}:1", "", "", pieces // 2, 0.0, 0.0, 0, 0, False, True, rng.randbytes(-(-pieces // 8))
        )
        for number in range(20)
    )
    return TorrentSnapshot(
        manifest=manifest, state=TorrentState.DOWNLOADING, error="", checked=1.0, bytes_total=pieces * length,
        bytes_done=0, files_done=(0,), skipped=frozenset(), pieces_done=0, rate_down=0.0, rate_up=0.0, downloaded=0,
        uploaded=0, peers=peers, piece_states=states, availability=bytes(rng.choices(range(5), k=pieces)), seeds=0,
        members=(), tracker_problem="",
    )  # fmt: skip


def _table(count: str) -> None:
    root, rng = _root(), random.Random(0)
    preferences = Preferences(Path("/nonexistent/window.json"))
    table: Table[TransferSnapshot] = Table(
        root, "bench", transfer_columns(), lambda row: row.info_hash, preferences, sort="name"
    )
    table.pack(fill="both", expand=True)
    root.update()
    measured: dict[str, list[float]] = {"fill": [], "update": [], "sort": [], "scroll": []}
    for _ in range(REPEATS // 4):
        rows = [_transfer(number, rng) for number in range(int(count))]
        _seconds(lambda: table.show(()), root)
        measured["fill"].append(_seconds(lambda rows=rows: table.show(rows), root))  # type: ignore[misc]
        rows = [_transfer(number, rng) if number < FEW else row for number, row in enumerate(rows)]
        measured["update"].append(_seconds(lambda rows=rows: table.show(rows), root))  # type: ignore[misc]
        measured["sort"].append(_seconds(lambda: _click(table), root))
        measured["scroll"].append(_seconds(lambda: table.body.yview_scroll(1, "pages"), root))
    tell(**measured)


def _click(table: Table[TransferSnapshot]) -> None:
    x = (table.rows.edges[0] + table.rows.edges[1]) // 2  # the size
    table.header.event_generate("<ButtonPress-1>", x=x, y=5)
    table.header.event_generate("<ButtonRelease-1>", x=x, y=5)


def _transfer(number: int, rng: random.Random) -> TransferSnapshot:
    total = rng.randrange(1, 10**10)
    return TransferSnapshot(
        info_hash=f"{number:064x}", name=f"transfer {rng.random()}", folder=Path("/"), problem="", no_peers="",
        bytes_total=total, state=TorrentState.DOWNLOADING, bytes_done=rng.randrange(total), checked=1.0,
        rate_down=rng.random() * 1e7, rate_up=rng.random() * 1e7, downloaded=total, uploaded=total, peers=3, seeds=1,
        copies=1, only_here=0, eta=rng.random() * 1e4, added_at=0, shared=False, sequential=False, limit_up=None,
        limit_down=None, announced_only=0, unserved=False,
    )  # fmt: skip


def _root() -> tkinter.Tk:
    root = open_root(Preferences(Path("/nonexistent/window.json")), "bench")
    root.geometry("1000x400")
    root.deiconify()
    root.update()
    return root


# ------------------------------------------------------------------ downloads


class _Clock:
    """The seconds from the first block to the last verified piece, as the snapshots show them."""

    def __init__(self) -> None:
        self._begin = 0.0
        self.seconds = 0.0

    def see(self, snapshot: ClientSnapshot | None) -> None:
        """Look at the newest snapshot for the first block and the last piece."""
        for transfer in snapshot.transfers if snapshot is not None else ():
            if transfer.downloaded and not self._begin:
                self._begin = perf_counter()
            if transfer.state is TorrentState.SEEDING and not self.seconds:
                self.seconds = perf_counter() - self._begin


def _command(thread: SessionThread, torrent: str, folder: str) -> Future[str]:
    return thread.submit(lambda session: session.open_manifest, Path(torrent).read_bytes(), Path(folder))


def _headless(torrent: str, folder: str) -> None:
    thread, clock = SessionThread(), _Clock()
    _command(thread, torrent, folder).result()
    while not clock.seconds:
        clock.see(thread.snapshot)
        sleep(0.01)
    tell(seconds=clock.seconds, stalls=[])
    thread.close()
    thread.closed.wait()


def _window(torrent: str, folder: str) -> None:
    thread, clock, stalls = SessionThread(), _Clock(), list[float]()
    window = MainWindow(thread, Preferences())
    window.poller.start()
    window.turn_to("all")
    _command(thread, torrent, folder)

    def beat(due: float) -> None:
        now = perf_counter()
        stalls.append(max(now - due, 0.0))
        clock.see(thread.snapshot)
        if clock.seconds and len(stalls) > 1:  # what took no time says nothing about stalls, but is no error
            window.root.quit()
        else:
            window.root.after(BEAT, beat, now + BEAT / 1000)

    while thread.snapshot is None or not thread.snapshot.transfers:
        window.root.update()
    window.root.after(BEAT, beat, perf_counter() + BEAT / 1000)
    window.root.mainloop()
    tell(seconds=clock.seconds, stalls=stalls)
    window.poller.stop()
    thread.close()
    thread.closed.wait()


CHILDREN: Final[dict[str, Callable[..., None]]] = {
    "start": _start,
    "map": _map,
    "table": _table,
    "headless": _headless,
    "window": _window,
}

if __name__ == "__main__":
    CHILDREN[sys.argv[1]](*sys.argv[2:])
