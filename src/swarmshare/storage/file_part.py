"""Bytes of a file that go to a peer from where the system has them in memory, without a copy of ours (``sendfile``)."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from swarmshare.storage.faults import LostError
from swarmshare.storage.file_location import CHANGED, SHORTER

if TYPE_CHECKING:
    from swarmshare.storage.content import ContentFile

CAN_SEND: Final = hasattr(os, "sendfile")
"""Whether the system has the call."""

_NOT_HERE: Final = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSOCK}
"""What a file system answers that cannot do it, and systems where it is another call of that name."""
_COPIED: Final = 256 * 2**10
"""Bytes that are copied at a time instead."""


class FilePart:
    """``length`` bytes from ``begin`` in the piece at ``piece`` of ``file``: like a view, it can be sliced."""

    __slots__ = ("_begin", "_file", "_length", "_piece")

    def __init__(self, file: ContentFile, piece: int, begin: int, length: int) -> None:
        self._file, self._piece, self._begin, self._length = file, piece, begin, length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice) -> FilePart:
        """Return the bytes of ``part``, a slice without a step."""
        first, end, _ = part.indices(self._length)
        return FilePart(self._file, self._piece, self._begin + first, max(0, end - first))

    def send(self, connection: int) -> int:
        """Send what the ``connection``, a non-blocking socket's descriptor, takes of it now; returns how many bytes.

        It may wait for the disk. The file is looked at each time, so that nothing leaves of one that was changed: the
        connection has to be closed then, because the rest of the block can be nothing that is right.

        Raises :class:`~swarmshare.errors.StorageError` when the bytes are not there any more or there is doubt whether
        they are right, and :class:`OSError` (:class:`BlockingIOError` among them) for the connection.
        """
        offset = self._piece + self._begin
        opened = self._file.open_trusted(self._piece)
        if opened is None:
            raise LostError(self._file.where.final, CHANGED)
        try:
            sent = os.sendfile(connection, opened.fd, offset, self._length)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
            data = opened.read_at(min(self._length, _COPIED), offset)
            sent = os.write(connection, data) if data else 0
        if not sent:
            raise LostError(opened.path, SHORTER)
        return sent
