"""What can go wrong outside, for real: each has its sentence in the window, and the window goes on."""

from __future__ import annotations

import signal
import socket
import subprocess
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from gui.keyboard import click, press, type_into, until
from gui.real_window import click_row, opened, transfer
from gui.test_main_flow import content, dialog, register
from integration.group import PASSWORD, Group, same

from swarmshare.gui.dialogs.opening import OpenDialog
from swarmshare.gui.dialogs.settings import SettingsDialog
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from integration.group import Machine

    from swarmshare.gui.window import MainWindow

pytestmark = pytest.mark.unmeasured


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    with ExitStack() as stack:
        yield Group(tmp_path, stack)


@pytest.fixture
def ben(group: Group) -> Machine:
    return group.machine("ben")


@pytest.fixture
def window(group: Group, ben: Machine, tmp_path: Path, display: str) -> Iterator[MainWindow]:
    """With ana signed in."""
    home = tmp_path / "ana"
    with opened(home) as window:
        register(window, group, home, "ana")
        yield window


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def said(window: MainWindow, words: str) -> bool:
    return any(words in text for text in window.banners.texts)


def test_a_wrong_password_then_the_right_one(group: Group, ben: Machine, tmp_path: Path, display: str) -> None:
    with opened(tmp_path / "elsewhere") as window:
        page = window.welcome
        assert page is not None
        click(page.have_account)
        for entry, text in ((page.tracker, group.address), (page.user, "ben"), (page.password, "not the one")):
            type_into(entry, text)
        press(page.password, "Return")
        until(window.root, lambda: page.complaint, "a sentence")
        assert page.complaint == "The name or the password is wrong."
        type_into(page.password, PASSWORD)
        press(page.password, "Return")
        until(window.root, lambda: window.welcome is None, "signed in")


def test_a_tracker_that_is_not_there(tmp_path: Path, display: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with opened(tmp_path / "home") as window:
        page = window.welcome
        assert page is not None
        click(page.have_account)
        for entry, text in ((page.tracker, f"127.0.0.1:{port}"), (page.user, "ben"), (page.password, PASSWORD)):
            type_into(entry, text)
        click(page.enter)
        until(window.root, lambda: page.complaint, "a sentence")
        assert page.complaint.endswith("cannot be reached: connection refused. Does it run? Is the address right?")


def test_the_tracker_is_killed_and_comes_back(window: MainWindow, group: Group, ben: Machine, tmp_path: Path) -> None:
    group.verb.stop(signal.SIGKILL)
    until(window.root, lambda: said(window, "cannot be reached"), "a sentence")
    group.verb = group.start_tracker(group.address)
    until(window.root, lambda: window.snapshot and not window.snapshot.tracker_problem, "the tracker is back")
    film = content(tmp_path, "Film", 100_000)
    seed = ben.start("publish", film, "--seed")
    click_row(window, window.catalogue.table, "Film", twice=True)
    until(
        window.root, lambda: (found := transfer(window, "Film")) and found.state is TorrentState.SEEDING, "it is here"
    )
    seed.stop()


def test_a_peer_is_pulled_out_and_comes_back(window: MainWindow, ben: Machine, tmp_path: Path) -> None:
    film = content(tmp_path, "Film", 6_000_000)
    seed = ben.start("publish", film, "--seed", "--limit-up", "1MiB")
    click_row(window, window.catalogue.table, "Film", twice=True)
    until(window.root, lambda: (found := transfer(window, "Film")) and found.bytes_done > 100_000, "something is here")
    seed.stop(signal.SIGKILL)
    until(window.root, lambda: (found := transfer(window, "Film")) and not found.peers, "the peer is gone")
    window.turn_to("all")
    click_row(window, window.transfers.table, "Film")
    window.transfers.details.select(1)
    ben.start("publish", film, "--seed")
    until(
        window.root, lambda: (found := transfer(window, "Film")) and found.state is TorrentState.SEEDING, "it is here"
    )
    assert same(film, tmp_path / "ana" / "there" / "Film")


def test_the_disk_is_full_until_there_is_room(window: MainWindow, ben: Machine, tmp_path: Path) -> None:
    film = content(tmp_path, "Film", 3_000_000)
    ben.start("publish", film, "--seed")
    with small_disk(tmp_path / "disk", "4m") as disk:
        (disk / "junk").write_bytes(bytes(3_000_000))
        press(window.root, "Control-comma")
        settings = dialog(window, SettingsDialog)
        assert isinstance(settings, SettingsDialog)
        type_into(settings.folder.entry, str(disk / "there"))
        click(settings.accept)
        until(window.root, lambda: not settings.winfo_exists(), "saved")
        click_row(window, window.catalogue.table, "Film", twice=True)
        until(window.root, lambda: said(window, "the disk is full"), "a sentence")
        assert said(window, "Make room on the disk")
        (disk / "junk").unlink()
        until(
            window.root, lambda: (found := transfer(window, "Film")) and found.state is TorrentState.SEEDING, "goes on"
        )
        assert same(film, disk / "there" / "Film")


def test_a_broken_torrent(window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "broken.torrent").write_bytes(b"d4:infod4:name")
    click(window.toolbar.buttons["open"])
    opening = dialog(window, OpenDialog)
    assert isinstance(opening, OpenDialog)
    type_into(opening.what.entry, str(tmp_path / "broken.torrent"))
    press(opening.what.entry, "Return")
    until(window.root, lambda: opening.complaint, "a sentence")
    assert "at byte" in opening.complaint
    type_into(opening.what.entry, str(tmp_path / "nothing.torrent"))
    click(opening.accept)
    until(window.root, lambda: "no such file" in opening.complaint, "another sentence")
    press(opening, "Escape")
    assert not opening.winfo_exists()


def test_a_taken_port_then_a_free_one(window: MainWindow) -> None:
    press(window.root, "Control-comma")
    settings = dialog(window, SettingsDialog)
    assert isinstance(settings, SettingsDialog)
    settings.tabs.select(1)
    with socket.create_server(("0.0.0.0", 0)) as taken:
        type_into(settings.port, str(taken.getsockname()[1]))
        click(settings.accept)
        until(window.root, lambda: settings.complaint, "a sentence")
        assert "address already in use" in settings.complaint
        assert "Choose another port: until then" in settings.complaint
        assert settings.winfo_exists()
    type_into(settings.port, "0")
    click(settings.accept)
    until(window.root, lambda: not settings.winfo_exists(), "saved")
    assert window.snapshot is not None
    assert window.snapshot.addresses
    assert not window.snapshot.listen_problem
