"""Every error that SwarmShare raises on purpose, as one tree.

An error carries data (which rule, which path) beside its text, so that a user interface can show it, a program can
branch on it and a test can name the rule that fired. The text is one line that says what is wrong; ``hint`` says what
to do. Both are a :class:`~swarmshare.texts.Text`: English that a window can say in another language.
"""

from __future__ import annotations

from typing import ClassVar

from swarmshare.texts import Text, about, advise


class SwarmShareError(Exception):
    """The root of the tree: anything that a user may cause or meet."""

    code: ClassVar[str] = "error"
    """A short, stable word for programs (the ``code`` of a ``--json`` error event)."""

    hint: Text | None = None
    """What the user can do about it, if anything."""

    def __init__(self, message: Text, *, hint: Text | None = None) -> None:
        super().__init__(message)
        self.message = message
        if hint is not None:
            self.hint = hint

    @property
    def advice(self) -> Text:
        """What is wrong and what to do, in one line."""
        return advise(self.message, self.hint)


class BencodingError(SwarmShareError):
    """Bytes that are not bencoding (BEP 3) as strictly as we read it; ``offset`` is where it went wrong."""

    code = "bencoding"

    def __init__(self, message: Text, offset: int) -> None:
        super().__init__(Text("bencoding.at", what=message, offset=offset))
        self.offset = offset


class ManifestError(SwarmShareError):
    """A manifest, or what one would be made of, that breaks a rule of BEP 52, 47, 27, 12 or 3.

    ``rule`` is a stable slug (``"piece-length"``, ``"name-dots"``, ...): one per rule of the validation list.
    """

    code = "manifest"
    hint = Text("hint.new-manifest")

    def __init__(self, rule: str, message: Text, *, hint: Text | None = None) -> None:
        super().__init__(message, hint=hint)
        self.rule = rule


class RemoteProtocolError(SwarmShareError):
    """A peer broke a rule of the wire protocol: drop that peer, and nothing else.

    ``rule`` is a stable slug, one per check (``"have-range"``, ``"late-bitfield"``, ...).
    """

    code = "protocol"

    def __init__(self, rule: str, message: Text) -> None:
        super().__init__(message)
        self.rule = rule


class LocalProtocolError(SwarmShareError):
    """We were about to break a rule of the wire protocol: a bug of ours."""

    code = "bug"


class AnnounceError(SwarmShareError):
    """An announce or scrape (BEP 3, 48) that the tracker refuses; the text is its ``failure reason``, in ASCII."""

    code = "announce"


class MagnetError(SwarmShareError):
    """A magnet link that names no BitTorrent v2 content, or names it wrongly."""

    code = "magnet"
    hint = Text("hint.magnet-form")


class StorageError(SwarmShareError):
    """A file or folder that cannot be read, written or trusted; ``path`` is the one."""

    code = "storage"

    needs_person: bool = False
    """Whether nothing but a person can put it right: to try again by oneself is of no use."""

    def __init__(self, path: object, message: Text, *, hint: Text | None = None) -> None:
        super().__init__(about(path, message), hint=hint)
        self.path = path


class TrackerError(SwarmShareError):
    """A tracker that cannot be reached, refused, or does not answer as one.

    ``rule`` is the tracker's own code for a refusal (``"credentials"``, ``"name-taken"``, ...), else ``"unreachable"``
    or ``"not-a-tracker"``.
    """

    code = "tracker"

    def __init__(self, rule: str, message: Text, *, hint: Text | None = None) -> None:
        super().__init__(message, hint=hint)
        self.rule = rule


class DiskFullError(StorageError):
    """There is no room for ``needed`` more bytes at ``path`` (0 when the system does not say how many).

    ``free`` bytes are there for us; a quota may allow less.
    """

    code = "disk-full"
    hint = Text("hint.make-room")

    def __init__(self, path: object, needed: int, free: int) -> None:
        message = Text("storage.disk-full")
        if needed:
            message = Text("storage.disk-full-by", needed=needed, free=free)
        super().__init__(path, message)
        self.needed = needed
        self.free = free


class TakenError(StorageError):
    """What bears the name of one of the torrent's files belongs to something else, and is left as it is."""

    code = "taken"
    hint = Text("hint.move-away")
    needs_person = True


class CancelledError(SwarmShareError):
    """The work was stopped because its owner asked for it; nothing was written."""

    code = "cancelled"

    def __init__(self) -> None:
        super().__init__(Text("error.cancelled"))
