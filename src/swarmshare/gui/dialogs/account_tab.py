"""Who is signed in, how others come in, and the tracker of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import ttkbootstrap as ttk

from swarmshare.app.accounts import invitation_link
from swarmshare.common.address import is_loopback
from swarmshare.gui.dialogs.dialog import rewrite
from swarmshare.gui.dialogs.members import MembersDialog
from swarmshare.gui.dialogs.own_account import DevicesDialog, PasswordDialog
from swarmshare.gui.sentences import spoken
from swarmshare.gui.theme import pixels
from swarmshare.gui.watching import watch
from swarmshare.gui.words import _

if TYPE_CHECKING:
    import tkinter

    from swarmshare.app.snapshot import ClientSnapshot, LocalTrackerSnapshot, PersonSnapshot
    from swarmshare.gui.shell import Shell


class AccountTab(ttk.Frame):
    """Acts at once: there is nothing to save."""

    def __init__(self, parent: tkinter.Misc, shell: Shell) -> None:
        gap = pixels(parent, 8)
        super().__init__(parent, padding=2 * gap)
        self._shell = shell
        self._seen: tuple[PersonSnapshot | None, LocalTrackerSnapshot | None, str] | None = None
        self._who = self._label(gap)
        row = ttk.Frame(self)
        row.pack(anchor="w", pady=(0, 2 * gap))
        self.sign_out = ttk.Button(row, text=_("Sign out"), command=self._sign_out, bootstyle="danger-outline")
        self.password = ttk.Button(row, text=_("Change the password..."), command=self._change_password)
        self.devices = ttk.Button(row, text=_("Where you are signed in..."), command=self._show_devices)
        for button in (self.sign_out, self.password, self.devices):
            button.pack(side="left", padx=(0, gap))
        self._organising = ttk.Frame(self)
        self.invite = ttk.Button(self._organising, text=_("Invite somebody"), command=self._invite)
        self.members = ttk.Button(self._organising, text=_("Members..."), command=self._show_members)
        for button in (self.invite, self.members):
            button.pack(side="left", padx=(0, gap))
        self.invitation = ttk.Entry(self, state="readonly")
        self._hint = self._label(gap)
        ttk.Separator(self).pack(fill="x", pady=2 * gap)
        self._tracker = self._label(gap)
        row = ttk.Frame(self)
        row.pack(anchor="w")
        self.start = ttk.Button(row, text=_("Start a tracker on this machine"), command=self._start)
        self.stop = ttk.Button(row, command=self._stop)
        self.copy = ttk.Button(row, text=_("Copy the address"), command=self._copy)
        watch(self, shell, self._see)

    def _label(self, gap: int) -> ttk.Label:
        label = ttk.Label(self, wraplength=pixels(self, 480), justify="left")
        label.pack(fill="x", pady=(0, gap))
        return label

    @property
    def sentences(self) -> tuple[str, str, str]:
        """What can be read: who is signed in, of the invitation, of the tracker."""
        return str(self._who.cget("text")), str(self._hint.cget("text")), str(self._tracker.cget("text"))

    def _see(self, snapshot: ClientSnapshot) -> None:
        person, local, problem = now = snapshot.person, snapshot.local_tracker, snapshot.tracker_problem
        if now == self._seen:
            return
        if self._seen is None or person != self._seen[0]:
            self._offer_invitations(person)
        self._seen = now
        if person is None:
            self._who.configure(text=_("Nobody is signed in."))
        else:
            told = _("{user} is signed in at {tracker}").format(
                user=person.user, tracker=address_for_others(person.tracker, local)
            )
            self._who.configure(text=f"{told}\n{spoken(problem)}" if problem else told)
        for button in (self.sign_out, self.password, self.devices):
            button.configure(state="normal" if person else "disabled")
        self._see_tracker(local)

    def _see_tracker(self, local: LocalTrackerSnapshot | None) -> None:
        if local is None or local.problem:
            self._tracker.configure(text=spoken(local.problem) if local else _("No tracker runs on this machine."))
        elif local.url:
            if is_for_here_only(local.url):
                text = _("A tracker runs on this machine, and only this machine reaches it: {url}")
            else:
                text = _("A tracker runs on this machine. Others reach it at {url}")
            if not local.ours:
                text += "\n" + _("It was started by another program, and ends with it.")
            self._tracker.configure(text=text.format(url=local.url))
        else:
            self._tracker.configure(text=_("The tracker starts..."))
        failed = local is not None and bool(local.problem)
        self.start.configure(text=_("Try again") if failed else _("Start a tracker on this machine"))
        self.stop.configure(text=_("Do not start it any more") if failed else _("Stop the tracker"))
        ours = local is not None and local.ours
        runs = local is not None and bool(local.url)
        for button, there in ((self.copy, runs), (self.start, local is None or failed), (self.stop, ours)):
            button.configure(state="normal")
            button.pack_forget()
            if there:
                button.pack(side="left", padx=(0, pixels(self, 8)))

    def _offer_invitations(self, person: PersonSnapshot | None) -> None:
        """Show the buttons to organisers only: a tracker refuses members what they do."""
        if person is not None and person.is_organiser:
            self._organising.pack(anchor="w", pady=(0, pixels(self, 8)), before=self._hint)
            self._say("")
        else:
            self._organising.pack_forget()
            self.invitation.pack_forget()
            self._say(
                _("Organisers invite people: ask one of them for an invitation.") if person and person.role else ""
            )

    def _sign_out(self) -> None:
        self._shell.submit(None, lambda session: session.group.sign_out)

    def _change_password(self) -> None:
        PasswordDialog(self, self._shell)

    def _show_devices(self) -> None:
        DevicesDialog(self, self._shell)

    def _show_members(self) -> None:
        MembersDialog(self, self._shell)

    def _invite(self) -> None:
        self._shell.submit_or(self._say, self._invited, lambda session: session.group.invite)

    def _invited(self, code: str) -> None:
        if not self.winfo_exists():
            return
        snapshot = self._shell.snapshot
        tracker = snapshot.person.tracker if snapshot is not None and snapshot.person is not None else ""
        address = address_for_others(tracker, snapshot.local_tracker if snapshot is not None else None)
        link = invitation_link(address, code)
        self.invitation.configure(state="normal")
        rewrite(self.invitation, link)
        self.invitation.configure(state="readonly")
        self.invitation.pack(fill="x", before=self._hint)
        self.clipboard_clear()
        self.clipboard_append(link)
        if is_for_here_only(address):
            self._say(_("Copied. Only this machine reaches this tracker, so the link is for this machine only."))
        else:
            self._say(
                _(
                    "Copied. Send the link to one person: it works once, in a browser or where SwarmShare asks for "
                    "an invitation."
                )
            )

    def _say(self, sentence: str) -> None:
        if self.winfo_exists():
            self._hint.configure(text=sentence)

    def _copy(self) -> None:
        local = self._shell.snapshot.local_tracker if self._shell.snapshot else None
        if local is not None and local.url:
            self.clipboard_clear()
            self.clipboard_append(local.url)

    def _start(self) -> None:
        self.start.configure(state="disabled")
        self._shell.submit_or(self._switch_failed, None, lambda session: session.group.start_tracker)

    def _stop(self) -> None:
        self.stop.configure(state="disabled")
        self._shell.submit_or(self._switch_failed, None, lambda session: session.group.stop_tracker)

    def _switch_failed(self, sentence: str) -> None:
        if self.winfo_exists():
            for button in (self.start, self.stop):
                button.configure(state="normal")
            self._tracker.configure(text=sentence)


def is_for_here_only(url: str) -> bool:
    """Whether ``url`` means something on this machine only."""
    return is_loopback(urlsplit(url).hostname or "")


def address_for_others(tracker: str, local: LocalTrackerSnapshot | None) -> str:
    """How others reach the ``tracker`` that one is signed in at: that may be by a name that means this machine only."""
    return local.url if local is not None and local.url and tracker == local.own_url else tracker
