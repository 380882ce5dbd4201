"""The layers of the source: imports point down only, and pure packages stay pure."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = ROOT / "src" / "swarmshare"
TESTS: Final = ROOT / "tests"

LAYERS: Final = {
    "errors": 0, "texts": 0, "common": 0, "manifest": 0, "wire": 0, "swarm": 0, "schema": 0,
    "storage": 1, "languages": 1, "identity": 1, "engine": 2, "tracker_client": 3, "app": 4,
    "cli": 5, "gui": 5, "bench": 5,
}  # fmt: skip
"""The layer of each package: a package may import those of its own layer and of the layers below."""
SERVER: Final = "tracker"
SERVER_MAY_USE: Final = {"tracker", "schema", "common", "manifest", "errors", "texts", "languages", "identity"}
SERVER_LAYERS: Final = {"config": 0, "domain": 1, "swarms": 2, "services": 3, "http": 4, "realtime": 4}
"""The layer of each package and module of the tracker that others of it may import; all else starts it."""
FRONT_ENDS_MAY_START: Final = {("cli", "tracker"), ("bench", "tracker")}
"""The tracker is started from the command line, and a bench simulates one with its ranking; nothing else sees it."""
NOT_PURE: Final = {
    "trio", "socket", "time", "threading", "tkinter", "flask", "socketio", "gevent", "asyncio", "subprocess", "select",
    "ssl", "pathlib", "tempfile", "shutil", "concurrent", "multiprocessing", "queue", "sched",
}  # fmt: skip
UNTYPED: Final = {"bencodepy": {"manifest/bencoding.py"}, "socketio": {"tracker_client/bridge.py"}}
"""Libraries without types, and the modules that may see them."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Every module that ``path`` imports, at the top or inside a function, for types or for real."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def packages_used(path: Path) -> set[str]:
    packages = {name.split(".")[1] for name in imports(path) if name.startswith("swarmshare.")}
    return {name for name in packages if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = package(path)
    if own in {"__init__", "__main__"}:
        return
    used = packages_used(path) - {own}
    assert not (own == "texts" and used)
    if own == "common":
        assert used <= {"errors", "texts"}
    if own == SERVER:
        assert used <= SERVER_MAY_USE
        return
    assert own in LAYERS, f"{own} is a new package: give it a layer, here and in CONTRIBUTING.md"
    for other in used:
        assert (own, other) in FRONT_ENDS_MAY_START or LAYERS[other] <= LAYERS[own], f"{own} looks up to {other}"


@pytest.mark.parametrize(
    "path", [path for path in modules() if LAYERS.get(package(path)) == 0], ids=lambda path: path.stem
)
def test_layer_0_is_pure(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & NOT_PURE
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"open", "print", "input"}


def module_name(path: Path) -> str:
    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    return name.removesuffix(".__init__")


def modules_imported(path: Path, known: Collection[str]) -> set[str]:
    """The modules among ``known`` that ``path`` imports; a package counts where a name of its own is taken from it."""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            members = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            imported |= {member if member in known else node.module for member in members.values()}
    return imported & set(known) - {module_name(path)}


def import_circles(package: str) -> list[list[str]]:
    """The strongly connected components of the module graph of ``package``, type-only imports counted."""
    paths = {module_name(path): path for path in (PACKAGE / package).rglob("*.py")}
    reached = {name: modules_imported(path, paths) for name, path in paths.items()}
    for through in paths:  # Warshall's transitive closure
        for names in reached.values():
            if through in names:
                names |= reached[through]
    circles = {frozenset(other for other in reached[name] if name in reached[other]) for name in paths}
    return sorted(sorted(circle) for circle in circles if circle)


@pytest.mark.parametrize("package", sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()))
def test_no_import_circle_within_a_package(package: str) -> None:
    """What imports each other, even for types alone, cannot be understood or tested one without the other."""
    assert import_circles(package) == []


def test_one_module_makes_what_carries_the_bytes_of_a_connection() -> None:
    """So that encryption goes beneath all of them, the handshakes and the fetching of metadata included."""
    makes, goes_around = set(), set()
    for path in (PACKAGE / "engine").glob("*.py"):
        called = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        if "Transport" in {func.id for func in called if isinstance(func, ast.Name)}:
            makes.add(path.stem)
        if {"send_all", "receive_some", "sendmsg"} & {func.attr for func in called if isinstance(func, ast.Attribute)}:
            goes_around.add(path.stem)
    assert makes == {"handshaking"}
    assert goes_around == {"transport"}


