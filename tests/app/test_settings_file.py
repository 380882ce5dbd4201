"""What a window writes is what every verb reads."""

from __future__ import annotations

import string
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.app.config import Settings, SettingsError, load_settings, settings_path
from swarmshare.app.settings_file import change_settings

HOSTS = st.sampled_from(["127.0.0.1", "::", "*", "tracker.lan"])
RATES = st.none() | st.integers(1024, 2**40).map(float)
NAMES = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp", "Cf", "Co", "Cn"]), min_size=1).filter(
    str.isprintable
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "tracker": st.none() | st.just("http://tracker.lan:6969"),
        "folder": st.none() | NAMES.map(lambda name: Path("/srv") / name),
        "listen": st.lists(st.tuples(HOSTS, st.integers(0, 65535)), min_size=1, max_size=3).map(tuple),
        "max_peers": st.integers(1, 10_000),
        "limit_up": RATES,
        "quiet_hours": st.none() | st.just("08:00-18:00"),
        "quiet_limit_down": RATES,
    },
)


@given(st.lists(CHANGES, max_size=3))
def test_what_was_changed_is_what_counts(
    tmp_path_factory: pytest.TempPathFactory, steps: list[dict[str, object]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWARMSHARE_HOME", str(tmp_path_factory.mktemp("home") / "not there yet"))
        wanted = asdict(Settings())
        for changes in steps:
            wanted |= {name: getattr(Settings(), name) if value is None else value for name, value in changes.items()}
            assert asdict(change_settings(changes).settings) == wanted
        assert asdict(load_settings().settings) == wanted


@pytest.mark.usefixtures("own_home")
@pytest.mark.parametrize("path", ['/srv/a "b" \\c', "/srv/ünïcode 漢字", "/srv/a#b = [c]"])
def test_names_that_toml_would_misread(path: str) -> None:
    assert change_settings({"folder": Path(path)}).settings.folder == Path(path)


def test_a_wrong_value_changes_nothing(own_home: Path) -> None:
    before = settings_path().read_bytes()
    for changes in ({"limit_up": -1.0}, {"folder": Path("/srv/\n")}, {"listen": ()}, {"max_peers": [1]}, {"x": "y"}):
        with pytest.raises(SettingsError):
            change_settings(changes)
    assert settings_path().read_bytes() == before


def test_a_file_that_is_wrong_is_not_written_over(own_home: Path) -> None:
    settings_path().write_text("what is this?")
    with pytest.raises(SettingsError):
        change_settings({"max_peers": 5})
    assert settings_path().read_text() == "what is this?"


def test_what_the_environment_says_is_not_written_to_the_file(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMSHARE_MAX_PEERS", "7")
    assert change_settings({"limit_up": 5000.0}).settings.max_peers == 7
    assert "max_peers" not in settings_path().read_text()
    assert set(string.printable) >= set(settings_path().read_text())


def test_comments_and_all_else_stay(own_home: Path) -> None:
    settings_path().write_text('# ours\nmax_peers = 9  # not more\n\nlisten = [\n  "*:6881", # all\n]\n')
    change_settings({"max_peers": 5, "limit_up": 2500.5})
    assert settings_path().read_text() == (
        '# ours\nmax_peers = 5  # not more\n\nlisten = [\n  "*:6881", # all\n]\nlimit_up = 2500.5\n'
    )
    change_settings({"max_peers": None, "limit_up": None, "limit_down": None})
    assert settings_path().read_text() == '# ours\n\nlisten = [\n  "*:6881", # all\n]\n'
