"""Fixtures that several test packages share."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import coverage
import pytest
from hypothesis import HealthCheck, settings
from interop.peers import VERSIONS, Libtorrent, need

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent

# Real files and libtorrent take what time they take; on a busy machine a deadline would only report the machine.
settings.register_profile("swarmshare", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples each time where nobody watches; new ones each time where somebody does.
settings.register_profile("ci", settings.get_profile("swarmshare"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "swarmshare")


def pytest_configure(config: pytest.Config) -> None:
    """Stop measuring where pytest-xdist only hands out tests: none of our code runs there, and it costs as much."""
    measured = coverage.Coverage.current()
    if measured is not None and config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        measured.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Measure no ``unmeasured`` tests, and leave no widgets to the tests behind those of the window."""
    with unmeasured() if item.get_closest_marker("unmeasured") else nullcontext():
        result = yield
    if is_of_the_window(item) and (nextitem is None or not is_of_the_window(nextitem)):
        gc.collect()  # widgets are in cycles; found later, in another thread, they call Tk there
    return result


@contextmanager
def unmeasured() -> Iterator[None]:
    """Measure neither this process nor those that it starts: they would take twice as long.

    Such a test goes all the way through what others test part by part, and these are measured.
    """
    measured = coverage.Coverage.current()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        if measured is not None:
            measured.stop()
        try:
            yield
        finally:
            if measured is not None:
                measured.start()


def is_of_the_window(item: pytest.Item) -> bool:
    return "gui" in item.path.relative_to(ROOT).parts


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write what a worker covered while its session is still waited for.

    A worker that takes more than ten seconds to exit is killed by pytest-xdist, and on a busy machine writing takes
    that long: what the worker covered would be lost, in silence.
    """
    measured = coverage.Coverage.current()
    if measured is not None and hasattr(session.config, "workerinput"):
        measured.stop()
        measured.save()


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for SwarmShare that is not the user's own, for this process and all that it starts."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWARMSHARE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def samples() -> ModuleType:
    """``torrents/regenerate.py``, the way to the sample manifests and their files."""
    spec = importlib.util.spec_from_file_location("regenerate", ROOT / "torrents" / "regenerate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["regenerate"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", params=VERSIONS)
def judge(request: pytest.FixtureRequest) -> Iterator[Libtorrent]:
    """libtorrent of each version, to ask about manifests and links."""
    need(request.param)
    with Libtorrent(request.param) as judge:
        yield judge


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Each version of libtorrent that we must get on with."""
    version: str = request.param
    need(version)
    return version


@pytest.fixture
def all_versions() -> None:
    """For a test that takes all of them together."""
    for version in VERSIONS:
        need(version)


@pytest.fixture
def as_nobody() -> Any:
    """Runs a function in a child process without root's right to read everything; returns what it returns."""

    def run(function: Any) -> Any:
        import pickle

        read, write = os.pipe()
        if not (pid := os.fork()):
            try:
                if os.geteuid() == 0:
                    os.setgid(65534)
                    os.setuid(65534)
                os.write(write, pickle.dumps(function()))
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as result:
            data = result.read()
        os.waitpid(pid, 0)
        return pickle.loads(data)

    return run
