"""A group's day from the terminal alone: an admin, an organiser and a member, each message read.

Every command is a process of its own, as a person would start it; each of the three has a home of their own.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from waiting import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.unmeasured

PASSWORD, ANOTHER = "correct horse", "battery staple"


class Person:
    """Somebody at a terminal, which is no terminal to the commands: nobody answers questions there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "password").write_text(PASSWORD + "\n")
        (folder / "another").write_text(ANOTHER + "\n")

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "swarmshare", *map(str, arguments)],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "SWARMSHARE_HOME": str(self.folder / "home")},
        )  # fmt: skip

    def types(self, *arguments: object) -> list[str]:
        """What a command says that does what it should."""
        process = self.start(*arguments)
        out, error = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, error
        return out.splitlines()

    def is_refused(self, *arguments: object) -> str:
        """The one line of a command that does not."""
        process = self.start(*arguments)
        _, error = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 1
        (line,) = error.splitlines()
        return line.removeprefix("swarmshare: ")

    @contextmanager
    def running(self, until: str, *arguments: object) -> Iterator[dict[str, dict[str, Any]]]:
        """A command that goes on; gives what it told up to the event ``until``, by event."""
        process = self.start(*arguments, "--json")
        assert process.stdout is not None
        told: dict[str, dict[str, Any]] = {}
        try:
            while until not in told:
                line = process.stdout.readline()
                assert line, process.communicate(timeout=TIMEOUT)
                fields = json.loads(line)
                told[fields.pop("event")] = fields
            yield told
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=TIMEOUT)
        assert process.returncode == 130


@pytest.fixture
def people(tmp_path: Path) -> tuple[Person, Person, Person]:
    admin, organiser, member = (Person(tmp_path / name) for name in ("admin", "organiser", "member"))
    return admin, organiser, member


