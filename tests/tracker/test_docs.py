"""The documentation says what the code does: what can be made from it is, and the rest is tried."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import sys
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT

from swarmshare.cli.command import command_parser as command_line

if TYPE_CHECKING:
    from types import ModuleType

DOCS = ROOT / "docs"
API = DOCS / "tracker-api.md"


@pytest.fixture(params=["tracker-api.md", "operations.md"])
def page(request: pytest.FixtureRequest) -> str:
    return (DOCS / str(request.param)).read_text()


@pytest.fixture(scope="module")
def tracker_docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tracker_docs", ROOT / "scripts" / "tracker_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tracker_docs"] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_code_says(tracker_docs: ModuleType) -> None:
    page = API.read_text()
    assert tracker_docs.render(page) == page, "run scripts/tracker_docs.py"


def test_links_lead_somewhere(page: str) -> None:
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)", page, re.M)}
    for target in re.findall(r"\]\(([^)]*)\)", page):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif "://" not in target:
            assert (DOCS / target.partition("#")[0]).exists(), target


def test_examples_can_be_read(page: str) -> None:
    for kind, text in re.findall(r"^```(\w+)\n(.*?)^```", page, re.M | re.S):
        if kind == "json":
            json.loads(text)


def test_commands_are_ones_that_there_are(page: str) -> None:
    """Every line of a shell example that calls us is one that the command line takes."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    commands = [
        found[1] for line in lines if (found := re.match(r"(?:\$ )?(?:\S*/)?swarmshare (.*?)(?:\s+#.*)?$", line))
    ]
    assert commands
    for command in commands:
        command_line([]).parse_args(shlex.split(command))
