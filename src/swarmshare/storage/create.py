"""Making a manifest of real files: plan, hash on all cores, build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.errors import ManifestError
from swarmshare.manifest.bencoding import MAX_BYTES
from swarmshare.manifest.build import Description, build_manifest, choose_piece_length
from swarmshare.manifest.hybrid import SHA1_LENGTH
from swarmshare.manifest.layout import PieceLayout
from swarmshare.manifest.manifest import FileEntry, Manifest
from swarmshare.manifest.merkle import HASH_LENGTH, merkle_root, piece_height
from swarmshare.manifest.parse import MAX_PIECES
from swarmshare.storage.hashing import Hashing, Source, hash_sources
from swarmshare.storage.progress import Meter, OnProgress
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from swarmshare.storage.plan import PlannedFile, SharePlan

_LAYER_OVERHEAD: Final = 64
"""Bytes that a piece layer takes beside its hashes, and more: its root, and both their lengths."""


def check_plan(
    plan: SharePlan,
    about: Description,
    *,
    piece_length: int | None = None,
    hybrid: bool = False,
    before: Callable[[int], None] | None = None,
) -> int:
    """Raise what :func:`create_manifest`, with the same arguments, would raise before it hashes anything.

    Returns the length of pieces that it would choose, in bytes.
    """
    piece_length = piece_length or choose_piece_length([file.length for file in plan.files], is_hybrid=hybrid)
    length = _rehearse(plan, about, piece_length, hybrid)
    if before is not None:
        before(length)
    return piece_length


def create_manifest(
    plan: SharePlan,
    about: Description,
    *,
    piece_length: int | None = None,
    hybrid: bool = False,
    before: Callable[[int], None] | None = None,
    progress: OnProgress | None = None,
    cancel: Event | None = None,
) -> Manifest:
    """Hash what ``plan`` lists, and make its manifest; ``piece_length`` in bytes, None for the automatic choice.

    ``before`` is called before anything is hashed, with the bytes that the manifest will have; what it raises ends the
    work. Blocks; ``progress`` is called in this thread, ``cancel`` may be set from any.

    Raises :class:`~swarmshare.errors.StorageError` for a file that changed or cannot be read,
    :class:`~swarmshare.errors.CancelledError`, and :class:`~swarmshare.errors.ManifestError` for too many pieces.
    """
    piece_length = check_plan(plan, about, piece_length=piece_length, hybrid=hybrid, before=before)
    how = Hashing(piece_length, v1=hybrid, v1_padded=len(plan.files) > 1)
    nodes, v1 = _hash(plan.files, how, Meter(plan.total_length, len(plan.files), progress), cancel)
    entries = []
    layers = {}
    for file, hashes in zip(plan.files, nodes, strict=True):
        root = merkle_root(hashes, piece_height(piece_length)) if hashes else None
        entries.append(FileEntry(file.path, file.length, root, file.executable))
        if root is not None and file.length > piece_length:
            layers[root] = hashes
    return build_manifest(
        name=plan.name,
        in_folder=plan.in_folder,
        files=entries,
        piece_length=piece_length,
        piece_layers=layers,
        v1_pieces=v1 if hybrid else None,
        about=about,
    )


def _rehearse(plan: SharePlan, about: Description, piece_length: int, hybrid: bool) -> int:
    """Build the manifest once with made-up hashes: what it may not have is told now, not after hours of hashing.

    Returns how many bytes it will have at most.
    """
    lengths = [file.length for file in plan.files]
    pieces = PieceLayout(piece_length, lengths).piece_count
    if pieces > MAX_PIECES:
        raise ManifestError(
            "pieces",
            Text("share.too-many-pieces", name=plan.name, count=pieces, length=piece_length, limit=MAX_PIECES),
            hint=Text("hint.larger-pieces"),
        )
    root = b"\1" * HASH_LENGTH
    try:
        rehearsed = build_manifest(
            name=plan.name,
            in_folder=plan.in_folder,
            files=[FileEntry(file.path, file.length, root, file.executable) for file in plan.files],
            piece_length=piece_length,
            piece_layers={},
            v1_pieces=bytes(pieces * SHA1_LENGTH) if hybrid else None,
            about=about,
        )
    except ManifestError as error:
        hint = Text("hint.rename-named-or-exclude")
        raise ManifestError(error.rule, Text("about", subject=plan.name, what=error.message), hint=hint) from error
    counts = (-(-length // piece_length) for length in lengths)
    length = len(rehearsed.encode()) + sum(_LAYER_OVERHEAD + count * HASH_LENGTH for count in counts if count > 1)
    if length > MAX_BYTES:
        raise ManifestError(
            "bencoding",
            Text("share.manifest-too-large", name=plan.name, length=length, limit=MAX_BYTES),
            hint=Text("hint.larger-pieces"),
        )
    return length


def _hash(files: Sequence[PlannedFile], how: Hashing, meter: Meter, cancel: Event | None) -> tuple[list[bytes], bytes]:
    """Return the nodes of each file's pieces, and all v1 hashes in a row."""
    sources = [Source(file.source, file.length, file.identity) for file in files]
    nodes: list[list[bytes]] = [[] for _ in files]
    v1: list[bytes] = []
    for hashed in hash_sources(sources, how, cancel):
        if hashed.error is not None:
            raise hashed.error
        run = hashed.run
        nodes[run.source].append(hashed.nodes)
        v1.append(hashed.v1)
        meter.advance(run.length, run.offset + run.length == files[run.source].length)
    return [b"".join(runs) for runs in nodes], b"".join(v1)
