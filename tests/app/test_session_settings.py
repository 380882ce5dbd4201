"""Settings that change while a client session runs, and what is in their way."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
import pytest
import trio.testing
from app.sessions import RunningSession, fill, manifest_of, other_member, running_session
from tracker.trackers import PASSWORD

from swarmshare.app import client_session
from swarmshare.app.config import SettingsError, load_settings
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    from swarmshare.engine.torrent import Torrent


def addresses(ann: RunningSession) -> tuple[str, ...]:
    return ann.session.snapshot().addresses


def limits(torrent: Torrent) -> tuple[list[float | None], list[float | None]]:
    """The limits that count for a torrent, the engine's first, up and down, in bytes a second."""
    return [bucket.rate for bucket in torrent.limits.up], [bucket.rate for bucket in torrent.limits.down]


async def test_the_folder_that_is_in_use_is_shown(own_home: Path) -> None:
    (own_home / "config.toml").write_text('listen = "127.0.0.1:0"\n')
    async with running_session() as ann:
        assert ann.session.snapshot().settings.folder == platformdirs.user_downloads_path()
        await ann.session.change_settings({"folder": own_home})
        assert ann.session.snapshot().settings.folder == own_home


async def test_a_taken_port(own_home: Path, tmp_path: Path) -> None:
    manifest = manifest_of(fill(tmp_path / "top", {"a": 100_000, "b": 1}))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (own_home / "config.toml").write_text(f'listen = "127.0.0.1:{port}"\n')
        async with running_session() as ann:
            assert f"127.0.0.1:{port}: address already in use" in ann.session.snapshot().listen_problem
            assert addresses(ann) == ()
            await ann.session.open_manifest(manifest.encode(), tmp_path)
            await ann.until(lambda: ann.transfers["top"].state is TorrentState.SEEDING)
            await ann.session.change_settings({"listen": (("127.0.0.1", 0),)})
            assert ann.session.snapshot().listen_problem == ""
            assert addresses(ann)
            await ann.until(lambda: ann.transfers["top"].state is TorrentState.SEEDING)

            await ann.session.change_settings({"listen": (("127.0.0.1", port),)})
            assert ann.session.snapshot().listen_problem
            taken.close()
            await ann.session.change_settings({})
            assert (ann.session.snapshot().listen_problem, addresses(ann)) == ("", (f"127.0.0.1:{port}",))


async def test_without_a_port_one_still_downloads(tracker: str, name: str, own_home: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        (own_home / "config.toml").write_text(f'listen = "127.0.0.1:{taken.getsockname()[1]}"\n')
        async with running_session() as ann, other_member(tracker, f"{name}-friend") as friend:
            await ann.session.group.register(tracker, name, PASSWORD)
            manifest = await friend.publish(fill(tmp_path / "theirs" / name, {"a": 100_000, "b": 1}))
            await ann.session.download(str(manifest.info_hash), tmp_path / "here")
            await ann.until(lambda: ann.transfers[name].state is TorrentState.SEEDING)
            assert ann.session.snapshot().listen_problem


async def test_everybody_may_dial_a_window_unless_somebody_says_otherwise(own_home: Path) -> None:
    (own_home / "config.toml").unlink()
    async with running_session() as ann:
        assert addresses(ann)[0].startswith("0.0.0.0:")
        await ann.session.change_settings({"listen": (("127.0.0.1", 0),)})
        assert [address.rpartition(":")[0] for address in addresses(ann)] == ["127.0.0.1"]
        await ann.session.change_settings({"listen": None})
        assert addresses(ann)[0].startswith("0.0.0.0:")


async def test_limits_count_at_once_and_stay(own_home: Path, tmp_path: Path) -> None:
    manifest = manifest_of(fill(tmp_path / "top", {"a": 100_000, "b": 1}))
    async with running_session() as ann:
        info_hash = await ann.session.open_manifest(manifest.encode(), tmp_path)
        torrent = ann.torrent(info_hash)
        before = addresses(ann)
        await ann.session.transfers.limit([info_hash], 500.0, None)
        await ann.session.change_settings({"limit_up": 10000.0, "limit_down": 20000.0})
        assert limits(torrent) == ([10000.0, 500.0], [20000.0])
        await ann.session.change_settings({"limit_up": None})
        assert limits(torrent) == ([500.0], [20000.0])
        assert addresses(ann) == before
        assert ann.session.snapshot().settings.limit_down == 20000.0
    assert load_settings().settings.limit_down == 20000.0
    async with running_session() as ann:
        assert limits(ann.torrent(info_hash)) == ([500.0], [20000.0])


async def test_the_folder_of_the_next_download(own_home: Path, tmp_path: Path) -> None:
    manifest = manifest_of(fill(tmp_path / "source" / "top", {"a": 100_000, "b": 1}))
    async with running_session() as ann:
        await ann.session.change_settings({"folder": tmp_path / "elsewhere"})
        await ann.session.open_manifest(manifest.encode())
        assert ann.transfers["top"].folder == tmp_path / "elsewhere"


async def test_what_cannot_be_set(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_session() as ann:
        before = ann.session.snapshot().settings
        for changes in ({"max_peers": 0}, {"folder": Path("here")}, {"quiet_hours": "at night"}, {"colour": "red"}):
            with pytest.raises(SettingsError):
                await ann.session.change_settings(changes)
        monkeypatch.setenv("SWARMSHARE_LIMIT_UP", "5MiB")
        with pytest.raises(SettingsError, match="SWARMSHARE_LIMIT_UP sets this in the environment"):
            await ann.session.change_settings({"limit_up": 1024.0})
        assert ann.session.snapshot().settings == before


async def test_a_settings_file_that_cannot_be_read(own_home: Path) -> None:
    (own_home / "config.toml").write_text("limit_up = 'much'")
    with pytest.raises(SettingsError, match="limit_up"):
        async with running_session():
            pass


async def test_quiet_hours(own_home: Path, tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    now, manifest = ["07:59"], manifest_of(fill(tmp_path / "top", {"a": 1, "b": 1}))
    async with running_session(clock=lambda: time.strptime(now[0], "%H:%M")) as ann:
        torrent = ann.torrent(await ann.session.open_manifest(manifest.encode(), tmp_path))
        await ann.session.change_settings({"limit_up": 9000.0, "quiet_limit_up": 10000.0, "quiet_limit_down": 20000.0})
        await ann.session.change_settings({"quiet_hours": "08:00-18:00"})
        assert limits(torrent) == ([9000.0], [])
        quiet = [10000.0], [20000.0]
        for now[0], wanted in (("08:00", quiet), ("17:59", quiet), ("18:00", ([9000.0], []))):
            await trio.sleep(2 * client_session.LOOK_AT_CLOCK)
            assert limits(torrent) == wanted
        now[0] = "12:00"
        await ann.session.change_settings({"limit_down": 1024.0})
        assert limits(torrent) == quiet
        await ann.session.change_settings({"quiet_hours": None})
        assert limits(torrent) == ([9000.0], [1024.0])
