"""The files of one torrent on a disk: reading and writing pieces, and finding out which ones are there.

A file grows as ``name.part`` and gets its name when it is whole. A file that has its name and its length when it is
first looked at is the torrent's and is used in place, holes and all; one of another length is somebody's, and is left
alone. Nothing outside the download folder is touched, whatever links lie in it: writing follows none, and refuses a
file with a second name (a hard link); reading follows those that stay inside.

All methods may be called from several threads at once. Links of the manifest (BEP 47) are not made.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.errors import StorageError
from swarmshare.manifest import names
from swarmshare.manifest.merkle import BLOCK_LENGTH, HASH_LENGTH, leaf_hashes, merkle_root, piece_height
from swarmshare.storage.files import Identity, os_reason
from swarmshare.storage.hashing import Hashed, Hashing, Source, hash_sources
from swarmshare.storage.paths import WINDOWS, existing_paths, resolve_inside
from swarmshare.storage.progress import Meter, OnProgress

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path
    from threading import Event

    from swarmshare.manifest.layout import PieceIndex
    from swarmshare.manifest.manifest import Manifest

    Data = bytes | bytearray | memoryview

MAX_OPEN: Final = 64
"""Most files open at a time, well below the 256 that some systems allow; the one used longest ago is closed first."""
PART: Final = ".part"
"""What a file's name ends in until it is whole."""

_HAS_DIR_FD: Final = os.open in os.supports_dir_fd
_HAS_PREAD: Final = hasattr(os, "pread")
_FILE: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
_FULL: Final = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


class DiskFullError(StorageError):
    """There is no room for ``needed`` more bytes at ``path``; ``free`` are there for us (a quota may allow less)."""

    code = "disk-full"
    hint = "Make room on the disk, or choose a folder on another one."

    def __init__(self, path: object, needed: int, free: int) -> None:
        super().__init__(path, f"the disk is full: {needed:,} bytes are needed and {free:,} are free")
        self.needed = needed
        self.free = free


class FileState(NamedTuple):
    """A file as it was when all of our writes to it were on the disk."""

    name: str
    """The name in use, below the download folder, with ``/`` between its components."""
    size: int
    mtime_ns: int


def piece_is_right(
    manifest: Manifest, piece: PieceIndex, data: Data, layers: Mapping[bytes, bytes] | None = None
) -> bool:
    """Whether ``data`` is ``piece``, all of it, by the Merkle tree of its file (BEP 52).

    ``layers`` are the piece layers to go by, by pieces root, when more are known than ``manifest`` has.

    Raises :class:`ValueError` when the layer of the piece's file is missing.
    """
    expected = _expected_hash(manifest, piece, manifest.piece_layers if layers is None else layers)
    span = manifest.layout.span(piece)
    if len(data) != span.length:
        return False
    # A file of one piece or less is padded to its own width only; the last piece of a longer one to a whole piece.
    alone = manifest.files[span.file].length <= manifest.piece_length
    return merkle_root(leaf_hashes(data), 0, None if alone else piece_height(manifest.piece_length)) == expected