def test_a_day(people: tuple[Person, Person, Person], tmp_path: Path) -> None:
    admin, olga, ben = people
    holiday = ben.folder / "Holiday"
    holiday.mkdir()
    (holiday / "film.bin").write_bytes(os.urandom(300_000))
    (holiday / "where.txt").write_text("by the sea")
    with admin.running("listening", "tracker", "--listen", "127.0.0.1:0", "--data", "data") as told:
        url, setup = told["listening"]["url"], told["setup"]["setup_token"]

        # Set up. Nothing runs yet for Olga, and the admin sees the tracker.
        assert olga.types("status") == [f"Nothing of SwarmShare runs here ({olga.folder / 'home'})."]
        said = admin.types("status")
        assert said[0].startswith("tracker (process ")
        assert said[1:] == [f"  listens on {told['listening']['address']}", f"  tracker: {url}", ONE_PROCESS]
        (line,) = olga.types(
            "register", "--tracker", url, "--user", "Olga", "--setup-token", setup, "--password-file", "password"
        )
        assert line.startswith(f"Olga (organiser) is signed in at {url} until ")

        # Invite. The link is enough: it has the address.
        said = olga.types("invite")
        link = said[-3].strip()
        assert "/join/invite_" in link
        assert said[-1] == f"  swarmshare register --user NAME --invite {link}"
        (line,) = ben.types("register", "--user", "Ben", "--invite", link, "--password-file", "password")
        assert line.startswith("Ben (member) is signed in at http://")
        assert "has been used" in ben.is_refused(
            "register", "--user", "B", "--invite", link, "--password-file", "password"
        )
        assert olga.types("invite", "--list")[-1] == "1 invitation"
        names = [line.split("  ")[0].strip() for line in olga.types("members")]
        assert names == ["Olga", "Ben", "2 accounts"]
        assert ben.is_refused("members") == "only an organiser may do that"
        assert ben.is_refused("invite") == "only an organiser may do that"

        # Publish, and look at what runs.
        with ben.running("listening", "publish", "Holiday", "--seed", "--listen", "127.0.0.1:0") as shared:
            info_hash = shared["published"]["info_hash"]
            said = ben.types("status")
            while "seeding" not in said[3]:  # it is told every two seconds
                said = ben.types("status")
            assert said[0].startswith("publish (process ")
            tracker = link.split("/join/")[0]
            assert said[1:3] == [f"  listens on {shared['listening']['address']}", f"  tracker: {tracker}"]
            assert said[3].startswith("  Holiday: seeding, 100% of 293.0 KiB, down 0 B/s, up 0 B/s, ")

            # Find by name, download by prefix, watch. The settings say where downloads go.
            assert info_hash in olga.types("list", "--search", "holi")[2]
            message = olga.is_refused("download", "Holida")
            assert message.startswith(
                "'Holida' is no file here, no info hash, no magnet link, and not the name of what"
            )
            assert f"There is {info_hash[:8]} ('Holiday', " in message
            (line,) = olga.types("config", "set", "folder", olga.folder / "Shared")
            assert line.startswith(f"folder is {olga.folder / 'Shared'} now (")
            said = olga.types("download", info_hash[:8])
            assert said[0] == f"Downloading Holiday to {olga.folder / 'Shared'}"
            assert (olga.folder / "Shared" / "Holiday" / "film.bin").read_bytes() == (holiday / "film.bin").read_bytes()
            said = olga.types("swarm", "Holiday")
            assert said[0] == "Holiday"
            assert any("Ben at 127.0.0.1:" in line for line in said)
            assert olga.types("verify", "Holiday", "Shared")[-1] == "All right: 2 files, 293.0 KiB"
        assert ben.types("status")[0].startswith("Nothing of SwarmShare runs here")

        # One's own account.
        (line,) = ben.types("announce-url")
        assert "/announce/" in line
        assert "Add --yes" in ben.is_refused("announce-url", "--renew")
        assert ben.types("announce-url", "--renew", "--yes") != [line]
        ben.types("login", "--tracker", url, "--user", "ben", "--password-file", "password")
        assert len(ben.types("devices")) in (2, 3)
        said = ben.types("password", "--old-password-file", "password", "--password-file", "another")
        assert said[0].startswith("The password of Ben at ")
        assert len(ben.types("devices")) == 2, "this machine, and the line below"

        # Back up, with all that a new tracker needs.
        said = olga.types("export", "backup", "--secrets")
        assert said[-1] == "Keep this folder secret: it has the passkeys and password hashes of all."
        assert stat.S_IMODE((olga.folder / "backup" / "accounts.json").stat().st_mode) == 0o600
        assert "it is there already" in olga.is_refused("export", "backup")
        assert ben.is_refused("export", "mine") == "only an organiser may do that"

        # Withdraw: not without being asked, and never what somebody else published.
        olga_file = olga.folder / "notes.txt"
        olga_file.write_text("notes")
        olga.types("publish", "notes.txt")
        assert ben.is_refused("withdraw", "notes.txt", "--yes") == "this was published by somebody else"
        message = ben.is_refused("withdraw", info_hash[:12])
        assert message.startswith(
            f"Withdraw 'Holiday' (293.0 KiB by Ben, {info_hash[:8]}) from {url}? There is no terminal"
        )
        (line,) = ben.types("withdraw", info_hash[:12], "--yes")
        assert line == f"Withdrawn: 'Holiday' (293.0 KiB by Ben, {info_hash[:8]})"
        assert "'Holiday' is no file here" in olga.is_refused("download", "Holiday")

        # Suspend, and let in again.
        assert "Add --yes" in olga.is_refused("suspend", "ben")
        assert olga.types("suspend", "ben", "--yes")[0] == "Ben is suspended."
        assert ben.is_refused("list").startswith("this account is suspended")
        assert olga.types("suspend", "ben", "--undo") == ["Ben may sign in again."]
        assert "there is no account 'nobody'" in olga.is_refused("suspend", "nobody", "--yes")
        # A forgotten password.
        said = olga.types("invite", "--for", "ben")
        code = said[-1].split()[-1]
        ben.types("password", "--tracker", url, "--user", "Ben", "--invite", code, "--password-file", "password")
        assert ben.types("whoami") == [f"Ben (member) at {url}"]

    # Restore, at a tracker that has nothing.
    with admin.running("listening", "tracker", "--listen", "127.0.0.1:0", "--data", "new") as told:
        url, setup = told["listening"]["url"], told["setup"]["setup_token"]
        admin.types(
            "register", "--tracker", url, "--user", "Ada", "--setup-token", setup, "--password-file", "password"
        )
        said = admin.types("import", olga.folder / "backup")
        assert said == ["accounts: 2 added, 0 were there already", "catalogue: 1 added, 0 were there already"]
        assert admin.types("import", olga.folder / "backup")[1] == "catalogue: 0 added, 1 were there already"
        ben.types("login", "--tracker", url, "--user", "ben", "--password-file", "another")
        assert ben.types("list", "--tracker", url)[0] == "Holiday"


ONE_PROCESS = "1 process of SwarmShare at work here"
