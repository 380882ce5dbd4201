"""Take the pictures of the window that the README shows, from a real swarm on this machine.

    .venv/bin/python scripts/screenshots.py [FOLDER]      # by default docs/images

A tracker and four peers run as processes of their own; the window is the real one, on a screen that nobody sees (Xvfb).
Everything it shows is there: nothing is drawn for the image.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import ImageGrab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from swarmshare.gui.window import MainWindow

ROOT = Path(__file__).resolve().parent.parent
SIZE = 1280, 780
PASSWORD = "correct horse battery"
PORT = 6969
HOME = "/home/ana"
"""What fields with paths say; the folders are temporary ones."""
MIB = 2**20
LOOKS = (("light", "en"), ("dark", "en"), ("light", "pt_BR"), ("dark", "pt_BR"))
SHARED: tuple[tuple[str, str, str, tuple[tuple[str, int], ...]], ...] = (
    ("ben", "Lecture 07 - Fourier", "Slides and the recording", (("recording.mkv", 9), ("slides.pdf", 2))),
    ("cho", "field-data-2026-03", "All sensors, raw", (("north.csv", 5), ("south.csv", 4), ("notes/readme.txt", 0))),
    ("dee", "ubuntu-lab-image.img", "For the machines in room 12", ()),
    ("ben", "Team photos", "", (("arrival.jpg", 1), ("dinner.jpg", 1), ("group.jpg", 2))),
)
FILM = "Documentary, final cut"


def content(folder: Path, name: str, files: tuple[tuple[str, int], ...], single: int = 6) -> Path:
    """Files of so many MiB; without any, one file."""
    root, rng = folder / name, random.Random(name)
    for path, size in [(root / inner, size) for inner, size in files] or [(root, single)]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rng.randbytes(size * MIB or 900))
    return root


class Peer:
    """One machine of the group: a home, and verbs as processes."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        folder.mkdir(parents=True)
        (folder / "password").write_text(PASSWORD)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "swarmshare", *map(str, arguments), "--json"],
            env={**os.environ, "SWARMSHARE_HOME": str(self.folder / "home")},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._stack.callback(process.communicate, timeout=30)
        self._stack.callback(process.terminate)
        return process

    def run(self, *arguments: object) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.start(*arguments).communicate(timeout=90)[0].splitlines()]

    def register(self, tracker: str, user: str, *more: object) -> None:
        self.run("register", "--tracker", tracker, "--user", user, "--password-file", self.folder / "password", *more)


def hear(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """The next event of a kind."""
    assert process.stdout is not None
    for line in process.stdout:
        told: dict[str, Any] = json.loads(line)
        if told["event"] == event:
            return told
    raise SystemExit(f"screenshots: a peer ended before it said {event!r}")


@contextmanager
def screen() -> Iterator[str]:
    """Exactly as large as the window: there is no desktop around it."""
    program = shutil.which("Xvfb")
    if program is None:
        raise SystemExit("screenshots: install Xvfb: sudo apt-get install xvfb")
    read, write = os.pipe()
    command = [program, "-displayfd", str(write), "-screen", "0", "%dx%dx24" % SIZE, "-nolisten", "tcp", "-dpi", "96"]
    process = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as ready:
            os.environ["DISPLAY"] = f":{ready.readline().strip()}"
        yield os.environ["DISPLAY"]
    finally:
        process.terminate()
        process.wait(10)


class Camera:
    """Looks at one window in one look."""

    def __init__(self, window: MainWindow, display: str, folder: Path, look: str) -> None:
        self.window, self._display, self._folder, self._look = window, display, folder, look

    def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise SystemExit("screenshots: what was to be shown did not come")
            self.window.root.update()
            time.sleep(0.01)

    def wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end)

    def shoot(self, name: str) -> None:
        self.wait(0.5)
        image = ImageGrab.grab(xdisplay=self._display)
        image.save(self._folder / f"{name}-{self._look}.png", optimize=True)
        print(f"{name}-{self._look}.png", file=sys.stderr)


def transfer(window: MainWindow, name: str) -> Any:
    return next((found for found in (window.snapshot.transfers if window.snapshot else ()) if found.name == name), None)


def select(camera: Camera, name: str) -> None:
    """Have all about one transfer shown."""
    window = camera.window
    camera.until(lambda: transfer(window, name))
    window.transfers.table.select(transfer(window, name).info_hash)
    camera.wait(0.5)


def tour(camera: Camera, folder: Path, tracker: str) -> None:
    """The first start, and the catalogue."""
    from swarmshare.gui.dialogs.dialog import rewrite

    window = camera.window
    camera.until(lambda: window.welcome)
    page = window.welcome
    assert page is not None
    rewrite(page.folder.entry, f"{HOME}/Downloads")
    camera.shoot("welcome")
    home = folder / "ana"
    page.tracker.set(tracker)
    for entry, text in ((page.user, "ana"), (page.password, PASSWORD), (page.again, PASSWORD)):
        entry.insert(0, text)
    rewrite(page.folder.entry, str(home / "Downloads"))
    page.enter.invoke()
    camera.until(lambda: window.welcome is None)
    camera.until(lambda: window.snapshot and len(window.snapshot.catalogue) >= len(SHARED) + 1)
    window.turn_to("catalogue")
    camera.shoot("catalogue")


