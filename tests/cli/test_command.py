"""The command line as a whole: which verbs there are, and that a small one does not load what large ones need."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from swarmshare.cli.command import MODULES, run_command

HEAVY = {"trio", "gevent", "flask", "sqlalchemy", "socketio", "requests", "tkinter", "ttkbootstrap", "libtorrent"}


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


def test_a_small_verb_loads_little() -> None:
    program = f"""
import sys
from swarmshare.cli.main import main
try:
    main(["show", "--help"])
except SystemExit:
    print({HEAVY!r} & set(sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"
