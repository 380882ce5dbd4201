"""The files of one torrent on a disk: reading and writing pieces, and finding out which ones are there.

A file grows under a name of this torrent only (``name.DIGITS.part``) and gets its own name when it is whole. What has
that name already is used for what is right of it, and left as it is, unless a person wants this torrent's own file
mended, or all that is not right of it is empty: see docs/adr/0008. Nothing outside the download folder is touched,
whatever links lie in it: writing follows none, and refuses a file with a second name (a hard link); reading follows
those that stay inside.

What was held of a file is held until the file is *lost*: gone, replaced, shortened, or changed by another program.
Methods that stumble over it say so, :meth:`TorrentStorage.lost_files` finds it out, and a scan tells what is left.

All methods may be called from several threads at once.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from swarmshare.errors import StorageError, TakenError
from swarmshare.manifest.merkle import BLOCK_LENGTH, leaf_hashes
from swarmshare.storage import final_name
from swarmshare.storage.content import ContentFile
from swarmshare.storage.disk_names import choose_names, local_names
from swarmshare.storage.file_location import FileLocation
from swarmshare.storage.file_part import CAN_SEND, FilePart
from swarmshare.storage.files import FileIdentity
from swarmshare.storage.links import links_of
from swarmshare.storage.opening import OpenFiles
from swarmshare.storage.paths import WINDOWS, part_paths
from swarmshare.storage.piece_hashes import PieceHashes
from swarmshare.storage.preparing import MAX_NOTICES, Prepared, make_download_folder, make_links, make_room
from swarmshare.storage.scanning import is_whole, scan_files
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path
    from threading import Event

    from swarmshare.manifest import names
    from swarmshare.manifest.layout import PieceIndex, PieceSpan
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.file_record import FileState
    from swarmshare.storage.opening import KeptFolder
    from swarmshare.storage.piece_hashes import Data
    from swarmshare.storage.progress import OnProgress

_PART: Final = 2**20
"""Bytes that are read at once of what is verified and not wanted."""


class TorrentStorage:
    """The files of ``manifest`` below ``folder``, the one that contains (or will contain) the manifest's name."""

    def __init__(self, manifest: Manifest, folder: Path, opened: OpenFiles | None = None) -> None:
        """Open files are kept in ``opened``, which other torrents may share; None: in one of its own."""
        self.manifest = manifest
        self._folder = folder
        self.hashes = PieceHashes(manifest)
        """What its pieces must hash to."""
        self._opened = OpenFiles() if opened is None else opened
        self._refused: dict[int, FileIdentity] = {}  # what was hashed in vain, because it has the name of a file
        self._names: list[names.Path] = []
        self._files: list[ContentFile] = []
        self._lay_out(local_names(manifest, folder))
        self._is_tried = False  # whether it is known which names the disk takes

    def _lay_out(self, final: list[names.Path]) -> None:
        """Call the files ``final``; what is known of a file that keeps its name stays."""
        manifest, before = self.manifest, dict(zip(self._names, self._files, strict=True))
        parts = part_paths(manifest, final)
        self._links = links_of(manifest, final)
        self._files = [
            before.get(called[0]) or ContentFile(FileLocation(manifest, number, self._folder, *called), self._opened)
            for number, called in enumerate(zip(final, parts, strict=True))
        ]
        self._names = final

    def prepare(self, wanted: Collection[int] | None = None) -> Prepared:
        """Make the folders, empty files and links of the files numbered ``wanted`` (None for all), and look for room.

        Where the disk does not take the names that some files have, they get those that are safe anywhere. A file that
        the disk refuses, as only a person can put right, is told of in the result; the others do not wait for it.

        The download folder itself is made here and nowhere else: when it goes away, nothing is written until this is
        called again. ``wanted`` should leave out what is whole: on a disk that compresses, a whole file seems to have
        holes to fill.

        Raises :class:`~swarmshare.errors.DiskFullError`, :class:`~swarmshare.errors.TakenError`, or
        :class:`~swarmshare.errors.StorageError` when the system refuses all of it.
        """
        numbers = range(len(self._files)) if wanted is None else wanted
        if not numbers:
            return Prepared([], {})
        make_download_folder(self._folder)
        renamed = self._choose_names()  # only now: it may be another disk than that of the folder above
        blocked = make_room(
            self._folder, {number: self._files[number] for number in numbers if number not in self._links}
        )
        links = (self._links[number] for number in numbers if number in self._links)
        return Prepared(renamed + make_links(self._folder, links), blocked)

    def _choose_names(self) -> list[StorageError]:
        """Once, find out whether the disk takes the names that the files have; tells of those that get another name."""
        if self._is_tried:
            return []
        self._is_tried = True
        called = choose_names(self.manifest, self._folder)
        if called != self._names:
            self._lay_out(called)
        pairs = zip(self.manifest.local_paths(windows=WINDOWS), called, strict=True)
        changed = islice(((own, now) for own, now in pairs if own != now), MAX_NOTICES)
        return [
            StorageError(self._folder.joinpath(*own), Text("storage.windows-name", name=repr("/".join(now))))
            for own, now in changed
        ]

    def read(self, piece: PieceIndex, begin: int, length: int) -> bytes:
        """``length`` bytes from ``begin`` in ``piece``, which must be held.

        A file that was changed by another program is lost, and the first read of it is refused; then, until a scan,
        each piece is verified before anything of it is given away, as it is when a change may have gone unnoticed.

        Raises :class:`~swarmshare.errors.StorageError` when they are not there or wrong, and :class:`ValueError` for a
        range outside the piece.
        """
        span = self.manifest.layout.span(piece)
        if begin < 0 or length < 1 or begin + length > span.length:
            raise ValueError(f"{length:,} bytes at {begin:,} of a piece of {span.length:,}")
        file = self._files[span.file]
        data, changed = file.read(length, span.offset + begin)
        if changed is None or file.is_proven(span.offset, changed):
            return data
        # Nothing wrong may leave: a peer would ban us for it. So the whole piece is verified: the blocks around the
        # wanted bytes are read besides, a part at a time, and only their leaves are kept.
        first, end = begin - begin % BLOCK_LENGTH, min(span.length, begin + length + -(begin + length) % BLOCK_LENGTH)
        data = file.read(end - first, span.offset + first)[0]
        before, after = ((0, first), (end, span.length))
        if not self.hashes.verify_leaves(
            piece, self._leaves(file, span, *before) + leaf_hashes(data) + self._leaves(file, span, *after)
        ):
            raise file.disprove()
        file.prove(span.offset, changed)
        return data[begin - first : begin - first + length]

    def lend(self, piece: PieceIndex, begin: int, length: int) -> FilePart | None:
        """Return the same bytes as :meth:`read`, to be sent from the system's memory to a peer as they are.

        None when they have to be read and verified first, or the system cannot do it, or the range ends in padding.
        Raises :class:`~swarmshare.errors.StorageError` as :meth:`read` does.
        """
        span = self.manifest.layout.span(piece)
        if not CAN_SEND or begin + length > span.length:
            return None
        file = self._files[span.file]
        if file.open_trusted(span.offset) is None:
            return None
        return FilePart(file, span.offset, begin, length)

    @staticmethod
    def _leaves(file: ContentFile, span: PieceSpan, begin: int, end: int) -> bytes:
        """Return the leaves of the blocks of a piece from ``begin`` to ``end``, read a part at a time."""
        parts = ((at, min(end, at + _PART)) for at in range(begin, end, _PART))
        return b"".join(leaf_hashes(file.read(last - at, span.offset + at)[0]) for at, last in parts)

    def write(self, piece: PieceIndex, data: Data, kept: KeptFolder | None = None) -> None:
        """Write ``piece``, whose ``data`` must have been verified (:meth:`check`).

        Of several pieces in a row, ``kept`` is the folder that the one before is in: it is not opened anew for each.

        Raises :class:`~swarmshare.errors.DiskFullError`, :class:`~swarmshare.errors.StorageError` (also when its file
        went away or was replaced or shortened since), and :class:`ValueError` for data of another length.
        """
        span = self.manifest.layout.span(piece)
        if len(data) != span.length:
            raise ValueError(f"{len(data):,} bytes for a piece of {span.length:,}")
        self._files[span.file].write(data, span.offset, kept)

    def finish(self, number: int) -> None:
        """Give file ``number``, all of whose pieces are held, its name; nothing happens when it has it.

        Raises what :meth:`finish_all` returns.
        """
        for error in self.finish_all([number]).values():
            raise error

    def finish_all(self, numbers: Collection[int]) -> dict[int, StorageError]:
        """Give the files ``numbers``, all of whose pieces are held, their names: those without have it afterwards.

        Flushes the files and their folders: a name without ``.part`` promises the content, also after a power cut. That
        waits for the disk twice, for all of them together; so does whatever other threads finish meanwhile.

        What has the name by now is hashed, and is used instead if it is the same: two torrents may share a file.

        Returns those that are refused, and why: :class:`~swarmshare.errors.TakenError` for a name that was taken
        meanwhile by something else, and :class:`~swarmshare.errors.StorageError`, also for a file that is lost.
        """
        files = {number: self._files[number] for number in numbers if number not in self._links}
        refused = final_name.finish(files)
        taken = [number for number, error in refused.items() if isinstance(error, TakenError)]
        shared = {number: files[number] for number in taken if self._take_named(number)}
        for number in shared:
            del refused[number]
        return refused | final_name.finish(shared)

    def verify_leaves(self, piece: PieceIndex, leaves: bytes) -> bool:
        """Whether ``leaves``, the SHA-256 of each 16 KiB block of ``piece``, are right: :meth:`check` without the data.

        Raises :class:`ValueError` when the piece layer of its file is missing.
        """
        return self.hashes.verify_leaves(piece, leaves)

    def check(self, piece: PieceIndex, data: Data) -> bool:
        """Whether ``data`` is ``piece``, all of it; :class:`ValueError` when the layer of its file is missing."""
        return self.hashes.check(piece, data)

    def scan(
        self,
        progress: OnProgress | None = None,
        cancel: Event | None = None,
        only_files: Collection[int] | None = None,
    ) -> set[int]:
        """Return the numbers of the right pieces on the disk, of all files or of those numbered ``only_files``.

        Takes these files as they are now, forgets what was held of them, and changes none of them. Hashes on all cores.
        What cannot be read or is not there has no right pieces; a file without its piece layer has all or none, and its
        layer is known afterwards. No piece of these files may be written meanwhile.

        Raises :class:`~swarmshare.errors.CancelledError`.
        """
        numbers = range(len(self.manifest.files)) if only_files is None else sorted(only_files)
        files = {number: self._files[number] for number in numbers}
        return scan_files(files, self.manifest, self.hashes, progress, cancel)

    def _take_named(self, number: int) -> bool:
        """Use what has the name of file ``number`` instead of its part, if it is right; says whether it is."""
        found = self._files[number].named()
        if found is None or FileIdentity.of(found.status) == self._refused.get(number):
            return False
        if not is_whole(number, found, self.manifest, self.hashes):
            self._refused[number] = FileIdentity.of(found.status)  # not read again and again, each time it is tried
            return False
        self._files[number].take(found, whole=True, unfinished=False)
        return True

    def file_states(self) -> list[FileState | None]:
        """Each file as it is now, in manifest order, for resume data; None without pieces, or when not to be trusted.

        What was written is flushed first, so every piece whose :meth:`write` returned before this call is on the disk
        in the state that is told. A file that is lost, or cannot be flushed, is told as None until it was scanned.
        """
        files = zip(self.manifest.files, self._files, strict=True)
        return [file.state() if entry.length else None for entry, file in files]

    def lost_files(self) -> set[int]:
        """Return the numbers of the files whose held pieces may be held no more: scan them to find out.

        They are gone, replaced, shortened or changed by another program, or the disk failed to keep what was written.
        Costs one look at each file, and no reading. What another program writes into a file while we do is not noticed.
        """
        files = zip(self.manifest.files, self._files, strict=True)
        return {number for number, (entry, file) in enumerate(files) if entry.length and file.is_lost()}

    def new_files(self) -> set[int]:
        """Return the numbers of the files that were not there when they were looked for, and are now: scan them, too.

        Costs one look at each file that is not there.
        """
        return {number for number, file in enumerate(self._files) if file.has_appeared()}

    def taken(self, numbers: Collection[int]) -> set[int]:
        """Those of the files ``numbers`` whose names are borne by what is not this torrent's own."""
        return {number for number in numbers if self._files[number].is_taken()}

    def unfinished(self, numbers: Collection[int]) -> set[int]:
        """Those of them that another program began, by the last scan, so that :meth:`prepare` would go on with them."""
        return {number for number in numbers if self._files[number].is_unfinished()}

    def own(self, number: int, inode: int, *, whole: bool = True, mending: bool = False) -> None:
        """Note that the file of that inode is this torrent's own, if it has the name of file ``number``.

        It was whole before, and is so still if it is ``whole``; else it is left alone, or written into if it is
        ``mending``: a person wants it to become what it was.
        """
        self._files[number].own(inode, whole=whole, mending=mending)

    def edited(self, numbers: Collection[int]) -> dict[int, StorageError]:
        """Return those of the files ``numbers`` that are left alone, as other programs changed them, and why."""
        found = {number: self._files[number].edited() for number in numbers}
        return {number: error for number, error in found.items() if error is not None}

    @property
    def is_open(self) -> bool:
        """Whether any of the files is open."""
        return self._opened.has_any(self._files)

    def close(self) -> None:
        """Close the files; those in use by another thread as soon as it is done. Using them again opens them again."""
        for file in self._files:
            file.close()
