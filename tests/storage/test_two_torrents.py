"""Two torrents, three programs and somebody else in one folder, in any order: what is called complete is so."""

from __future__ import annotations

import os
import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from storage.makers import PIECE

from swarmshare.common.bitfield import Bitfield
from swarmshare.errors import StorageError
from swarmshare.manifest.build import Description
from swarmshare.storage.create import create_manifest
from swarmshare.storage.paths import part_paths
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.storage.plan import make_plan
from swarmshare.storage.resume import load_resume, save_resume

if TYPE_CHECKING:
    from swarmshare.manifest.manifest import Manifest

NAMES = ("a", "b/c")
CONTENTS = st.lists(st.sampled_from([1, 2]), min_size=1, max_size=2)
"""Of a file: a byte for each piece. None is of zeros, as a file that somebody else began has them where nothing is."""
VERSION = st.fixed_dictionaries(dict.fromkeys(NAMES, CONTENTS))
USERS = st.integers(0, 2)
"""Two programs that share the first torrent, and one that shares the other."""


def data_of(fills: list[int]) -> bytes:
    return b"".join(bytes([fill]) * PIECE for fill in fills)


class User:
    """A program that shares a torrent; what it believes to hold."""

    def __init__(self, manifest: Manifest, version: dict[str, list[int]], folder: Path, resume: Path) -> None:
        self.manifest, self.folder, self.resume = manifest, folder, resume
        self.data = [data_of(version["/".join(file.path)]) for file in manifest.files]
        self.storage = TorrentStorage(manifest, folder)
        self.held: set[int] = set()
        self.named: set[int] = set()
        self.start()

    def start(self) -> None:
        self.storage = TorrentStorage(self.manifest, self.folder)
        trusted = load_resume(self.resume, self.manifest, self.storage)
        self.held = trusted.held | self.storage.scan(only_files=trusted.recheck)

    def look(self) -> None:
        lost = self.storage.lost_files()
        self.held -= {piece for number in lost for piece in self.manifest.layout.file_pieces(number)}
        self.held |= self.storage.scan(only_files=lost)

    def pieces(self, number: int) -> set[int]:
        return set(self.manifest.layout.file_pieces(number))

    def path(self, number: int) -> Path:
        return self.folder.joinpath(*self.manifest.local_paths(windows=False)[number])


class Folder(RuleBasedStateMachine):
    """Every file under its final name is a promise of whoever brought it there."""

    @initialize(one=VERSION, two=VERSION)
    def begin(self, one: dict[str, list[int]], two: dict[str, list[int]]) -> None:
        self.top = Path(tempfile.mkdtemp())
        self.folder = self.top / "downloads"
        self.folder.mkdir()
        self.numbers = count()
        manifests = []
        for version in (one, two):
            source = self.top / f"made {next(self.numbers)}" / "Holiday"
            for name, fills in version.items():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                (source / name).write_bytes(data_of(fills))
            manifests.append(create_manifest(make_plan(source), Description(), piece_length=PIECE))
        self.users = [
            User(manifest, version, self.folder, self.top / f"resume {i}")
            for i, (manifest, version) in enumerate([(manifests[0], one), (manifests[0], one), (manifests[1], two)])
        ]
        self.promised: dict[Path, bytes] = {}
        """What bears a final name, and may change by nobody but whoever else wrote it."""

    @rule(who=USERS, number=st.integers(0, 1), most=st.integers(1, 2))
    def fetch(self, who: int, number: int, most: int) -> None:
        """The next pieces of a file."""
        user = self.users[who]
        try:
            user.storage.prepare([number])
            for piece in sorted(user.pieces(number) - user.held)[:most]:
                span = user.manifest.layout.span(user.manifest.layout.index(piece))
                data = user.data[number][span.offset : span.offset + span.length]
                user.storage.write(user.manifest.layout.index(piece), data)
                user.held.add(piece)
        except StorageError:
            user.look()

    @rule(who=USERS, number=st.integers(0, 1))
    def finish(self, who: int, number: int) -> None:
        user = self.users[who]
        if user.pieces(number) <= user.held:
            try:
                user.storage.finish(number)
            except StorageError:
                user.look()
            else:
                assert user.path(number).read_bytes() == user.data[number], "what is called complete verifies"
                assert not user.path(number).with_name(part_paths(user.manifest)[number][-1]).exists()
                self.promised[user.path(number)] = user.data[number]

    @rule(who=USERS, number=st.integers(0, 1), between=st.sampled_from(["", "disturbed", "the other torrent"]))
    def complete(self, who: int, number: int, between: str) -> None:
        """All of a file at once, or nearly so."""
        self.fetch(who, number, 2)
        if between == "disturbed":
            self.disturb(who, number, b"broken")
        elif between:
            self.fetch(2 - who, number, 2)
        self.finish(who, number)

    @rule(who=USERS, saved=st.booleans())
    def restart(self, who: int, saved: bool) -> None:
        user = self.users[who]
        if saved:
            field = Bitfield(user.manifest.layout.piece_count)
            for piece in user.held:
                field.set(piece)
            save_resume(user.resume, user.manifest, field.to_wire(), user.storage.file_states())
        user.storage.close()
        user.start()

    @rule(name=st.sampled_from(NAMES), fills=CONTENTS, unfinished=st.booleans())
    def bring(self, name: str, fills: list[int], unfinished: bool) -> None:
        """Somebody puts a file there, perhaps one that another program has not finished."""
        path = self.folder / "Holiday" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = data_of(fills)
        if unfinished and len(fills) > 1:
            data = data[:PIECE] + bytes(len(data) - PIECE)
        else:
            self.promised[path] = data
        # Its inode must not be that of what it replaces: a file that is written anew in place cannot be told apart.
        new = self.top / f"new {next(self.numbers)}"
        new.write_bytes(data)
        if path.exists():
            path.rename(self.top / f"kept {next(self.numbers)}")
            self.promised.pop(path, None)
            if not (unfinished and len(fills) > 1):
                self.promised[path] = data
        new.rename(path)

    @rule(who=USERS, number=st.integers(0, 1), data=st.sampled_from([b"broken", bytes(PIECE)]))
    def disturb(self, who: int, number: int, data: bytes) -> None:
        """Somebody writes into a part: the time is set, for clocks that tick slowly."""
        user = self.users[who]
        part = self.folder.joinpath(*part_paths(user.manifest)[number])
        if part.exists() and part.stat().st_size:
            with open(part, "r+b") as file:
                file.write(data)
            now = next(self.numbers)
            os.utime(part, ns=(now, now))

    @precondition(lambda self: hasattr(self, "promised"))
    @invariant()
    def promises_are_kept(self) -> None:
        for path, data in self.promised.items():
            assert path.read_bytes() == data, path

    def teardown(self) -> None:
        if hasattr(self, "top"):
            shutil.rmtree(self.top)


TestFolder = pytest.mark.unmeasured(Folder.TestCase)
TestFolder.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
