"""Names of many scripts in the window: in its tables, its tabs, its dialogs and its sentences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.snapshots import MIB, half_way, manifest_of
from gui.hand_made import entry, snapshot, transfer
from gui.keyboard import click, settle, texts
from gui.real_window import words_in
from gui.shells import PERSON, WrittenShell
from gui.shells import snapshot as client_snapshot
from gui.windows import window_over
from integration.names import NAMES

from swarmshare.app.facts import JobFailed, Problem, Published, Shared, ShareOptions
from swarmshare.app.snapshot import JobSnapshot
from swarmshare.gui.dialogs.removing import ask_to_remove
from swarmshare.gui.dialogs.share import open_share_dialog
from swarmshare.schema.alerts import TorrentComplete, TorrentWaiting

if TYPE_CHECKING:
    import ttkbootstrap

    from swarmshare.app.facts import Fact
    from swarmshare.gui.preferences import Preferences

SHORT = [name for name in NAMES if len(name) < 20]
"""Of which a column shows all."""


def test_in_tables_and_tabs(display: str, preferences: Preferences) -> None:
    shown = half_way(manifest_of({f"{NAMES[0]}/{name}": 3 * MIB for name in NAMES}, NAMES[0]), peers=0)
    one = transfer(99, info_hash=shown.manifest.info_hash.full.hex(), name=NAMES[0], added_at=2_000_000_000)
    transfers = [one, *(transfer(number, name=name, problem=name) for number, name in enumerate(NAMES, 1))]
    entries = tuple(entry(number, name=name, comment=name, publisher=name) for number, name in enumerate(NAMES, 1))
    told: list[Fact] = [
        *(Published("ab", name, name) for name in NAMES),
        *(Shared(1, "ab", name) for name in NAMES),
        *(JobFailed(1, Path("/there") / name, f"{name}: is not there") for name in NAMES),
        *(Problem(name) for name in NAMES),
        TorrentComplete(shown.manifest.info_hash.full),
        TorrentWaiting(shown.manifest.info_hash.full, "storage", NAMES[1]),
    ]
    jobs = tuple(JobSnapshot(number, Path("/there") / name, 1, 2, 1, 3.0) for number, name in enumerate(NAMES))
    session = snapshot(*transfers, looked_at=shown, catalogue=entries, jobs=jobs)
    with window_over(preferences, session) as looking:
        window = looking.window
        looking.thread.happened = list(told)
        looking.see()
        details = window.transfers.details
        for tab in details.tabs():
            details.select(tab)
            settle(window.root)
        assert window.banners.texts
        for page, table in (("all", window.transfers.table), ("catalogue", window.catalogue.table)):
            window.turn_to(page)
            for number, name in enumerate(SHORT):
                looking.see(snapshot(transfer(number, name=name), catalogue=(entry(number, name=name),)))
                assert name in words_in(table.body)


def test_in_dialogs(root: ttkbootstrap.Window, preferences: Preferences) -> None:
    shell = WrittenShell(root, preferences, client_snapshot(person=PERSON))
    for name in NAMES:
        removing = ask_to_remove(shell, [transfer(1, name=name)])
        assert removing is not None
        assert f"Remove {name}?" in texts(removing)
        removing.destroy()
        share = open_share_dialog(shell, Path("/srv") / name)
        share.comment.insert(0, name)
        click(share.accept)
        assert shell.last().args == (ShareOptions(Path("/srv") / name, comment=name),)
        share.destroy()
