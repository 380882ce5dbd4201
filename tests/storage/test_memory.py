"""What a window remembers of trackers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from swarmshare.storage.memory import MAX_TRACKERS, Memory, load_memory, save_memory

if TYPE_CHECKING:
    from pathlib import Path


def test_it_comes_back(tmp_path: Path) -> None:
    memory = Memory(tracker="http://b", trackers=("http://b", "http://a"), own_tracker=True)
    save_memory(tmp_path / "m", memory)
    assert load_memory(tmp_path / "m") == memory
    save_memory(tmp_path / "m", Memory())
    assert load_memory(tmp_path / "m") == Memory() == load_memory(tmp_path / "nothing")


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "5", "{}", "[" * 100_000,
        '{"tracker": 5, "trackers": [], "own_tracker": false}',
        '{"tracker": null, "trackers": 5, "own_tracker": false}',
        '{"tracker": null, "trackers": [null], "own_tracker": false}',
        '{"tracker": null, "trackers": [], "own_tracker": "no"}',
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_wrong_is_as_good_as_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "m").write_text(text)
    assert load_memory(tmp_path / "m") == Memory()


def test_it_is_bounded(tmp_path: Path) -> None:
    save_memory(tmp_path / "m", Memory(trackers=tuple(f"http://{number}" for number in range(2 * MAX_TRACKERS))))
    assert len(load_memory(tmp_path / "m").trackers) == MAX_TRACKERS


def test_a_disk_that_refuses(tmp_path: Path) -> None:
    save_memory(tmp_path / "nowhere" / "m", Memory())
