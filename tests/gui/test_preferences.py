"""The window's memory: what comes back from the disk is what was put there, or the default."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from swarmshare.errors import StorageError
from swarmshare.gui.preferences import MAX_BYTES, Preferences
from swarmshare.storage.home import swarmshare_home

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "window.json"
    first = Preferences(path)
    assert first.get("theme", "system") == "system"
    first.set("theme", "dark")
    first.set("columns", ["name", "size"])
    first.set("widths", {"name": 300})
    first.save()
    again = Preferences(path)
    assert again.get("theme", "system") == "dark"
    assert again.get("columns", ["x"]) == ["name", "size"]
    assert again.get("widths", {"x": 1}) == {"name": 300}
    assert path.stat().st_mode & 0o077 == 0


def test_nothing_is_written_when_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    preferences = Preferences(path)
    preferences.save()
    assert not path.exists()
    preferences.set("a", 1)
    preferences.save()
    before = path.stat().st_ino
    preferences.set("a", 1)
    preferences.save()
    assert path.stat().st_ino == before


def test_it_is_at_home_by_default() -> None:
    assert Preferences().path == swarmshare_home() / "window.json"


@pytest.mark.parametrize(
    ("value", "default"),
    [
        ("1", 1), (1, "1"), (True, 1), (1, True), (None, "x"), (["a", 1], ["a"]), ({"a": "1"}, {"a": 1}), ([], {}),
        ("x", None), ({"a": [1]}, {"a": ["x"]}),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_no_value(value: Any, default: Any, tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    path.write_text(json.dumps({"key": value}))
    assert Preferences(path).get("key", default) == default


@pytest.mark.parametrize("data", [b"{", b"[]", b"\xff", b"[" * 10_000, b" " * (MAX_BYTES + 1), b"1" * 5000])
def test_a_broken_file_is_set_aside(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    path.write_bytes(data)
    preferences = Preferences(path)
    assert preferences.get("theme", "system") == "system"
    assert preferences.set_aside == tmp_path / "window.broken"
    assert preferences.set_aside.read_bytes() == data
    preferences.set("theme", "dark")
    preferences.save()
    assert Preferences(path).get("theme", "system") == "dark"


def test_a_disk_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    preferences = Preferences(tmp_path / "file" / "window.json")
    preferences.set("a", 1)
    with pytest.raises(StorageError, match=os.fspath(tmp_path / "file")):
        preferences.save()
