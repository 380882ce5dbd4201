"""The documents name only what exists."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = ROOT / "src" / "swarmshare"
GLOSSARY: Final = (ROOT / "docs" / "GLOSSARY.md").read_text()
TYPES: Final = re.findall(r"`(\w+)` in `([\w/]+\.py)` \|$", GLOSSARY, re.MULTILINE)


def classes(path: Path) -> set[str]:
    """The names of the classes at the top of a module."""
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)}


@pytest.mark.parametrize(("name", "module"), TYPES, ids=[name for name, _ in TYPES])
def test_each_type_of_the_glossary_exists(name: str, module: str) -> None:
    there = (SOURCE / module).is_file() and name in classes(SOURCE / module)
    homes = [] if there else [str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if name in classes(path)]
    assert there, f"docs/GLOSSARY.md: {name} is not in {module}, but in {homes or 'no module'}"


def test_the_glossary_has_each_term_and_each_type_once() -> None:
    rows = re.findall(r"^\| \*\*(.+?)\*\* \|", GLOSSARY, re.MULTILINE)
    assert len(rows) > 50
    assert len(TYPES) > 40, "most terms have a type"
    assert len(set(rows)) == len(rows)
    assert len({name for name, _ in TYPES}) == len(TYPES)


PAGES: Final = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
FILES: Final = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if ".venv" not in path.parts}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_module_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"`([\w./-]+\.py)`", page.read_text()))
    assert {name for name in named if not any(f"/{file}".endswith(f"/{name}") for file in FILES)} == set()


LIMITS: Final = re.findall(
    r"^\| `([\w/]+)\.py` `(\w+)` \| ([\d_.* ]+?) \|", (ROOT / "docs" / "limits.md").read_text(), re.MULTILINE
)


@pytest.mark.parametrize(("module", "name", "value"), LIMITS, ids=[f"{module}.{name}" for module, name, _ in LIMITS])
def test_the_limits_are_those_of_the_code(module: str, name: str, value: str) -> None:
    found = getattr(importlib.import_module(f"swarmshare.{module.replace('/', '.')}"), name)
    assert eval(value) == found, f"docs/limits.md says {value} of {module}.{name}"


def test_there_are_many_limits() -> None:
    rows = (ROOT / "docs" / "limits.md").read_text().count("\n| `")
    assert len(LIMITS) == rows > 40


THREATS: Final = re.findall(
    r"`(tests/[\w/]+\.py)::(\w+)` \|$", (ROOT / "docs" / "threat-model.md").read_text(), re.MULTILINE
)


@pytest.mark.parametrize(("module", "name"), THREATS, ids=[name for _, name in THREATS])
def test_each_threat_is_tried_by_a_test(module: str, name: str) -> None:
    tree = ast.parse((ROOT / module).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_each_line_of_the_threat_model_has_a_test_or_says_why_not() -> None:
    rows = re.findall(r"^\| (?!-)(.*) \|$", (ROOT / "docs" / "threat-model.md").read_text(), re.MULTILINE)
    lines = [row for row in rows if not row.endswith("| test") and set(row) != set("-|")]
    untested = [row for row in lines if row.rpartition("| ")[2] in ("**open**", "accepted")]
    assert len(lines) == len(THREATS) + len(untested)
    assert len(THREATS) > 20
