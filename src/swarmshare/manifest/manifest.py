"""What a manifest is, once it is known to be right: immutable values, and the bytes they are written as."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from swarmshare.manifest import names
from swarmshare.manifest.bencoding import Value, encode_with_raw
from swarmshare.manifest.layout import PieceLayout

if TYPE_CHECKING:
    from collections.abc import Mapping

Trackers: TypeAlias = tuple[tuple[str, ...], ...]
"""Announce URLs in tiers (BEP 12)."""


class InfoHash(NamedTuple):
    """The name of a swarm: SHA-256 of the bytes of ``info`` (BEP 52)."""

    full: bytes
    """All 32 bytes, as in magnet links and resume data."""

    @property
    def truncated(self) -> bytes:
        """The first 20 bytes, as in handshakes and announces."""
        return self.full[:20]

    def __str__(self) -> str:
        return self.full.hex()


class FileEntry(NamedTuple):
    """One file of a manifest: where it lies in the tree, and what its bytes must hash to."""

    path: names.Path
    """As the file tree has it, without the manifest's name; see :meth:`Manifest.local_paths` for where it lands."""
    length: int
    """In bytes; 0 for links."""
    pieces_root: bytes | None = None
    """Root of its Merkle tree; None when it is empty."""
    executable: bool = False
    symlink: names.Path | None = None
    """The file or folder inside this manifest that it is a link to (BEP 47)."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A BEP 52 metainfo file whose every rule holds; made by :func:`~swarmshare.manifest.parse.parse_manifest` only."""

    info: bytes
    """The ``info`` dictionary, byte for byte: what the hashes are taken over, unknown keys and all."""
    outside: Mapping[bytes, Value]
    """Everything outside ``info``, unknown keys included, so that writing again loses nothing."""
    info_hash: InfoHash
    info_hash_v1: bytes | None
    """SHA-1 of the same bytes, 20 of them, when the manifest is a hybrid; else None."""
    name: str
    """The file's name, or that of the folder that holds the files (see ``in_folder`` and :meth:`renamed`)."""
    in_folder: bool
    """Whether the files land below a folder called ``name``; a lone file at the root of a v2 tree does not."""
    declared_name: str
    """``info``'s own ``name``: another than ``name`` only for a lone file whose key in the tree is a different one."""
    piece_length: int
    files: tuple[FileEntry, ...]
    piece_layers: Mapping[bytes, bytes]
    """By pieces root: one 32-byte node a piece, for each file of more than one piece that has them."""
    missing_layers: frozenset[bytes]
    """Roots whose piece layer the manifest lacks: it must be fetched from peers before their pieces can be checked."""
    private: bool
    trackers: Trackers
    web_seeds: tuple[str, ...]
    comment: str
    created_by: str
    creation_date: int | None
    """Seconds since 1970, UTC."""
    ssl_cert: bytes | None = None
    """The certificate in PEM form of the authority whose members alone may join, as in ``info``: an SSL torrent as
    libtorrent makes them. None: anybody may."""

    @property
    def hybrid(self) -> bool:
        """Whether BitTorrent v1 clients can use it too."""
        return self.info_hash_v1 is not None

    @property
    def torrent_name(self) -> str:
        """The name that libtorrent knows it by, whatever it is called here: a lone file's key in the tree."""
        return self.declared_name if self.in_folder else self.files[0].path[0]

    @cached_property
    def layout(self) -> PieceLayout:
        """Which piece is which bytes of which file."""
        return PieceLayout(self.piece_length, (file.length for file in self.files))

    @cached_property
    def total_length(self) -> int:
        """The bytes of all files together."""
        return sum(file.length for file in self.files)

    def piece_hashes(self, file: FileEntry) -> bytes | None:
        """Return the nodes that the pieces of ``file`` must hash to, 32 bytes a piece; None when the layer is missing.

        A file of one piece or less has one, its root, over its own blocks only (BEP 52).
        """
        if file.length <= self.piece_length:
            return file.pieces_root or b""
        assert file.pieces_root is not None
        return self.piece_layers.get(file.pieces_root)

    def local_paths(self, *, windows: bool) -> list[names.Path]:
        """Where each file lands below the download folder: safe, distinct, and where libtorrent puts it too.

        The list is made once, and is not to be changed.
        """
        return self._windows_paths if windows else self._own_paths

    @cached_property
    def _own_paths(self) -> list[names.Path]:
        paths = [(self.name, *file.path) for file in self.files] if self.in_folder else [(self.name,)]
        return names.local_paths(paths, windows=False)

    @cached_property
    def _windows_paths(self) -> list[names.Path]:
        return [names.windows_path(path) for path in self._own_paths]

    def renamed(self, name: str) -> Manifest:
        """Return the same content, which lands under another name here; what is encoded and hashed stays as it was.

        Raises :class:`~swarmshare.errors.ManifestError` for a name that may not be one.
        """
        return replace(self, name=names.check_component(name.encode(errors="surrogatepass"), "name"))

    def encode(self) -> bytes:
        """Return the manifest as a ``.torrent`` file: canonical outside ``info``, and ``info`` as it was."""
        return encode_with_raw(dict(self.outside), b"info", self.info)
