"""Names of many scripts through every entry point of a group: each one real, in real processes."""

from __future__ import annotations

import random
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import requests
import trio
from app.sessions import running_session
from integration.group import PASSWORD, Group, Machine, same
from integration.names import NAMES
from tracker.trackers import tracker_in
from waiting import TIMEOUT
from werkzeug.http import parse_options_header

from swarmshare.app.compose import announcers_for
from swarmshare.cli.command import run_command
from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import open_engine
from swarmshare.manifest.magnet import magnet_of
from swarmshare.manifest.parse import parse_manifest
from swarmshare.schema.snapshot import TorrentState
from swarmshare.storage.home import swarmshare_home
from swarmshare.storage.sign_ins import SignIns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmshare.storage.sign_ins import SignIn

pytestmark = pytest.mark.unmeasured

ORGANISER, MEMBER = "Ольга Łódź", "بوب"
LAST = NAMES[-1]


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    with ExitStack() as stack:
        yield Group(tmp_path, stack)


def content(folder: Path) -> dict[str, Path]:
    """A file, or a folder with a file of the same name in it and another, for each name."""
    made = {}
    for number, name in enumerate(NAMES):
        path = folder / str(number) / name
        rng = random.Random(number)
        if number % 2:
            (path / name).mkdir(parents=True)
            (path / name / f"{name[:60]}.bin").write_bytes(rng.randbytes(20_000))
            (path / name[:70]).with_suffix(".é").write_bytes(rng.randbytes(100))
        else:
            path.parent.mkdir(parents=True)
            path.write_bytes(rng.randbytes(20_000))
        made[name] = path
    return made


def register_in_the_browser(setup_url: str) -> None:
    form = {"name": ORGANISER, "password": PASSWORD}
    page = requests.post(setup_url, data=form, timeout=TIMEOUT, headers={"Origin": setup_url.partition("/setup")[0]})
    assert page.status_code == 201, page.text
    assert f"Welcome, {ORGANISER}" in page.text


def get(url: str, sign_in: SignIn) -> requests.Response:
    response = requests.get(url, headers={"Authorization": f"Bearer {sign_in.token}"}, timeout=TIMEOUT)
    assert response.status_code == 200, response.text
    return response


def in_plain_ascii(machine: Machine, *arguments: str) -> str:
    """What a verb prints where nothing but ASCII can be shown."""
    plain = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        machine.command(*arguments), env={**machine.environment, **plain}, capture_output=True, timeout=TIMEOUT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode("ascii")


async def until_listed(running: Any, count: int) -> None:
    await running.until(lambda: len(running.session.snapshot().catalogue) == count)


async def test_through_every_interface(
    group: Group, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    register_in_the_browser(next(event["url"] for event in group.verb.events if event["event"] == "setup"))
    tracker = f"http://{group.address}"
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(f'folder = "{tmp_path / "window"}"\nlisten = "127.0.0.1:0"\n')
    monkeypatch.setenv("SWARMSHARE_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    password = str(group.server.folder / "password")
    assert run_command(["login", "--tracker", tracker, "--user", ORGANISER, "--password-file", password]) == 0

    paths = content(tmp_path / "source")
    for path in paths.values():
        assert run_command(["create", str(path)]) == 0
        assert run_command(["publish", str(path)]) == 0
    said = capsys.readouterr().out
    told = (f"{how} {name}{end}" for how, end in (("Wrote", ".torrent: "), ("Published", ": ")) for name in NAMES)
    assert not [line for line in told if line not in said]

    bob = Machine(tmp_path / "bob", group.stack, tracker)
    bob.register(MEMBER)
    (sign_in,) = SignIns(swarmshare_home()).all()
    entries = {event["name"]: event for event in bob.run("list") if event["event"] == "entry"}
    assert entries.keys() == set(NAMES)
    assert {entry["publisher"] for entry in entries.values()} == {ORGANISER}
    shown = in_plain_ascii(bob, "list")
    assert all(name.encode("ascii", "backslashreplace").decode() in shown for name in NAMES)

    manifests = {}
    for name, entry in entries.items():
        url = f"{tracker}/api/v1/catalogue/{entry['info_hash']}/torrent"
        response = get(url, sign_in)
        assert response.headers["Cache-Control"] == "no-store"
        _, options = parse_options_header(response.headers["Content-Disposition"])
        assert options["filename"] == f"{name}.torrent"
        manifests[name] = parse_manifest(response.content)

    async with open_engine(EngineConfig()) as engine:
        for name, manifest in manifests.items():
            folder = paths[name].parent
            engine.add(manifest, TorrentConfig(folder=folder, announcers=announcers_for(manifest, sign_in)))
        mirror = bob.start("mirror", "--data", bob.folder / "mirror")
        async with running_session() as window:
            await until_listed(window, len(NAMES))
            assert {entry.name for entry in window.session.snapshot().catalogue} == set(NAMES)
            for number, manifest in enumerate(manifests.values()):
                if number % 2:
                    await window.session.download(str(manifest.info_hash))
                else:
                    await window.session.open_magnet(magnet_of(manifest))
            await window.until(
                lambda: (
                    all(transfer.state is TorrentState.SEEDING for transfer in window.transfers.values())
                    and window.transfers.keys() == set(NAMES)
                )
            )
            assert all(_same(path, tmp_path / "window" / name) for name, path in paths.items())
        await trio.to_thread.run_sync(
            mirror.wait_for, "mirror", lambda event: event["entries"] == event["complete"] == len(NAMES)
        )
        for name, path in paths.items():
            (found,) = bob.folder.glob(f"mirror/*-{entries[name]['info_hash'][:16]}")
            assert _same(path, found / name)
        for name, manifest in list(manifests.items())[:3]:
            await trio.to_thread.run_sync(
                in_plain_ascii, bob, "download", str(manifest.info_hash), "--to", str(bob.folder / "there")
            )
            assert _same(paths[name], bob.folder / "there" / name)

    with tracker_in(tmp_path / "other") as other:
        for what in ("accounts", "catalogue"):
            document = get(f"{tracker}/api/v1/export/{what}", sign_in).json()
            answer = other.ask("POST", f"/import/{what}", other.organiser, json=document)
            assert answer.status_code == 200, answer.text
        again = other.get("/catalogue", other.organiser)["entries"]
        assert [(entry["name"], entry["publisher"]) for entry in again[::-1]] == [(name, ORGANISER) for name in NAMES]


def _same(one: Path, other: Path) -> bool:
    if one.is_dir():
        return same(one, other)
    return one.read_bytes() == other.read_bytes()
