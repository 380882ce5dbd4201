"""What `make setup` chooses, and that what it installs is locked for every Python that may be chosen."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]
WITH_LIBTORRENT = ["3.11", "3.12", "3.13"]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """``scripts/setup.py`` on a machine that has no Python but those that a test puts on it; an old one runs it."""
    spec = importlib.util.spec_from_file_location("setup_script", ROOT / "scripts" / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "SYSTEM_PYTHON", str(tmp_path / "no-python3"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PYTHON", raising=False)
    monkeypatch.setattr("sys.executable", put(tmp_path, "python3", minor=9))
    return module  # type: ignore[no-any-return]


def put(folder: Path, name: str, *, minor: int, tk: bool = True, real: str = sys.executable) -> str:
    """A Python that takes itself for 3.``minor``."""
    path = folder / name
    without = "" if tk else "sys.modules['tkinter'] = None"
    has = f"import types; sys.modules['tkinter'] = types.ModuleType('tkinter')\n{without}"
    path.write_text(f"#!{real}\nimport sys\nsys.version_info = (3, {minor}, 1)\n{has}\nexec(sys.argv[2])\n")
    path.chmod(0o755)
    return str(path)


def test_one_that_has_everything_is_preferred(script: Any, tmp_path: Path) -> None:
    put(tmp_path, "python3.14", minor=14)
    put(tmp_path, "python3.13", minor=13, tk=False)
    best = put(tmp_path, "python3.12", minor=12)
    put(tmp_path, "python3.11", minor=11)
    assert script.find_python() == best


@pytest.mark.parametrize(("minor", "tk"), [(14, True), (14, False), (15, True), (11, False), (30, True)])
def test_any_other_that_is_new_enough_will_do(script: Any, tmp_path: Path, minor: int, tk: bool) -> None:
    put(tmp_path, "python3.10", minor=10)
    only = put(tmp_path, f"python3.{minor}", minor=minor, tk=tk)
    assert script.find_python() == only


def test_the_one_that_somebody_names_is_taken(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "python3.12", minor=12)
    named = put(tmp_path, "mine", minor=14)
    monkeypatch.setattr("sys.executable", named)
    monkeypatch.setenv("PYTHON", named)
    assert script.find_python() == named


def test_the_virtual_environment_is_not_made_with_itself(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is active, its own Python comes first by every name; and it is deleted before it is made."""
    monkeypatch.setattr(script, "VENV", tmp_path / ".venv")
    active = tmp_path / ".venv" / "bin"
    active.mkdir(parents=True)
    best = put(tmp_path, "python3.12", minor=12)
    for name in ("python3", "python3.13"):
        put(active, name, minor=13)
    monkeypatch.setenv("PATH", f"{active}:{tmp_path}")
    monkeypatch.setattr("sys.executable", str(active / "python3"))
    monkeypatch.setattr("sys._base_executable", str(tmp_path / "gone"))
    assert script.find_python() == best
    monkeypatch.setenv("PYTHON", "python3")
    monkeypatch.setattr("sys._base_executable", best)
    assert script.find_python() == best


def test_none_is_new_enough(script: Any, tmp_path: Path) -> None:
    put(tmp_path, "python3.10", minor=10)
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer"):
        script.find_python()


def locked(name: str) -> list[Requirement]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return [Requirement(line) for line in re.findall(r"^([^\s#].*) \\$", text, re.MULTILINE)]


@pytest.mark.parametrize("python", PYTHONS)
def test_everything_that_is_asked_for_is_locked(python: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert Requirement(f"python{project['project']['requires-python']}").specifier.contains(python)
    environment = {"python_version": python, "python_full_version": f"{python}.1", "extra": ""}
    pins = {r.name: r for r in locked("requirements.lock") if r.marker is None or r.marker.evaluate(environment)}
    groups = [project["project"]["dependencies"], project["dependency-groups"]["dev"]]
    groups += project["project"]["optional-dependencies"].values()
    for wanted in (Requirement(text) for group in groups for text in group):
        if wanted.marker is None or wanted.marker.evaluate(environment):
            (pin,) = pins[wanted.name.replace(".", "-").replace("_", "-")].specifier
            assert wanted.specifier.contains(pin.version), wanted
    (old,) = locked("requirements-interop.lock")
    assert old.marker is not None
    assert [old.marker.evaluate(environment), "libtorrent" in pins] == [python in WITH_LIBTORRENT] * 2