def bad_blocks(leaves: bytes, data: Data) -> list[int]:
    """Where in the piece ``data`` each block begins, in bytes, that differs from its leaf in ``leaves``.

    ``leaves`` begin with the piece's first; padding after the last is let pass. Raises :class:`ValueError` when there
    are fewer of them than blocks.
    """
    found = leaf_hashes(data)
    if len(leaves) < len(found):
        raise ValueError(f"{len(found) // HASH_LENGTH} blocks, and {len(leaves)} bytes of leaves")
    nodes = (slice(at, at + HASH_LENGTH) for at in range(0, len(found), HASH_LENGTH))
    return [node.start // HASH_LENGTH * BLOCK_LENGTH for node in nodes if found[node] != leaves[node]]


def _expected_hash(manifest: Manifest, piece: PieceIndex, layers: Mapping[bytes, bytes]) -> bytes:
    number = manifest.layout.span(piece).file
    file = manifest.files[number]
    root = file.pieces_root
    assert root is not None  # a file without bytes has no pieces
    if file.length <= manifest.piece_length:
        return root
    if root not in layers:
        raise ValueError(f"the piece layer of {'/'.join(file.path)!r} is missing")
    at = (piece - manifest.layout.file_pieces(number).start) * HASH_LENGTH
    return layers[root][at : at + HASH_LENGTH]


class TorrentStorage:
    """The files of ``manifest`` below ``folder``, the one that contains (or will contain) the manifest's name."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        self.manifest = manifest
        self._folder = folder
        self._layers = dict(manifest.piece_layers)
        counts = {file.pieces_root: -(-file.length // manifest.piece_length) for file in manifest.files}
        self._layer_lengths = {root: count * HASH_LENGTH for root, count in counts.items() if count > 1}
        self._final = manifest.local_paths(windows=WINDOWS)
        self._part = _part_paths(self._final)
        self._lock = Lock()  # guards all below; held to open or rename a file, never to read or flush one
        self._places: dict[int, _Place] = {}
        self._open: OrderedDict[int, _OpenFile] = OrderedDict()
        self._written: set[int] = set()  # since the last file_states()
        self._states: dict[int, FileState] = {}
        self._suspect: set[int] = set()  # changed by somebody else, or lost by the disk; until the next scan

    def prepare(self, wanted: Collection[int] | None = None) -> None:
        """Make the folders and the empty files of the files numbered ``wanted`` (None for all), and look for room.

        ``wanted`` should leave out what is whole: on a disk that compresses, a whole file seems to have holes to fill.

        Raises :class:`DiskFullError`, or :class:`StorageError` for a name that is taken, a link in the way, or what the
        system refuses.
        """
        missing = 0
        for number in range(len(self.manifest.files)) if wanted is None else wanted:
            file = self.manifest.files[number]
            if file.symlink is not None:
                continue
            with self._lock:
                place = self._locate(number)
                if place is None or not place.finished:
                    self._claim(number)
                status = self._stat(place) if place is not None else None
            # A file may have holes, so that it occupies less than its length. Windows does not tell.
            held = 0 if status is None else getattr(status, "st_blocks", status.st_size // 512) * 512
            missing += max(0, file.length - held)
        if missing:
            with _naming(self._folder):
                free = shutil.disk_usage(self._folder).free
            if missing > free:
                raise DiskFullError(self._folder, missing, free)

    def read(self, piece: PieceIndex, begin: int, length: int) -> bytes:
        """``length`` bytes from ``begin`` in ``piece``, which must be held.

        Raises :class:`StorageError` when they are not there, and :class:`ValueError` for a range outside the piece.
        """
        span = self.manifest.layout.span(piece)
        if begin < 0 or length < 1 or begin + length > span.length:
            raise ValueError(f"{length:,} bytes at {begin:,} of a piece of {span.length:,}")
        file = self._opened(span.file, write=False)
        with _naming(file.path):
            data = file.read_at(length, span.offset + begin)
        if len(data) < length:
            raise StorageError(file.path, "shorter than it was", hint="Check the files again.")
        return data

    def write(self, piece: PieceIndex, data: Data) -> None:
        """Write ``piece``, whose ``data`` must have been verified (:meth:`check`).

        Raises :class:`DiskFullError`, :class:`StorageError`, and :class:`ValueError` for data of another length.
        """
        span = self.manifest.layout.span(piece)
        if len(data) != span.length:
            raise ValueError(f"{len(data):,} bytes for a piece of {span.length:,}")
        file = self._opened(span.file, write=True)
        left = memoryview(data)
        try:
            with _naming(file.path, span.length):
                while left:
                    left = left[file.write_at(left, span.offset + span.length - len(left)) :]
        finally:
            # After the write: file_states() must not take for flushed what is still under way.
            with self._lock:
                self._written.add(span.file)

    def finish(self, number: int) -> None:
        """Give file ``number``, all of whose pieces are held, its name; nothing happens when it has it.

        Flushes the file and its folder: a name without ``.part`` promises the content, also after a power cut. That
        waits for the disk twice; call it for several files at once and they wait together.

        Raises :class:`StorageError`, also for a name that was taken meanwhile.
        """
        with self._lock:
            place = self._locate(number)
        if place is not None and place.finished:
            return
        length, final = self.manifest.files[number].length, self._final[number]
        file = self._opened(number, write=True)
        path = file.path
        with _naming(path):
            if os.fstat(file.fd).st_size > length:
                os.ftruncate(file.fd, length)
            os.fsync(file.fd)
            ours = Identity.of(os.fstat(file.fd))
        del file  # Windows renames no open file; whoever comes next opens it again
        with _parent_of(self._folder, final, make=False) as (parent, name):
            with self._lock:
                self._open.pop(number, None)
                self._written.add(number)  # cut off, perhaps
                if _look(name, parent) is not None:
                    raise StorageError(self._folder.joinpath(*final), "is there already, and is left alone")
                part = _at(path, parent)
                status = _look(part, parent)
                if status is None or Identity.of(status) != ours or ours.size != length:
                    raise StorageError(path, "changed while it was downloaded", hint="Check the files again.")
                os.rename(part, name, src_dir_fd=parent, dst_dir_fd=parent)
                self._places[number] = _Place(final, final, True, (ours.device, ours.inode))
            if parent is not None:
                os.fsync(parent)

    def expected_hash(self, piece: PieceIndex) -> bytes:
        """The node that ``piece`` must hash to; :class:`ValueError` when its file's piece layer is missing."""
        return _expected_hash(self.manifest, piece, self._layers)

    def check(self, piece: PieceIndex, data: Data) -> bool:
        """:func:`piece_is_right`, with the layers that were supplied since."""
        return piece_is_right(self.manifest, piece, data, self._layers)

    def set_piece_layer(self, root: bytes, layer: bytes) -> None:
        """Supply the piece layer of the files with ``root``; :class:`ValueError` when it is not theirs."""
        if len(layer) != self._layer_lengths.get(root):
            raise ValueError("no file has a piece layer of that root and length")
        if merkle_root(layer, piece_height(self.manifest.piece_length)) != root:
            raise ValueError("the piece layer does not hash to its root")
        self._layers[root] = layer

    def scan(
        self,
        progress: OnProgress | None = None,
        cancel: Event | None = None,
        only_files: Collection[int] | None = None,
    ) -> set[int]:
        """The numbers of the pieces that are right on the disk, of all files or of those numbered ``only_files``.

        Hashes on all cores. What cannot be read or is not there has no right pieces; a file without its piece layer has
        all or none, and its layer is known afterwards. No piece of these files may be written meanwhile.

        Raises :class:`~swarmshare.errors.CancelledError`.
        """
        numbers, sources = [], []
        for number in range(len(self.manifest.files)) if only_files is None else sorted(only_files):
            if (source := self._source(number)) is not None:
                numbers.append(number)
                sources.append(source)
        meter = Meter(sum(source.length for source in sources), len(sources), progress)
        right: set[int] = set()
        runs: list[Hashed] = []
        for hashed in hash_sources(sources, Hashing(self.manifest.piece_length), cancel):
            source = sources[hashed.run.source]
            runs.append(hashed)
            is_last = hashed.run.offset + hashed.run.length == source.length
            if is_last:
                right.update(self._right_pieces(numbers[hashed.run.source], source, runs))
                runs.clear()
            meter.advance(hashed.run.length, is_last)
        return right

    def file_states(self) -> list[FileState | None]:
        """Each file as it is now, in manifest order, for resume data; None without pieces, or when not to be trusted.

        What was written is flushed first, so every piece whose :meth:`write` returned before this call is on the disk
        in the state that is told. A file that somebody else changed, or that cannot be flushed, is told as None until
        it was scanned.
        """
        return [self._state(number) if file.length else None for number, file in enumerate(self.manifest.files)]

    def close(self) -> None:
        """Close the files; those in use by another thread as soon as it is done. Using them again opens them again."""
        with self._lock:
            self._open.clear()

    def _state(self, number: int) -> FileState | None:
        try:
            with self._lock:
                place = self._locate(number)
                written = number in self._written
                self._written.discard(number)
            if place is None:
                return None
            if written:
                # By its descriptor, not its name: whatever bears the name now, this is what we wrote to.
                file = self._opened(number, write=True)
                with _naming(file.path):
                    os.fsync(file.fd)
                    status = os.fstat(file.fd)
            else:
                status = self._stat(place)
        except StorageError:
            self._suspect.add(number)
            return None
        state = FileState("/".join(place.path), status.st_size, status.st_mtime_ns)
        if not written and self._states.get(number, state)[1:] != state[1:]:
            self._suspect.add(number)
        self._states[number] = state
        return None if number in self._suspect else state

    def _source(self, number: int) -> Source | None:
        """File ``number`` as far as it is whole pieces, found afresh."""
        file = self.manifest.files[number]
        with self._lock:
            self._places.pop(number, None)
            self._open.pop(number, None)
            self._suspect.discard(number)
            try:
                place = self._find(number)
                status = self._stat(place) if place is not None else None
            except StorageError:
                return None
        if place is None or status is None:
            return None
        self._states[number] = FileState("/".join(place.path), status.st_size, status.st_mtime_ns)
        whole = status.st_size - status.st_size % self.manifest.piece_length
        length = file.length if status.st_size >= file.length else whole
        return Source(self._folder.joinpath(*place.real), length, Identity.of(status)) if length else None

    def _right_pieces(self, number: int, source: Source, runs: list[Hashed]) -> Iterator[int]:
        try:
            if Identity.of(os.stat(source.path, follow_symlinks=False)) != source.identity:
                return  # what was hashed first may have changed since
        except OSError:
            return
        file, pieces = self.manifest.files[number], self.manifest.layout.file_pieces(number)
        root = file.pieces_root
        assert root is not None
        if len(pieces) > 1 and root not in self._layers:
            with contextlib.suppress(ValueError):
                self.set_piece_layer(root, b"".join(hashed.nodes for hashed in runs))
        expected = root if len(pieces) == 1 else self._layers.get(root, b"")
        for hashed in runs:
            first = hashed.run.offset // self.manifest.piece_length
            for i in range(len(hashed.nodes) // HASH_LENGTH):
                node = hashed.nodes[i * HASH_LENGTH : (i + 1) * HASH_LENGTH]
                if node == expected[(first + i) * HASH_LENGTH : (first + i + 1) * HASH_LENGTH]:
                    yield pieces[first + i]

    def _locate(self, number: int) -> _Place | None:
        """Where file ``number`` is, once found the same until a scan: held pieces are those of that very file."""
        return self._places.get(number) or self._find(number)

    def _find(self, number: int) -> _Place | None:
        final = self._final[number]
        if not self.manifest.in_folder:
            final = existing_paths(self.manifest, self._folder)[0].relative_to(self._folder).parts
        for path, finished in ((final, True), (self._part[number], False)):
            try:
                real = resolve_inside(self._folder.joinpath(*path), self._folder)
            except (FileNotFoundError, NotADirectoryError):
                continue
            with _naming(real):
                status = os.stat(real, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode) and (not finished or status.st_size == self.manifest.files[number].length):
                below = real.relative_to(self._folder.resolve()).parts
                place = self._places[number] = _Place(path, below, finished, (status.st_dev, status.st_ino))
                return place
        return None

    def _stat(self, place: _Place) -> os.stat_result:
        path = self._folder.joinpath(*place.real)
        with _naming(path):
            return os.stat(path, follow_symlinks=False)

    def _claim(self, number: int) -> None:
        """Make the folders of file ``number``, and itself if it is empty, unless its names are somebody else's."""
        final, part = (self._folder.joinpath(*paths[number]) for paths in (self._final, self._part))
        length = self.manifest.files[number].length
        with _parent_of(self._folder, self._final[number], make=True) as (parent, name):
            if (status := _look(name, parent)) is not None:
                raise StorageError(final, _strange(status, length), hint="Move it away, or choose another folder.")
            status = _look(_at(part, parent), parent)
            if status is not None and not stat.S_ISREG(status.st_mode):
                raise StorageError(part, _strange(status, length), hint="Move it away, or choose another folder.")
            if not length:
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE, 0o666, dir_fd=parent))

    def _opened(self, number: int, *, write: bool) -> _OpenFile:
        with self._lock:
            file = self._open.get(number)
            if file is None or (write and not file.writable):
                place = self._locate(number)
                if place is None:
                    if not write:
                        raise StorageError(self._folder.joinpath(*self._final[number]), "not there")
                    place = self._create(number)
                file = self._open[number] = _open_file(self._folder, place, write)
                if len(self._open) > MAX_OPEN:
                    self._open.popitem(last=False)
            self._open.move_to_end(number)
            return file

    def _create(self, number: int) -> _Place:
        path = self._part[number]
        with _parent_of(self._folder, path, make=True) as (parent, name):
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE, 0o666, dir_fd=parent)
            status = os.fstat(fd)
            os.close(fd)
        place = self._places[number] = _Place(path, path, False, (status.st_dev, status.st_ino))
        return place


