"""``swarmshare config``: what is set, and by whom."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any

import pytest

from swarmshare.app.config import SettingsError, read_setting
from swarmshare.cli.arguments import address, peer_count, rate
from swarmshare.cli.command import run_command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SWARMSHARE_HOME", str(tmp_path))
    return tmp_path


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_where_each_comes_from(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    file = home / "config.toml"
    file.write_text('limit_up = "2MiB"\nmax_peers = 9\n')
    monkeypatch.setenv("SWARMSHARE_MAX_PEERS", "10")
    monkeypatch.setenv("SWARMSHARE_FOLDER", "/srv/shared")
    assert run_command(["config", "--json"]) == 0
    *found, summary = events(capsys.readouterr().out)
    assert {one["name"]: (one["value"], one["source"]) for one in found} == {
        "tracker": (None, "default"),
        "ca": (None, "default"),
        "folder": ("/srv/shared", "SWARMSHARE_FOLDER"),
        "listen": (["localhost:0"], "default"),
        "max_peers": (10, "SWARMSHARE_MAX_PEERS"),
        "limit_up": (2097152.0, str(file)),
        "limit_down": (None, "default"),
        "quiet_hours": (None, "default"),
        "quiet_limit_up": (None, "default"),
        "quiet_limit_down": (None, "default"),
    }
    assert summary == {"event": "config", "path": str(file), "exists": True}

    assert run_command(["config"]) == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["limit_up", "2", "MiB/s", str(file)] in shown
    assert ["listen", "localhost:0", "default"] in shown


def test_no_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["config"]) == 0
    assert f"The settings file is {home / 'config.toml'}, which is not there yet\n" in capsys.readouterr().out


def test_a_mistake_is_one_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "config.toml").write_text("max_peers = 'many'\n")
    assert run_command(["config", "--json"]) == 1
    out, error = capsys.readouterr()
    assert error == f"swarmshare: {home / 'config.toml'}: max_peers: 'many' is not a whole number from 1 to 10,000\n"
    assert events(out)[-1]["code"] == "settings"


@pytest.mark.parametrize(
    ("option", "setting", "text"),
    [(rate, "limit_up", "0.5"), (rate, "limit_up", "1KB/h"), (address, "listen", "[]:80"), (address, "listen", "a:1e3"),
     (peer_count, "max_peers", "0"), (peer_count, "max_peers", "99999999999")],
)  # fmt: skip
def test_an_option_and_a_setting_are_refused_in_the_same_words(
    option: Callable[[str], object], setting: str, text: str
) -> None:
    with pytest.raises(ArgumentTypeError) as said:
        option(text)
    with pytest.raises(SettingsError) as written:
        read_setting(setting, text)
    assert str(written.value) == f"{setting}: {said.value}"
