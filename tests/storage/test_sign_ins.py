"""Tokens on the disk: whole, and for their owner's eyes only."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from swarmshare.errors import StorageError
from swarmshare.storage.home import swarmshare_home
from swarmshare.storage.sign_ins import SignIn, SignIns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HERE = SignIn("http://127.0.0.1:8080", "ann", "secret")
THERE = SignIn("https://tracker.example", "ann", "other")


@pytest.fixture(autouse=True)
def careless_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_saved_loaded_forgotten(tmp_path: Path) -> None:
    sign_ins = SignIns(tmp_path / "deep" / "home")
    assert sign_ins.load(HERE.tracker) is None
    assert sign_ins.all() == []
    for sign_in in (THERE, HERE._replace(token="old"), HERE):
        sign_ins.save(sign_in)
    assert sign_ins.load(HERE.tracker) == HERE
    assert sign_ins.all() == [HERE, THERE]
    sign_ins.forget(HERE.tracker)
    sign_ins.forget(HERE.tracker)
    assert sign_ins.all() == [THERE]


def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    SignIns(tmp_path).save(HERE)
    (file,) = (tmp_path / "tokens").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    file.chmod(0o644)
    SignIns(tmp_path).save(HERE)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nothing_is_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old sign-in is there until the new one is whole, and a failure leaves nothing behind."""
    SignIns(tmp_path).save(HERE)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="no space left on device"):
        SignIns(tmp_path).save(HERE._replace(token="new"))
    assert SignIns(tmp_path).load(HERE.tracker) == HERE
    assert len(list((tmp_path / "tokens").iterdir())) == 1


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"tracker": 1, "user": "a", "token": "b"}', "\x00"])
def test_a_file_that_is_no_sign_in(tmp_path: Path, content: str) -> None:
    SignIns(tmp_path).save(HERE)
    (file,) = (tmp_path / "tokens").iterdir()
    file.write_text(content)
    with pytest.raises(StorageError, match="this is no sign-in") as caught:
        SignIns(tmp_path).load(HERE.tracker)
    assert str(file) in str(caught.value)


def test_a_home_that_cannot_be_used(tmp_path: Path, as_nobody: Any) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError) as caught:
        SignIns(tmp_path / "file").save(HERE)
    assert "SWARMSHARE_HOME" in (caught.value.hint or "")
    SignIns(tmp_path).save(HERE)
    tmp_path.chmod(0o755)
    (tmp_path / "tokens").chmod(0o755)

    def forget() -> str:
        try:
            SignIns(tmp_path).forget(HERE.tracker)
        except StorageError as error:
            return str(error)
        return "done"

    assert "permission denied" in as_nobody(forget)


def test_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMSHARE_HOME", str(tmp_path))
    assert swarmshare_home() == tmp_path
    monkeypatch.delenv("SWARMSHARE_HOME")
    assert swarmshare_home().is_absolute()