class _Place(NamedTuple):
    """Where the bytes of a file are: a path below the folder."""

    path: names.Path
    real: names.Path
    """The same with links followed, for reading."""
    finished: bool
    """Whether it has its final name."""
    inode: tuple[int, int]
    """Device and inode: another file of that name does not have the pieces that this one has."""


class _OpenFile:
    """An open file; it is closed when the last thread that uses it lets go of it, so never under anyone's hands."""

    def __init__(self, fd: int, path: Path, writable: bool) -> None:
        self.fd, self.path, self.writable = fd, path, writable
        self._lock = Lock()

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.fd)

    def read_at(self, length: int, offset: int) -> bytes:
        if _HAS_PREAD:
            return os.pread(self.fd, length, offset)
        with self._lock:
            os.lseek(self.fd, offset, os.SEEK_SET)
            return os.read(self.fd, length)

    def write_at(self, data: memoryview, offset: int) -> int:
        if _HAS_PREAD:
            return os.pwrite(self.fd, data, offset)
        with self._lock:
            os.lseek(self.fd, offset, os.SEEK_SET)
            return os.write(self.fd, data)


def _open_file(folder: Path, place: _Place, write: bool) -> _OpenFile:
    path = folder.joinpath(*place.path)
    with _parent_of(folder, place.path if write else place.real, make=False) as (parent, name):
        file = _OpenFile(os.open(name, (os.O_RDWR if write else os.O_RDONLY) | _FILE, dir_fd=parent), path, write)
        status = os.fstat(file.fd)
    if (status.st_dev, status.st_ino) != place.inode:
        raise StorageError(path, "not the file that it was", hint="Check the files again.")
    if write and status.st_nlink > 1:
        raise StorageError(path, "has a second name (a hard link), so writing might change a file elsewhere")
    return file


