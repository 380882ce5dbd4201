"""Make a fresh machine ready for SwarmShare: `make setup`. Run it again at will: what is there already stays.

It needs nothing but a Python to start with, so it uses the standard library alone and only syntax that an old Python
can read: finding a newer one is its first job. What it makes:

* .venv, with every package of requirements.lock (hashes checked) and SwarmShare itself, installed so that edits count;
  and below it, for tests only, a second libtorrent that is as old as the one in Debian 12's clients;
* the system packages that pip cannot bring (Tk, Xvfb), through apt when we are root or may use sudo without a password.
  Otherwise it prints the exact command, and goes on where it can do without.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
VENV = HOME / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / "set-up"
LOCK = HOME / "requirements.lock"
INTEROP_LOCK = HOME / "requirements-interop.lock"
OLD_LIBTORRENT = VENV / "libtorrent-2.0.11"
OLDEST = (3, 11)
NO_LIBTORRENT = (3, 14)
"""From here on there are no wheels of libtorrent; only tests and benches want it."""
SYSTEM_PYTHON = "/usr/bin/python3"


def say(text: str) -> None:
    print("setup: " + text, file=sys.stderr, flush=True)


def quiet(*command: str) -> bool:
    """Whether a command succeeds; what it prints is nobody's business."""
    try:
        return (
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
        )
    except OSError:
        return False


def run(*command: str) -> None:
    """Run a command; its output is shown only when it fails, and then we fail with it."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, cwd=str(HOME))
    if done.returncode:
        sys.stderr.write(done.stdout.decode("utf-8", "replace"))
        raise SystemExit("setup: this failed: " + " ".join(command))


def pythons() -> "list[str]":
    """Every Python 3 of this machine, as far as it can be found by name: the one that runs this first."""
    folders = [Path(folder) for folder in os.get_exec_path() if os.path.isdir(folder)]
    versions = [path for folder in folders for path in folder.iterdir() if re.match(r"python3\.\d+$", path.name)]
    versions.sort(key=lambda path: -int(path.suffix[1:]))
    first = [own_python(), *filter(None, [shutil.which("python3")]), SYSTEM_PYTHON]
    return [name for name in [*first, *map(str, versions)] if VENV not in Path(os.path.abspath(name)).parents]


def own_python() -> str:
    """The Python that runs this; of .venv, which may be made anew, the one that it was made with."""
    if VENV in Path(os.path.abspath(sys.executable)).parents:
        return getattr(sys, "_base_executable", SYSTEM_PYTHON)
    return sys.executable


def find_python() -> str:
    """The Python to use: one with which everything works, the window and all tests; else any that is new enough."""
    enough = "import sys; sys.exit(sys.version_info < %r)" % (OLDEST,)
    everything = "import sys, tkinter; sys.exit(not %r <= sys.version_info[:2] < %r)" % (OLDEST, NO_LIBTORRENT)
    # `make setup PYTHON=...` hands the variable on; that is somebody's choice.
    if os.environ.get("PYTHON") and quiet(own_python(), "-c", enough):
        return own_python()
    candidates = pythons()
    for check in (everything, enough):
        for name in candidates:
            if quiet(name, "-c", check):
                return name
    raise SystemExit(
        "setup: SwarmShare needs Python 3.11 or newer; there is none here. Try: sudo apt-get install python3"
    )


def apt_install(packages: "list[str]") -> bool:
    """Whether Debian's packages could be installed; if not, the user is told what to type."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if shutil.which("apt-get") and (not sudo or quiet("sudo", "-n", "true")):
        say("installing " + " ".join(packages))
        environment = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive"]
        if quiet(*environment, "apt-get", "update") and quiet(*environment, *command):
            return True
        say("apt-get failed.")
    say("please install these yourself:  sudo " + " ".join(command))
    return False


def system_packages(python: str) -> None:
    """What pip cannot bring, for the window and for testing it without a screen. The headless program needs none."""
    wanted = []
    if not quiet(python, "-c", "import tkinter"):
        wanted.append("python3-tk")
    if not shutil.which("Xvfb"):
        wanted.append("xvfb")
    if wanted and apt_install(wanted) and not quiet(python, "-c", "import tkinter"):
        say(
            python
            + " still has no Tk: it is not Debian's Python. For the window, run: make setup PYTHON=/usr/bin/python3"
        )


def make_venv(python: str) -> "list[str]":
    """.venv with a way to install into it, also where Debian left ensurepip out. Returns that way, as a command."""
    shutil.rmtree(str(VENV), ignore_errors=True)
    has_ensurepip = quiet(python, "-c", "import ensurepip, venv")
    has_pip = quiet(python, "-m", "pip", "--version")
    if not (has_ensurepip or has_pip or shutil.which("uv")):
        has_ensurepip = apt_install(["python3-venv"]) and quiet(python, "-c", "import ensurepip, venv")
        if not has_ensurepip:
            raise SystemExit("setup: " + python + " can make no virtual environment before that.")
    if has_ensurepip:
        run(python, "-m", "venv", str(VENV))
        return [str(VENV_PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]
    run(python, "-m", "venv", "--without-pip", str(VENV))
    if has_pip:
        return [python, "-m", "pip", "--python", str(VENV_PYTHON), "install", "--disable-pip-version-check"]
    return ["uv", "pip", "install", "--python", str(VENV_PYTHON)]


def fingerprint(python: str) -> str:
    """Everything that, when it changes, makes .venv out of date."""
    digest = hashlib.sha256(python.encode())
    for path in (LOCK, INTEROP_LOCK, HOME / "pyproject.toml", Path(__file__).resolve()):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    python = find_python()
    system_packages(python)
    current = fingerprint(python)
    if STAMP.exists() and STAMP.read_text() == current and quiet(str(VENV_PYTHON), "-c", "import swarmshare"):
        return
    say("making .venv with " + python)
    install = make_venv(python)
    run(*install, "--require-hashes", "-r", str(LOCK))
    run(*install, "--no-deps", "--no-build-isolation", "-e", str(HOME))
    run(*install, "--require-hashes", "--target", str(OLD_LIBTORRENT), "-r", str(INTEROP_LOCK))
    STAMP.write_text(current)
    say("ready.")


if __name__ == "__main__":
    main()
