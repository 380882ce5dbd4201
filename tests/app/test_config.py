"""Settings: where they come from, which counts, and what is wrong with others."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.app.config import (
    DEFAULT,
    Configuration,
    Setting,
    Settings,
    SettingsError,
    from_environment,
    from_file,
    from_flags,
    load_settings,
    merge,
)
from swarmshare.errors import StorageError

FILE = Path("/home/ann/config.toml")


def file_settings(text: str) -> Configuration:
    return merge(from_file(text, FILE))


def test_nothing_set() -> None:
    assert merge() == Configuration(Settings(), dict.fromkeys(Settings.__dataclass_fields__, DEFAULT))


def test_all_of_a_file() -> None:
    settings, sources = file_settings(
        'tracker = "tracker.lan:6969/"\nca = "/etc/group.pem"\nfolder = "/srv/shared"\n'
        'listen = ["0.0.0.0:6881", "[::]:6881"]\n'
        'max_peers = 80\nlimit_up = "1.5MiB"\nlimit_down = 10000\n'
        'quiet_hours = "8:00 - 18:00"\nquiet_limit_up = "100KiB"\nquiet_limit_down = "1MiB"\n'
    )
    assert settings == Settings(
        tracker="http://tracker.lan:6969",
        ca=Path("/etc/group.pem"),
        folder=Path("/srv/shared"),
        listen=(("0.0.0.0", 6881), ("::", 6881)),
        max_peers=80,
        limit_up=1.5 * 2**20,
        limit_down=10000.0,
        quiet_hours="08:00-18:00",
        quiet_limit_up=100 * 2**10,
        quiet_limit_down=2**20,
    )
    assert set(sources.values()) == {str(FILE)}


def test_the_environment_counts_for_more_and_options_for_most(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("SWARMSHARE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SWARMSHARE_HOME", str(tmp_path))
    monkeypatch.setenv("SWARMSHARE_LISTEN", "127.0.0.1:1, 127.0.0.1:2")
    monkeypatch.setenv("SWARMSHARE_MAX_PEERS", "7")
    monkeypatch.setenv("SWARMSHARE_LIMIT_UP", "")
    (tmp_path / "config.toml").write_text('listen = "localhost:9"\nlimit_up = 5000\nmax_peers = 6\n')
    settings, sources = load_settings({"max_peers": 8, "listen": (), "limit_down": None})
    assert settings == Settings(listen=(("127.0.0.1", 1), ("127.0.0.1", 2)), max_peers=8, limit_up=5000.0)
    assert sources == dict.fromkeys(Settings.__dataclass_fields__, DEFAULT) | {
        "listen": "SWARMSHARE_LISTEN",
        "max_peers": "--max-peers",
        "limit_up": str(tmp_path / "config.toml"),
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("max_pears = 5", "there is no setting 'max_pears'"),
        ("[tracker]\nurl = 'x'", "tracker: {'url': 'x'} is no address"),
        ("max_peers = ", "Invalid value (at "),
        ("max_peers = true", "max_peers: True is not a whole number"),
        ("max_peers = 0", "max_peers: 0 is not a whole number from 1 to 10,000"),
        ("max_peers = 1.5", "max_peers: 1.5"),
        (f"max_peers = 0x{'f' * 9000}", "max_peers: "),
        (f"max_peers = {'9' * 9000}", str(FILE)),
        ("limit_up = 0", "limit_up: 0 is not a size"),
        ("limit_up = -1", "limit_up: -1"),
        ("limit_up = 2", "limit_up: 2 is less than 1,024 bytes a second"),
        ("limit_up = '2'", "limit_up: '2' has no unit: write it as 2KiB or 2MiB"),
        ("limit_up = nan", "limit_up: nan"),
        ("limit_up = inf", "limit_up: inf"),
        ("limit_up = '5 apples'", "limit_up: '5 apples'"),
        ("limit_down = true", "limit_down: True"),
        ("listen = 6881", "listen: 6881 is not HOST:PORT"),
        ("listen = []", "listen: []"),
        ("listen = [6881]", "listen: '6881' is not HOST:PORT"),
        ("listen = ['x:65536']", "listen: 'x:65536'"),
        ("folder = 'shared'", "folder: 'shared' is not the whole path"),
        ("folder = '~nobody-of-this-name/x'", "folder: "),
        ("tracker = 'ftp://x'", "tracker: 'ftp://x' is no address of a tracker"),
        ("tracker = 1979-05-27", "tracker: datetime.date(1979, 5, 27)"),
        (f"a = {'[' * 5000}", str(FILE)),
    ],
)
def test_errors_name_the_file_and_the_key(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as error:
        file_settings(text)
    assert str(FILE) in str(error.value)
    assert says in str(error.value)
    assert len(str(error.value)) < 300
    assert "\n" not in error.value.advice


def test_errors_name_the_variable() -> None:
    with pytest.raises(SettingsError, match=r"^SWARMSHARE_MAX_PEERS: 'many' is not"):
        from_environment({"SWARMSHARE_MAX_PEERS": "many"})


def test_a_home_of_ones_own() -> None:
    folder = from_environment({"SWARMSHARE_FOLDER": "~/Shared"})["folder"]
    assert folder == Setting(Path.home() / "Shared", "SWARMSHARE_FOLDER")


@pytest.mark.parametrize("content", [b"\xff", b"#" * 70_000])
def test_a_file_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes) -> None:
    monkeypatch.setenv("SWARMSHARE_HOME", str(tmp_path))
    (tmp_path / "config.toml").write_bytes(content)
    with pytest.raises((SettingsError, StorageError), match=str(tmp_path)):
        load_settings()


@given(st.text())
def test_any_text_is_settings_or_a_settings_error(text: str) -> None:
    with contextlib.suppress(SettingsError):
        assert file_settings(text).settings == Settings()


names = st.sampled_from(["max_peers", "limit_up", "tracker"])
layers = st.dictionaries(names, st.builds(Setting, st.integers(1, 9), st.sampled_from(["a", "b"])))


@given(st.lists(layers, max_size=4))
def test_the_last_that_says_something_counts(stack: list[dict[str, Setting]]) -> None:
    settings, sources = merge(*stack)
    for name in Settings.__dataclass_fields__:
        said = [layer[name] for layer in stack if name in layer]
        expected = said[-1] if said else Setting(getattr(Settings(), name), DEFAULT)
        assert (getattr(settings, name), sources[name]) == expected


def test_options() -> None:
    layer = from_flags({"limit_up": 5.0, "tracker": None, "listen": []})
    assert layer == {"limit_up": Setting(5.0, "--limit-up")}
