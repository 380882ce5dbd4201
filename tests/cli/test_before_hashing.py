"""Whatever can be known before hours of hashing is told before: here, hashing a single byte is a failure."""

from __future__ import annotations

import os
import shutil
import socket
from typing import TYPE_CHECKING

import pytest

from swarmshare.app import publishing
from swarmshare.cli import engine_run
from swarmshare.cli.command import run_command
from swarmshare.errors import TrackerError
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage import create
from swarmshare.storage.sign_ins import SignIn, SignIns
from swarmshare.texts import system_says

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRACKER = "http://127.0.0.1:1"


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SWARMSHARE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "shared"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).write_bytes(bytes(100_000))
    return folder


@pytest.fixture
def no_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    def hash_sources(*_: object) -> Iterator[object]:
        raise AssertionError("hashed before all was known")

    monkeypatch.setattr(create, "hash_sources", hash_sources)


def fails(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert run_command([str(argument) for argument in arguments]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    return told


@pytest.mark.usefixtures("no_hashing")
def test_where_the_manifest_goes(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = fails(capsys, "create", shared, "-o", "x" * 256)
    assert told.endswith("x: file name too long. Name another file with -o.\n")
    told = fails(capsys, "create", shared, "-o", tmp_path / "nowhere" / "x.torrent")
    assert told.endswith("/nowhere: no such folder. Make it first. Name another file with -o.\n")
    assert "is a folder. Name another file with -o." in fails(capsys, "create", shared, "-o", tmp_path)
    assert os.listdir(tmp_path) == ["shared"], "nothing is left of the trial"


@pytest.mark.usefixtures("no_hashing")
def test_a_disk_that_is_too_full(
    shared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = shutil.disk_usage(shared)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=300))
    assert "shared.torrent: the disk is full: " in fails(capsys, "create", shared)


def test_the_length_is_known_before(shared: Path) -> None:
    from swarmshare.manifest.build import Description
    from swarmshare.storage.plan import make_plan

    for hybrid in (False, True):
        foreseen: list[int] = []
        about = Description(comment="x" * 1000)
        manifest = create.create_manifest(
            make_plan(shared), about, piece_length=2**14, hybrid=hybrid, before=foreseen.append
        )
        assert len(manifest.encode()) <= foreseen[0] <= len(manifest.encode()) + 500


@pytest.mark.usefixtures("no_hashing")
def test_a_manifest_that_would_be_too_large(
    shared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(create, "MAX_BYTES", 700)
    told = fails(capsys, "create", shared, "--piece-size", "16KiB")
    assert "bytes, of 700 that it may have. Choose a larger --piece-size" in told


@pytest.mark.parametrize("letter", ["x", "\u00e9", "\U0001f41d"])
def test_the_longest_name_has_a_manifest_of_a_name_that_fits(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], letter: str
) -> None:
    name = letter * (250 // len(letter.encode()))
    shared.rename(tmp_path / name)
    assert run_command(["create", name]) == 0
    (written,) = tmp_path.glob("*.torrent")
    assert parse_manifest(written.read_bytes()).name == name
    assert len(written.name.encode()) <= 255
    assert name.startswith(written.stem)
    assert f"Wrote {written.name}" in capsys.readouterr().out


@pytest.mark.usefixtures("no_hashing")
class TestPublishing:
    @pytest.fixture(autouse=True)
    def signed_in(self, shared: Path, tmp_path: Path) -> None:
        SignIns(tmp_path / "home").save(SignIn(TRACKER, "ann", "s" * 43))

    def test_a_tracker_that_does_not_answer(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert f"{TRACKER}: " in fails(capsys, "publish", "shared")

    def test_a_port_that_is_taken(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(publishing, "ask_before", lambda _: None)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            told = fails(capsys, "publish", "shared", "--seed", "--listen", address)
        assert f"{address}: address already in use" in told

    def test_a_manifest_that_the_tracker_would_not_take(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def check(length: int) -> None:
            raise TrackerError("manifest-size", system_says(f"{length > 500}"))

        monkeypatch.setattr(publishing, "ask_before", lambda _: check)
        assert fails(capsys, "publish", "shared") == "swarmshare: True\n"


@pytest.mark.parametrize("verb", ["seed", "verify", "download"])
def test_a_folder_one_level_too_deep(
    verb: str, shared: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object, **_more: object) -> None:
        raise AssertionError("it ran there")

    monkeypatch.setattr(engine_run.EngineRun, "run", run)
    assert run_command(["create", str(shared)]) == 0
    capsys.readouterr()
    places: dict[str, list[object]] = {"seed": ["--data", shared], "verify": [shared], "download": ["--to", shared]}
    told = fails(capsys, verb, "shared.torrent", *places[verb])
    assert f"this is shared itself, in {shared.parent}" in told
