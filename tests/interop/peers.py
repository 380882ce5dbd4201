"""libtorrent as an independent judge and peer, in the versions that matter; and digests to compare."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.manifest.manifest import Manifest

OLD: Final = "2.0.11"
"""As Debian 12's qBittorrent and Deluge have it (2.0.8): the last one that requests the padding of a v2 torrent."""
NEW: Final = "2.1"
"""The one of ``requirements.lock``."""
VERSIONS: Final = (OLD, NEW)
CHILD: Final = Path(__file__).parent / "child.py"


OLD_FOLDER: Final = Path(sys.prefix) / f"libtorrent-{OLD}"
"""Where ``make setup`` puts it."""


def need(version: str) -> None:
    """Skip the test if there is no such libtorrent. For fixtures: inside of trio a skip loses its reason."""
    is_here = (OLD_FOLDER / "libtorrent").is_dir() if version == OLD else importlib.util.find_spec("libtorrent")
    if not is_here:
        python = "Python {}.{}".format(*sys.version_info[:2])
        pytest.skip(f"no libtorrent {version}: it has no wheel for {python}, or `make setup` was not run")


def _environment(version: str) -> dict[str, str]:
    """Of a process with that libtorrent. Nothing of ours runs in it, so that its coverage is not worth measuring."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}
    return {**ours, "PYTHONPATH": str(OLD_FOLDER)} if version == OLD else ours


class LibtorrentError(Exception):
    """libtorrent refuses something, in its own words."""


class Libtorrent:
    """A process with one libtorrent in it. ``ask`` takes the commands of :class:`interop.child.Client`."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.port = 0
        """Where its session listens, once there is one."""
        self._process = subprocess.Popen(
            [sys.executable, str(CHILD)],
            env=_environment(version),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.ask("version").startswith(version + ".")

    def __enter__(self) -> Libtorrent:
        return self

    def __exit__(self, *error: object) -> None:
        # Nothing is lost: its session has nothing to say to anybody after a test.
        self._process.kill()
        self._process.communicate()

    def ask(self, command: str, *arguments: object) -> Any:
        """The answer to a command. Raises :class:`LibtorrentError`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([command, *arguments]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise LibtorrentError(answer["error"])
        return answer["result"]

    def open(self, listen: str = "127.0.0.1:0", **settings: object) -> Libtorrent:
        """Open its session."""
        self.port = self.ask("open", listen, settings)
        return self

    def add(self, source: Manifest | str, folder: Path, *, seed: bool = False) -> None:
        """Start a torrent, from a manifest or a magnet link, in the session, which is opened if it is not."""
        if not self.port:
            self.open()
        self.ask("add", source if isinstance(source, str) else source.encode().hex(), str(folder), seed)

    def connect(self, address: str) -> None:
        """Dial ``host:port``."""
        host, _, port = address.rpartition(":")
        self.ask("connect", host, int(port))

    @property
    def status(self) -> dict[str, Any]:
        return self.ask("status")  # type: ignore[no-any-return]

    @property
    def is_seeding(self) -> bool:
        return bool(self.status["is_seeding"])

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port


def digests(folder: Path) -> dict[str, str]:
    """Every file below a folder, by what is in it; or the one file that it is."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted([*folder.rglob("*"), folder])
        if path.is_file()
    }


async def seeds(peer: Libtorrent) -> None:
    """Wait until a seed has looked at its torrent: whoever dials before is hung up on."""
    await until(lambda: peer.status["state"] == "seeding")


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that libtorrent does in a thread of its own, and tells nobody of."""
    while not condition():  # noqa: ASYNC110
        await trio.sleep(0.05)