@pytest.mark.parametrize("path", sorted((PACKAGE / SERVER).rglob("*.py")), ids=module_name)
def test_imports_within_the_tracker_point_down(path: Path) -> None:
    own = path.relative_to(PACKAGE / SERVER).parts[0].removesuffix(".py")
    if own not in SERVER_LAYERS:
        return
    start = f"swarmshare.{SERVER}."
    used = {name.removeprefix(start).split(".")[0] for name in imports(path) if name.startswith(start)}
    for other in used - {own}:
        assert SERVER_LAYERS.get(other, 9) < SERVER_LAYERS[own], f"{own} looks up, or across, to {other}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_untyped_libraries_stay_in_the_modules_that_wrap_them(path: Path) -> None:
    used = {name.split(".")[0] for name in imports(path)}
    for library, wrappers in UNTYPED.items():
        assert library not in used or str(path.relative_to(PACKAGE)) in wrappers


PRIVATE_IN_TESTS: Final = {
    ("cli/test_command.py", "_AppendAction"): "argparse lists the options of a parser in no other way",
    ("cli/test_command.py", "_SubParsersAction"): "as above",
    ("cli/test_command.py", "_actions"): "as above",
    ("conftest.py", "_exit"): "a forked child must not run what pytest does at the end",
    ("faults/runner.py", "_exit"): "as above",
    ("gui/conftest.py", "_default_root"): "tkinter forgets its first window in no other way",
    ("gui/real_window.py", "_default_root"): "as above",
    ("gui/test_notify.py", "_running"): "that the programs of notifications have ended is told nowhere",
    ("storage/test_create.py", "_ZEROS"): "padding longer than this buffer would take gigabytes of content",
    ("storage/test_create.py", "_rehearse"): "the second check is reached only where the first one fails",
    ("storage/test_pieces.py", "_FILE"): "a system without O_NOFOLLOW",
    ("storage/test_pieces.py", "_HAS_DIR_FD"): "a system without dir_fd",
    ("storage/test_pieces.py", "_HAS_PREAD"): "a system without pread",
    ("storage/test_pieces.py", "_hash_run"): "the moment between hashing a file and looking at its times again",
    ("storage/test_pieces.py", "_read_full"): "a disk that fails at one place of a file, under a buffered reader",
    ("test_setup.py", "_base_executable"): "the Python beneath a virtual environment has no public name",
    ("tracker/domain/test_accounts.py", "_check_admission"): "a database that lets two transactions run side by side",
}
"""The private names that a test, by its file, uses for want of anything else, with the reason.

A test of the inside breaks with each change of it: look for a public way, or make one, before a line is added here.
"""
_NOT_PRIVATE: Final = {"_replace", "_make", "_asdict", "_fields", "_"}
"""Methods of named tuples, and gettext's function."""


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in _NOT_PRIVATE


def private_uses(path: Path) -> set[str]:
    """The private names of other objects and modules that a file reads, calls, patches or imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                pass
            case ast.Attribute(attr=name):
                names.add(name)
            case ast.Call(func=ast.Name(id="setattr" | "getattr") | ast.Attribute(attr="setattr"), args=arguments):
                strings = [argument.value for argument in arguments if isinstance(argument, ast.Constant)]
                names |= {text.rpartition(".")[2] for text in strings if isinstance(text, str)}
            case ast.ImportFrom(names=aliases):
                names |= {alias.name for alias in aliases}
    return {name for name in names if is_private(name)}


def test_tests_use_no_private_names_but_these() -> None:
    found = {(str(path.relative_to(TESTS)), name) for path in TESTS.rglob("*.py") for name in private_uses(path)}
    assert found - PRIVATE_IN_TESTS.keys() == set(), "use what is public, or give the reason in this file"
    assert PRIVATE_IN_TESTS.keys() - found == set(), "these are not used any more"


@pytest.mark.parametrize("name", ["tracker_app.py", "peer_gui.py"])
def test_launchers_only_launch(name: str) -> None:
    assert len((ROOT / name).read_text().splitlines()) < 25


def test_the_lock_has_hashes_and_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pins = re.findall(r"^[a-z].*?(?=^[a-z]|\Z)", lock, re.MULTILINE | re.DOTALL)
    assert pins
    assert all("==" in pin and "--hash=sha256:" in pin for pin in pins)
    assert "://" not in lock
    assert "--index" not in lock


def test_the_lock_has_every_dependency() -> None:
    pinned = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    wanted = re.findall(r'^    "([A-Za-z0-9._-]+)>=', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert {re.sub(r"[._]", "-", name).lower() for name in wanted} <= pinned
