"""Sharing a file or folder: what is asked, and what is seen while it is hashed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ttkbootstrap as ttk

from swarmshare.app.facts import ShareOptions
from swarmshare.gui.dialogs.choosing import PathField, choose_file, choose_folder, choose_new_file, torrent_kinds
from swarmshare.gui.dialogs.dialog import Check, Dialog, Form, field
from swarmshare.gui.theme import pixels
from swarmshare.gui.watching import watch
from swarmshare.gui.words import _, duration, percent, rate, size
from swarmshare.manifest.names import with_ending

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.app.snapshot import ClientSnapshot, JobSnapshot
    from swarmshare.gui.shell import Shell

PIECE_LENGTHS: Final = tuple(2**exponent for exponent in range(14, 26))
"""What one may choose; libtorrent takes no larger ones by default."""


def open_share_dialog(shell: Shell, path: Path | None = None) -> ShareDialog:
    """Ask what to share, and how."""
    return ShareDialog(shell, path)


class ShareDialog(Dialog):
    """Stays until all that can be known before hashing is right; then :class:`JobDialog` shows how that gets on."""

    def __init__(self, shell: Shell, path: Path | None) -> None:
        super().__init__(shell.root, _("Share"))
        self._shell = shell
        signed_in = shell.snapshot is not None and shell.snapshot.person is not None
        self.heading(_("Share a file or folder"), icon="cloud-arrow-up")
        form = Form(self.body)
        self.what = PathField(form.frame, path)
        self.what.offer(_("File..."), choose_file)
        self.what.offer(_("Folder..."), choose_folder)
        self.comment = field(form.frame)
        self.piece_size = ttk.Combobox(
            form.frame, state="readonly", values=[_("Automatic"), *(size(length) for length in PIECE_LENGTHS)]
        )
        self.piece_size.current(0)
        form.row(_("File or folder"), self.what)
        form.row(_("Comment"), self.comment, _("The others see it in the catalogue."))
        form.row(_("Piece size"), self.piece_size)
        self.publish = Check(form.frame, _("Put it into the group's catalogue, and share it from here"), on=signed_in)
        self.hybrid = Check(form.frame, _("Older BitTorrent programs can take part (hybrid)"))
        self.private = Check(form.frame, _("Private: only members of this tracker may exchange it"))
        self.save = Check(form.frame, _("Also save a .torrent file"), on=not signed_in)
        for number, check in enumerate((self.publish, self.hybrid, self.private, self.save)):
            form.row(_("Options") if number == 0 else "", check)
        if not signed_in:
            self.publish.configure(state="disabled")
            self.sentence(
                _("You are not signed in: it can be saved as a .torrent file, but not be put into a catalogue.")
            ).configure(bootstyle="secondary")
        self.accept = self.add_button(_("Share"), self._accept, style="primary", default=True)
        self.add_cancel()
        self.show(self.what.entry)

    def _accept(self) -> None:
        path = self.what.path
        if path is None or not path.is_absolute():
            self.complain(_("Choose a file or a folder."))
            return
        if not (self.publish.on or self.save.on):
            self.complain(_("Tick at least one: the catalogue, or a .torrent file."))
            return
        save_as = None
        if self.save.on:
            save_as = choose_new_file(self, with_ending(path.name, ".torrent"), torrent_kinds())
            if save_as is None:
                return
        chosen = self.piece_size.current()
        options = ShareOptions(
            path,
            piece_length=PIECE_LENGTHS[chosen - 1] if chosen > 0 else None,
            comment=self.comment.get().strip(),
            private=self.private.on,
            hybrid=self.hybrid.on,
            publish=self.publish.on,
            seed=self.publish.on,
            save_as=save_as,
        )
        self.accept.configure(state="disabled", text=_("Checking..."))
        self.complain("")
        self._shell.submit_or(self._failed, self._started, lambda session: session.jobs.share, options)

    def _failed(self, sentence: str) -> None:
        if self.winfo_exists():  # else somebody thought better of it
            self.accept.configure(state="normal", text=_("Share"))
            self.complain(sentence)

    def _started(self, number: int) -> None:
        if self.winfo_exists():
            self.destroy()
            JobDialog(self._shell, number)
        else:
            self._shell.submit(None, lambda session: session.jobs.cancel, number)


class JobDialog(Dialog):
    """How far the hashing is. Closing it changes nothing; cancelling ends the job."""

    def __init__(self, shell: Shell, number: int) -> None:
        super().__init__(shell.root, _("Share"))
        self._shell, self._number = shell, number
        self._seen = False
        self._heading = self.heading(_("Hashing..."), icon="cloud-arrow-up")
        self._bar = ttk.Progressbar(self.body, maximum=1000, length=pixels(self, 480))
        self._bar.pack(fill="x", pady=self.gap)
        self._figures = self.sentence("")
        self.hide = self.add_button(_("Go on in the background"), self.cancel, style="primary", default=True)
        self.stop = self.add_button(_("Cancel"), self._stop)
        self.show()
        watch(self, shell, self._see)

    @property
    def figures(self) -> str:
        """What is said under the bar."""
        return str(self._figures.cget("text"))

    def _see(self, snapshot: ClientSnapshot) -> None:
        job = next((job for job in snapshot.jobs if job.number == self._number), None)
        if job is None:
            self.destroy()  # done, or failed: then a banner says why
            return
        self._heading.configure(text=_("Hashing {name}").format(name=job.path.name))
        self._bar.configure(value=1000 * job.bytes_done // max(job.bytes_total, 1))
        self._figures.configure(text=describe(job))

    def _stop(self) -> None:
        self._shell.submit(None, lambda session: session.jobs.cancel, self._number)
        self.destroy()


def describe(job: JobSnapshot) -> str:
    """How a job gets on, in one line."""
    share = job.bytes_done / job.bytes_total if job.bytes_total else 0.0
    parts = [
        percent(min(share, 0.999)),
        _("{done} of {total}").format(done=size(job.bytes_done), total=size(job.bytes_total)),
    ]
    if job.rate:
        parts.append(rate(job.rate))
    if job.eta is not None:
        parts.append(_("{time} left").format(time=duration(job.eta)))
    return " \u00b7 ".join(parts)
