"""Names of files are UTF-8 whatever the locale is, and what a terminal cannot show is shown escaped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli.processes import seeding
from waiting import TIMEOUT

from swarmshare.manifest.parse import parse_manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = ["M\u00fcller \u20ac", "\u041f\u0440\u0438\u0432\u0435\u0442"]
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(scope="session")
def latin1(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of somebody whose locale is not UTF-8."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None:
        pytest.skip("making a locale needs localedef")
    name = "en_US.ISO-8859-1"
    done = subprocess.run(
        ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(folder / name)], capture_output=True, check=False
    )
    if not (folder / name).exists():
        pytest.skip(f"localedef makes no locale here: {done.stderr!r}")
    return {"LC_ALL": name, "LOCPATH": str(folder)}


@pytest.fixture(params=["latin-1", "ascii"])
def variables(request: pytest.FixtureRequest) -> dict[str, str]:
    return ASCII if request.param == "ascii" else request.getfixturevalue("latin1")


def run(
    folder: Path, variables: dict[str, str], *arguments: str | bytes, program: Sequence[str] = ("-m", "swarmshare")
) -> subprocess.CompletedProcess[bytes]:
    known = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LC_", "LANG", "PYTHONUTF8", "PYTHONIO"))
    }
    environment = {**known, **variables}
    command = [sys.executable, *program, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=TIMEOUT, env=environment)
    assert b"Traceback" not in done.stderr
    assert b"This is a bug" not in done.stderr
    return done


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    folder = tmp_path / "shared"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes(b"content")
    return folder


@pytest.mark.usefixtures("shared")
def test_names_are_utf8_in_a_manifest_and_on_the_disk(tmp_path: Path, variables: dict[str, str]) -> None:
    done = run(tmp_path, variables, "create", "shared")
    assert done.returncode == 0, done.stderr
    manifest = parse_manifest((tmp_path / "shared.torrent").read_bytes())
    assert [file.path for file in manifest.files] == [(name,) for name in NAMES]
    done = run(tmp_path, variables, "verify", "shared.torrent", ".")
    assert done.returncode == 0, done.stderr
    (tmp_path / "top.torrent").write_bytes((tmp_path / "shared.torrent").read_bytes())
    with seeding(tmp_path, tmp_path) as address:
        done = run(tmp_path, variables, "download", "top.torrent", "--to", "there", "--peer", address)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path / "there" / "shared")) == NAMES


@pytest.mark.usefixtures("shared")
def test_what_cannot_be_shown_is_shown_escaped(tmp_path: Path, latin1: dict[str, str]) -> None:
    assert run(tmp_path, latin1, "create", "shared").returncode == 0
    shown = run(tmp_path, latin1, "show", "shared.torrent").stdout
    assert b"M\xfcller \\u20ac" in shown, "as the locale has it"
    shown = run(tmp_path, {**latin1, "PYTHONIOENCODING": "ascii"}, "show", "shared.torrent").stdout
    assert b"M\\xfcller \\u20ac" in shown


@pytest.mark.usefixtures("shared")
def test_words_are_what_the_terminal_means(tmp_path: Path, latin1: dict[str, str]) -> None:
    assert run(tmp_path, latin1, "create", "shared", "--name", b"Stra\xdfe", "--comment", b"\xfc").returncode == 0
    manifest = parse_manifest((tmp_path / "Stra\u00dfe.torrent").read_bytes())
    assert (manifest.name, manifest.comment) == ("Stra\u00dfe", "\u00fc")
    done = run(tmp_path, ASCII, "create", "shared", "--comment", b"\xfc")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        b"swarmshare: argument --comment: is not valid UTF-8. See: swarmshare create --help",
    )


def test_a_name_that_is_not_utf8_is_an_error_that_shows_it(tmp_path: Path, variables: dict[str, str]) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    try:
        Path(os.fsdecode(os.fsencode(folder) + b"/M\xfcller")).write_bytes(b"content")
    except OSError as error:
        pytest.skip(f"this disk takes no such name: {error}")
    done = run(tmp_path, variables, "create", "shared")
    assert done.returncode == 1
    assert b"the name b'M\\xfcller' is not valid UTF-8. Rename it" in done.stderr
    done = run(tmp_path, variables, "create", b"shared/M\xfcller")
    assert (done.returncode, b"is not valid UTF-8. Rename it" in done.stderr) == (1, True)


@pytest.mark.parametrize(("program", "verb"), [("peer_gui.py", b"gui"), ("tracker_app.py", b"tracker")])
def test_the_programs_of_a_clone_begin_again_as_themselves(program: str, verb: bytes) -> None:
    root = Path(__file__).resolve().parents[2]
    done = run(root, ASCII, "--help", program=[program])
    assert done.stdout.startswith(b"usage: swarmshare " + verb)