@contextlib.contextmanager
def _parent_of(folder: Path, path: names.Path, *, make: bool) -> Iterator[tuple[int | None, str]]:
    """The folder of ``path`` below ``folder`` as a descriptor, and the name in it, for calls with ``dir_fd``.

    No link below ``folder`` is followed. Where the system has no such calls, None and the whole path, whose folders
    led nowhere else when they were looked at. With ``make``, folders that are not there are made.

    Raises :class:`StorageError` for any :class:`OSError`, in the body, too.
    """
    here, parent = folder, None
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        if _HAS_DIR_FD:
            parent = os.open(folder, _FOLDER)
        for part in path[:-1]:
            here /= part
            name = _at(here, parent)
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=parent)
            if parent is None:
                resolve_inside(here, folder)
            else:
                above, parent = parent, os.open(part, _FOLDER | _FILE, dir_fd=parent)
                os.close(above)
        here /= path[-1]
        if parent is None and here.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        yield parent, _at(here, parent)
    except OSError as error:
        raise _named(here, error) from error
    finally:
        if parent is not None:
            os.close(parent)


def _at(path: Path, parent: int | None) -> str:
    """How a call with ``dir_fd=parent`` is told of ``path``."""
    return str(path) if parent is None else path.name


def _look(name: str, parent: int | None) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _strange(status: os.stat_result, length: int) -> str:
    """Why what is there cannot be ours."""
    if stat.S_ISLNK(status.st_mode):
        return "a link, and links are not followed here"
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    return f"there is such a file already, of {status.st_size:,} bytes instead of {length:,}, and it is left alone"


@contextlib.contextmanager
def _naming(path: Path, needed: int = 0) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _named(path, error, needed) from error


def _named(path: Path, error: OSError, needed: int = 0) -> StorageError:
    """``error`` as one of ours, about ``path``, where ``needed`` bytes were to be written."""
    if error.errno in _FULL:
        free = 0
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(path.parent).free
        return DiskFullError(path, needed, free)
    # What the system calls it depends on the system and on what was expected there.
    return StorageError(path, "a link, and links are not followed here" if os.path.islink(path) else os_reason(error))


def _part_paths(final: list[names.Path]) -> list[names.Path]:
    """A name for each file until it is whole: no other file's, even where ``a`` and ``a.part`` are both shared."""
    room = names.MAX_COMPONENT_BYTES - len(PART)
    parts = [(*path[:-1], path[-1].encode()[:room].decode(errors="ignore") + PART) for path in final]
    return names.local_paths([*final, *parts], windows=WINDOWS)[len(final) :]
