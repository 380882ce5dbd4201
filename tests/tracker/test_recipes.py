"""What ``docs/operations.md`` tells people to type works, and leaves nothing for others to read."""

from __future__ import annotations

import json
import re
import shutil
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import requests
from conftest import ROOT
from tracker.trackers import PASSWORD, Server
from waiting import TIMEOUT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs" / "operations.md").read_text()
STUBS = f"""
set -eu
umask 022
swarmshare() {{ {sys.executable} -m swarmshare "$@"; }}
systemctl() {{ echo "$1" >> "$CALLS"; }}
"""


def recipes(title: str) -> list[str]:
    """The shell examples of one section."""
    section = re.split(rf"^## {title}\n", PAGE, flags=re.M)[1].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S)


def cook(recipe: str, home: Path, url: str) -> None:
    """Run a recipe in the folders of a test."""
    for named, here in {"/var/lib/swarmshare": home / "data", "/var/backups": home / "backups"}.items():
        recipe = recipe.replace(named, str(here))
    script = STUBS + recipe.replace("http://127.0.0.1:6969", url)
    environment = {"PATH": "/usr/bin:/bin", "SWARMSHARE_HOME": str(home / "home"), "CALLS": str(home / "calls")}
    done = subprocess.run(
        ["sh", "-c", script], cwd=home, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done


def private(path: Path) -> bool:
    return not stat.S_IMODE(path.stat().st_mode) & 0o077


@pytest.mark.unmeasured
@pytest.mark.skipif(not (shutil.which("sqlite3") and shutil.which("curl")), reason="the recipes need sqlite3 and curl")
def test_back_up_and_restore(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    try:
        register = f"swarmshare register --tracker {server.url} --user Olga --password-file password "
        (tmp_path / "password").write_text(f"{PASSWORD}\n")
        (tmp_path / "password").chmod(0o600)
        cook(f"{register} --setup-token {server.events['setup']['setup_token']} > /dev/null", tmp_path, server.url)
        (tmp_path / "backups").mkdir()
        for recipe in recipes("Backup"):
            cook(recipe, tmp_path, server.url)
    finally:
        server.end(signal.SIGTERM)
    made = {path.name: path for path in (*(tmp_path / "backups").rglob("*"), *tmp_path.glob("*.json"))}
    assert set(made) == {"tracker.db", "group", "catalogue.json", "accounts.json"}
    assert not [name for name, path in made.items() if not private(path)]
    assert json.loads(made["accounts.json"].read_text())["accounts"][0]["name"] == "Olga"
    assert not (tmp_path / "header").exists()

    shutil.rmtree(tmp_path / "data")
    (tmp_path / "data").mkdir(mode=0o700)
    (recipe,) = recipes("Restore")
    cook(recipe, tmp_path, "")
    assert (tmp_path / "calls").read_text().split() == ["stop", "start"]
    assert private(tmp_path / "data" / "tracker.db")
    server = Server(tmp_path / "data")
    try:
        body = {"name": "Olga", "password": PASSWORD}
        assert requests.post(f"{server.url}/api/v1/tokens", json=body, timeout=TIMEOUT).status_code == 201
    finally:
        server.end(signal.SIGTERM)


def test_the_trackers_own_folder(tmp_path: Path) -> None:
    server = Server(tmp_path / "deep" / "data", bare=True)
    server.end(signal.SIGTERM)
    assert private(tmp_path / "deep" / "data")
    assert not [path.name for path in (tmp_path / "deep" / "data").iterdir() if not private(path)]
