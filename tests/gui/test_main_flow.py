"""The main job in the window: a real tracker and real peers in other processes, operated as by a person."""

from __future__ import annotations

import random
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from gui.keyboard import click, press, type_into, until
from gui.real_window import click_row, colours_of, opened, rgb, transfer, words_in
from integration.group import PASSWORD, Group, same

from swarmshare.gui.dialogs.removing import RemovingDialog
from swarmshare.gui.dialogs.share import ShareDialog
from swarmshare.gui.theme import palette
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmshare.gui.dialogs.dialog import Dialog
    from swarmshare.gui.window import MainWindow

pytestmark = pytest.mark.unmeasured


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    with ExitStack() as stack:
        yield Group(tmp_path, stack)


def content(folder: Path, name: str, size: int) -> Path:
    root = folder / name
    (root / "sub").mkdir(parents=True)
    rng = random.Random(name)
    (root / "film.bin").write_bytes(rng.randbytes(size))
    (root / "sub" / "photo.jpg").write_bytes(rng.randbytes(70_000))
    return root


def dialog(window: MainWindow, kind: type[Dialog]) -> Dialog:
    until(window.root, lambda: any(isinstance(child, kind) for child in window.root.winfo_children()), kind.__name__)
    return next(child for child in window.root.winfo_children() if isinstance(child, kind))


def register(window: MainWindow, group: Group, home: Path, user: str) -> None:
    """Through the welcome page."""
    page = window.welcome
    assert page is not None
    type_into(page.tracker, group.address)
    for entry, text in (
        (page.user, user), (page.password, PASSWORD), (page.again, PASSWORD), (page.folder.entry, str(home / "there")),
    ):  # fmt: skip
        type_into(entry, text)
    click(page.enter)
    until(window.root, lambda: window.welcome is None, "signed in")


def test_share_and_download(group: Group, tmp_path: Path, display: str) -> None:
    ben = group.machine("ben")  # the organiser, with a home of his own
    home = tmp_path / "ana"
    with opened(home) as window:
        root = window.root
        register(window, group, home, "ana")

        click(window.toolbar.buttons["share"])
        share = dialog(window, ShareDialog)
        assert isinstance(share, ShareDialog)
        holiday = content(tmp_path, "Holiday", 3_000_000)
        type_into(share.what.entry, str(holiday))
        press(share.what.entry, "Return")
        until(root, lambda: (found := transfer(window, "Holiday")) and found.state is TorrentState.SEEDING, "seeding")
        until(root, lambda: "Holiday" in words_in(window.catalogue.table.body), "in the catalogue")

        (entry,) = (event for event in ben.run("list") if event["event"] == "entry")
        assert (entry["name"], entry["publisher"]) == ("Holiday", "ana")
        window.turn_to("all")
        click_row(window, window.transfers.table, "Holiday")
        until(root, lambda: "only on this computer" in str(window.transfers.details.pieces.light.cget("text")))
        red = rgb(palette().held[0])
        until(root, lambda: colours_of(window.transfers.details.pieces.map, display).get(red, 0) > 1000, "a red map")
        leech = ben.start("download", entry["info_hash"], "--to", ben.folder / "there", "--seed-after")
        leech.wait_for("complete")
        assert same(holiday, ben.folder / "there" / "Holiday")
        until(root, lambda: (found := transfer(window, "Holiday")) and found.copies == 1, "a copy elsewhere")
        until(root, lambda: red not in colours_of(window.transfers.details.pieces.map, display), "no red any more")

        film = content(tmp_path, "Film", 12_000_000)
        seed = ben.start("publish", film, "--seed", "--limit-up", "3MiB")
        window.turn_to("catalogue")
        click_row(window, window.catalogue.table, "Film", twice=True)  # it came by itself
        until(root, lambda: transfer(window, "Film"), "downloading")
        window.turn_to("downloading")
        click_row(window, window.transfers.table, "Film")
        blue = rgb(palette().held[1])
        piece_map = window.transfers.details.pieces.map
        until(root, lambda: colours_of(piece_map, display).get(blue, 0) > 500, "some of the map is blue")
        until(root, lambda: colours_of(piece_map, display).get(blue, 0) > 2000, "more of it is")

        click(window.toolbar.buttons["pause"])
        until(root, lambda: (found := transfer(window, "Film")) and found.state is TorrentState.PAUSED, "paused")
        paused = transfer(window, "Film")
        assert paused is not None
        assert 0 < paused.bytes_done < paused.bytes_total
        window.turn_to("all")
        click_row(window, window.transfers.table, "Film")
        press(window.transfers.table.body, "Control-r")
        until(root, lambda: (found := transfer(window, "Film")) and found.state is TorrentState.SEEDING, "complete")
        assert same(film, home / "there" / "Film")
        until(root, lambda: "100%" in words_in(window.transfers.table.body), "100%")

        press(window.transfers.table.body, "Delete")
        removing = dialog(window, RemovingDialog)
        assert isinstance(removing, RemovingDialog)
        click(removing.files)
        click(removing.remove)
        until(root, lambda: transfer(window, "Film") is None, "removed")
        until(root, lambda: not (home / "there" / "Film").exists(), "its files, too")
        assert film.exists()
        assert window.banners.texts == ["Holiday is shared"] or not window.banners.texts
        seed.stop()
        leech.stop()

    with opened(home) as window:  # the next start goes straight in, and on
        until(window.root, lambda: (found := transfer(window, "Holiday")) and found.state is TorrentState.SEEDING)
        assert window.welcome is None
        assert window.snapshot is not None
        assert window.snapshot.person is not None
        assert window.snapshot.person.user == "ana"
