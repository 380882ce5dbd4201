"""The command line as a whole: which verbs there are, and that a small one does not load what large ones need."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from manifest.makers import encoded, folder_doc

from swarmshare.cli.command import MODULES, command_parser, run_command

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = {
    *("trio", "gevent", "flask", "sqlalchemy", "socketio", "requests", "tkinter", "ttkbootstrap", "libtorrent"),
    *("rich", "argon2", "msgspec", "tomlkit", "platformdirs", "tempfile", "base64"),
    *("swarmshare.app", "swarmshare.engine", "swarmshare.storage", "swarmshare.tracker", "swarmshare.tracker_client"),
}
"""What must not be loaded to read a command line: it takes longer than all else that ``--help`` does."""


def test_each_module_adds_its_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    verbs = [verb for known in MODULES.values() for verb in known]
    for verb in verbs:
        with pytest.raises(SystemExit, match="0"):
            run_command([verb, "--help"])
        assert capsys.readouterr().out.startswith(f"usage: swarmshare {verb} ")
    with pytest.raises(SystemExit, match="0"):
        run_command(["--help"])
    shown = capsys.readouterr().out
    assert re.findall(r"(?m)^    ([\w-]+)", shown) == verbs


@pytest.mark.unmeasured  # what measures loads some of it
def test_help_loads_little() -> None:
    program = f"""
import sys
from swarmshare.cli.command import MODULES
from swarmshare.cli.main import main
for verb in [verb for verbs in MODULES.values() for verb in verbs]:
    try:
        main([verb, "--help"])
    except SystemExit:
        pass
print({HEAVY!r} & set(sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"


def test_no_value_of_an_option_is_lost_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    """An option that has one value is refused twice, in every verb; those that may be repeated keep all."""
    seen = 0
    for verb in [verb for known in MODULES.values() for verb in known]:
        parser = command_parser([verb])
        (verbs,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        for action in verbs.choices[verb]._actions:
            if not action.option_strings or action.nargs == 0 or isinstance(action, argparse._SubParsersAction):
                continue
            if isinstance(action, argparse._AppendAction):
                continue
            option = action.option_strings[-1]
            action.type, action.choices = None, None
            action(parser, argparse.Namespace(), "1", option)
            with pytest.raises(argparse.ArgumentError, match="is given twice"):
                action(parser, argparse.Namespace(), "2", option)
            seen += 1
    assert seen > 40
    with pytest.raises(SystemExit, match="2"):
        run_command(["start", "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:1"])
    assert "argument --listen: is given twice, and can have one value" in capsys.readouterr().err


def test_what_goes_wrong_is_said_in_the_language_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANGUAGE", "pt_BR")
    for wrong, said in (
        (["show"], "faltam estes argumentos: FILE|INFOHASH|NAME|MAGNET. Veja: swarmshare show --help"),
        (["show", "x", "--frob"], "argumentos desconhecidos: --frob. Veja: swarmshare show --help"),
        (["bench", "hash", "--size", "1.5"], "argumento --size: '1.5' não é um número inteiro de 1 a 1.000.000.000. "
         "Veja: swarmshare bench hash --help"),
    ):  # fmt: skip
        with pytest.raises(SystemExit, match="2"):
            run_command(wrong)
        assert capsys.readouterr().err == f"swarmshare: {said}\n"
    assert run_command(["show", "/nowhere.torrent", "--json"]) == 1
    heard = capsys.readouterr()
    assert heard.err == "swarmshare: /nowhere.torrent: não existe\n"
    assert json.loads(heard.out)["message"] == "/nowhere.torrent: no such file or directory"


def test_a_download_that_cannot_be_says_why_and_no_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How far it came would be the last line otherwise, below the reason."""
    torrent = tmp_path / "top.torrent"
    torrent.write_bytes(encoded(folder_doc({b"a": 5, b"b": 5})))
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "a").write_bytes(b"other")
    assert run_command(["download", str(torrent), "--to", str(tmp_path)]) == 1
    out, error = capsys.readouterr()
    assert [line for line in out.splitlines() if line] == [f"Downloading top to {tmp_path}"]
    assert "is there already" in error