def work(camera: Camera, folder: Path, peers: dict[str, Peer]) -> None:
    """Running downloads, what one shares, and the dialogs."""
    from swarmshare.app.facts import ShareOptions

    window = camera.window
    assert window.snapshot is not None
    entries = {entry.name: entry.info_hash for entry in window.snapshot.catalogue}
    for name in ("Lecture 07 - Fourier", "ubuntu-lab-image.img"):
        window.submit(None, lambda session: session.download, entries[name])
    camera.until(lambda: all(transfer(window, name) for name in ("Lecture 07 - Fourier", "ubuntu-lab-image.img")))
    camera.until(lambda: transfer(window, "Lecture 07 - Fourier").state.value == "seeding")
    mine = folder / "Field trip"
    if not mine.exists():
        content(folder, "Field trip", (("map.tif", 3), ("photos/one.jpg", 1), ("photos/two.jpg", 1)))
    window.submit(None, lambda session: session.jobs.share, ShareOptions(mine, comment="From Tuesday"))
    camera.until(lambda: transfer(window, "Field trip") and transfer(window, "Field trip").state.value == "seeding")
    window.submit(None, lambda session: session.download, entries[FILM])
    window.turn_to("all")
    select(camera, FILM)
    window.transfers.details.select(0)  # type: ignore[no-untyped-call]
    camera.until(lambda: transfer(window, FILM).bytes_done > 8 * MIB)
    for number, tab in enumerate(("pieces", "swarm", "files", "speed")):
        window.transfers.details.select(number)  # type: ignore[no-untyped-call]
        camera.shoot(tab)
    window.transfers.details.select(0)  # type: ignore[no-untyped-call]
    dialogs(camera)


def dialogs(camera: Camera) -> None:
    from swarmshare.gui.dialogs.dialog import rewrite
    from swarmshare.gui.dialogs.leaving import ask_to_leave
    from swarmshare.gui.dialogs.settings import open_settings
    from swarmshare.gui.dialogs.share import open_share_dialog

    window = camera.window
    sharing = open_share_dialog(window, Path(HOME, "Field trip"))
    camera.shoot("share")
    sharing.destroy()
    settings = open_settings(window)
    assert settings is not None
    settings.quiet.on = True
    settings._show_quiet()
    rewrite(settings.folder.entry, f"{HOME}/Downloads")
    camera.shoot("settings")
    settings.destroy()
    leaving = ask_to_leave(window, bool)
    if leaving is not None:
        camera.shoot("leaving")
        leaving.destroy()


def swarm(folder: Path, stack: ExitStack) -> tuple[str, dict[str, Peer]]:
    """A group that shares: everybody has shared something, and the film is with several."""
    server = Peer(folder / "tracker", stack)
    verb = server.start("tracker", "--listen", f"127.0.0.1:{PORT}", "--data", folder / "data", "--registration", "open")
    setup = hear(verb, "setup")["setup_token"]
    tracker = f"http://{hear(verb, 'listening')['address']}"
    peers = {name: Peer(folder / name, stack) for name in ("ben", "cho", "dee", "eli")}
    for number, (name, peer) in enumerate(peers.items()):
        peer.register(tracker, name, *(("--setup-token", setup) if not number else ()))
    for user, name, comment, files in SHARED:
        path = content(folder, name, files)
        hear(peers[user].start("publish", path, "--seed", "--comment", comment), "complete")
    film = content(folder, FILM, (("film.mkv", 40), ("subtitles/en.srt", 0), ("subtitles/pt.srt", 0), ("cover.jpg", 1)))
    seed = peers["cho"].start("publish", film, "--seed", "--comment", "4K", "--limit-up", "3MiB")
    info_hash = hear(seed, "published")["info_hash"]
    for name in ("dee", "eli"):
        peers[name].start(
            "download", info_hash, "--to", peers[name].folder / "there", "--seed-after", "--limit-up", "1MiB"
        )
    return tracker, peers


def main() -> int:
    images = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    images.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(ROOT / "src"))
    from swarmshare.app.thread import SessionThread
    from swarmshare.gui.preferences import Preferences
    from swarmshare.gui.window import MainWindow
    from swarmshare.gui.words import use_language

    with screen() as display:
        for theme, language in LOOKS:
            with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
                folder = Path(temporary)
                tracker, peers = swarm(folder, stack)
                os.environ["SWARMSHARE_HOME"] = str(folder / "own")
                use_language(language)
                preferences = Preferences()
                preferences.set("theme", theme)
                preferences.set("window.size", list(SIZE))
                preferences.set("notifications", False)  # they would be in the image
                thread = SessionThread()
                window = MainWindow(thread, preferences)
                window.root.geometry("+0+0")
                window.poller.start()
                camera = Camera(window, display, images, f"{theme}-{language[:2]}")
                tour(camera, folder, tracker)
                work(camera, folder, peers)
                window.poller.stop()
                thread.close()
                thread.closed.wait(10)
                window.root.destroy()
    return 0


if __name__ == "__main__":
    sys.exit(main())
