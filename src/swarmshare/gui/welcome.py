"""The first page: at which tracker, as whom, and where downloads go."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import ttkbootstrap as ttk

from swarmshare.app.accounts import invited_to
from swarmshare.gui.dialogs.account_tab import is_for_here_only
from swarmshare.gui.dialogs.choosing import FolderField
from swarmshare.gui.dialogs.dialog import Check, Form, field, rewrite
from swarmshare.gui.scrolled import Scrolled
from swarmshare.gui.sentences import spoken
from swarmshare.gui.theme import pixels, sized_font
from swarmshare.gui.watching import watch
from swarmshare.gui.words import _

if TYPE_CHECKING:
    import tkinter

    from swarmshare.app.client_session import ClientSession
    from swarmshare.app.snapshot import ClientSnapshot, LocalTrackerSnapshot
    from swarmshare.gui.shell import Shell

ONLY_HERE: Final = (("localhost", 0),)
"""Listening on this machine only; a window listens for the network where nobody says otherwise."""
ANYWHERE: Final = (("*", 0),)
SETUP: Final = "setup_"
"""How a tracker's setup token begins."""
WIDTH: Final = 560


class Answers(NamedTuple):
    """What a person filled in."""

    tracker: str
    user: str
    password: str
    new: bool
    """Whether the account is to be made."""
    invitation: str | None
    setup_token: str | None
    settings: dict[str, object]


async def enter(session: ClientSession, answers: Answers) -> None:
    """Make the account, or sign in; if that worked, the settings are changed, too."""
    tracker, user, password, new, invitation, setup_token, settings = answers
    if new:
        await session.group.register(tracker, user, password, invitation=invitation, setup_token=setup_token)
    else:
        await session.group.sign_in(tracker, user, password)
    await session.change_settings(settings)


class WelcomePage(ttk.Frame):
    """The first page, shown while nobody is signed in and there is no transfer."""

    def __init__(self, parent: tkinter.Misc, shell: Shell, invitation: str = "") -> None:
        """``invitation`` is filled in for whoever sits there; it may be a tracker's setup token."""
        super().__init__(parent)
        self._shell = shell
        self._setup_token = ""
        self._local: LocalTrackerSnapshot | None = None
        self._runs = False
        self._filled = False
        self._lets_in = True
        """Whether others may connect by the settings as they are."""
        gap = pixels(self, 8)
        page = Scrolled(self, pixels(self, WIDTH + 64))
        page.pack(fill="both", expand=True)
        card = ttk.Frame(page.inside, padding=(4 * gap, gap))
        card.pack(fill="x")
        self._head(card, gap)
        self._choice(card, gap)
        self._fields(card)
        self.invitation.insert(0, invitation)
        self._foot(card, gap)
        card.bind("<Configure>", lambda event: self._wrap(event.width - 8 * gap))
        page.follow()
        self._new = True
        self.choose(new=True)
        shell.submit(self._offer, lambda session: session.group.known_trackers)
        watch(self, shell, self._see)
        if self.grab_current() is None:  # else a dialog has all input: one that signed out, say
            self.first.focus_set()

    def _head(self, card: ttk.Frame, gap: int) -> None:
        row = ttk.Frame(card)
        row.pack(fill="x", pady=(0, gap))
        ttk.Label(row, icon="share-fill", icon_size=34, bootstyle="primary").pack(side="left", padx=(0, 2 * gap))
        ttk.Label(row, text=_("Welcome to SwarmShare"), font=sized_font(10, bold=True)).pack(side="left")
        self._purpose = ttk.Label(
            card,
            text=_("Share big files with your group: every computer that has a piece helps."),
            bootstyle="secondary",
            justify="left",
        )
        self._purpose.pack(fill="x", pady=(0, 2 * gap))

    def _choice(self, card: ttk.Frame, gap: int) -> None:
        row = ttk.Frame(card)
        row.pack(fill="x", pady=(0, gap))
        self.make_account = ttk.Button(row, text=_("I am new here"), command=lambda: self.choose(new=True))
        self.have_account = ttk.Button(row, text=_("I have an account"), command=lambda: self.choose(new=False))
        self.make_account.pack(side="left", fill="x", expand=True)
        self.have_account.pack(side="left", fill="x", expand=True)

    def _fields(self, card: ttk.Frame) -> None:
        form = Form(card)
        self.tracker = ttk.Combobox(form.frame)
        self.user = field(form.frame)
        self.password = field(form.frame, secret=True)
        self.again = field(form.frame, secret=True)
        self.invitation = field(form.frame)
        self.folder = FolderField(form.frame, Path.home() / "Downloads")
        self.everybody = Check(form.frame, _("Other computers of the network may connect"), on=True)
        form.row(_("Tracker"), self.tracker, _("The address or link that you were given, such as 192.168.1.5:6969"))
        form.row(_("Name"), self.user)
        form.row(_("Password"), self.password)
        self._new_rows = [
            *form.row(_("Password again"), self.again),
            *form.row(_("Invitation, if any"), self.invitation),
        ]
        form.row(_("Download folder"), self.folder)
        form.row("", self.everybody)
        for entry in (self.tracker, self.user, self.password, self.again, self.invitation, self.folder.entry):
            entry.bind("<Return>", lambda _event: self.enter.invoke())

    def _foot(self, card: ttk.Frame, gap: int) -> None:
        self._problem = ttk.Label(card, bootstyle="danger", justify="left")
        self._problem.pack(fill="x", pady=gap)
        self.enter = ttk.Button(card, bootstyle="primary", command=self._enter)
        self.enter.pack(fill="x", ipady=gap // 4)
        ttk.Separator(card).pack(fill="x", pady=gap)
        row = ttk.Frame(card)
        row.pack(fill="x")
        self.start_tracker = ttk.Button(
            row,
            text=_("Start a tracker on this machine"),
            icon="hdd-network",
            bootstyle="neutral",
            command=self._switch,
        )
        self.start_tracker.pack(side="left")
        self.open_file = ttk.Button(row, text=_("Open a .torrent"), bootstyle="link", command=self._open)
        self.open_file.pack(side="right")
        self._note = ttk.Label(card, justify="left")
        self._note.pack(fill="x", pady=(gap, 0))
        self._wrap(pixels(self, WIDTH))
        self._see_tracker(None)

    def _wrap(self, width: int) -> None:
        """Sentences take the width that there is: beside the side bar of a small window it is less."""
        for label in (self._purpose, self._problem, self._note):
            label.configure(wraplength=width)

    @property
    def first(self) -> ttk.Entry:
        """The first field that is to be filled in; the tracker is offered."""
        return self.password if self.user.get() else self.user

    @property
    def complaint(self) -> str:
        """The sentence that says what went wrong; else empty."""
        return str(self._problem.cget("text"))

    @property
    def note(self) -> str:
        """What is said of a tracker on this machine."""
        return str(self._note.cget("text"))

    def choose(self, *, new: bool) -> None:
        """Ask for what a new account needs, or only for what signs in."""
        self._new = new
        self.make_account.configure(bootstyle="primary" if new else "neutral")
        self.have_account.configure(bootstyle="neutral" if new else "primary")
        for widget in self._new_rows:
            if new and not self._setup_token:
                widget.grid()
            else:
                widget.grid_remove()
        if new:  # the first account needs no invitation, but its password is repeated as well
            for widget in self._new_rows[:2]:
                widget.grid()
        self.enter.configure(text=_("Make the account") if new else _("Sign in"))

    def _offer(self, trackers: list[str]) -> None:
        if self.winfo_exists() and trackers:
            self.tracker.configure(values=trackers)
            if not self.tracker.get():
                self.tracker.set(trackers[0])

    def _see(self, snapshot: ClientSnapshot) -> None:
        if not self._filled:
            self._filled = True
            if snapshot.settings.folder is not None:
                rewrite(self.folder.entry, str(snapshot.settings.folder))
            self.everybody.on = self._lets_in = snapshot.settings.lets_others_in
            if snapshot.earlier_user and not self.user.get():
                self.choose(new=False)  # whoever was signed in a moment ago has an account
                self.user.insert(0, snapshot.earlier_user)
        if snapshot.local_tracker != self._local:
            self._local = snapshot.local_tracker
            self._see_tracker(self._local)

    def _see_tracker(self, local: LocalTrackerSnapshot | None) -> None:
        self._runs = local is not None and not local.problem
        self.start_tracker.configure(
            text=_("Stop the tracker") if self._runs else _("Start a tracker on this machine"), state="normal"
        )
        if local is not None and not local.ours:
            self.start_tracker.pack_forget()  # it is another program's to stop
        elif not self.start_tracker.winfo_manager():
            self.start_tracker.pack(side="left")
        if local is None:
            self._setup_token = ""
            self._say_what_it_is_for()
        elif local.problem:
            self._note.configure(text=spoken(local.problem), bootstyle="danger")
        elif not local.url:
            self._note.configure(text=_("The tracker starts..."), bootstyle="secondary")
        else:
            self._setup_token = local.setup_token
            self.tracker.set(local.own_url)
            if is_for_here_only(local.url):
                text = _("A tracker runs on this machine, and only this machine reaches it: {url}")
            else:
                text = _("The tracker runs. Give this address to the others: {url}")
            self._note.configure(text=text.format(url=local.url), bootstyle="success")
            if local.ours:
                self.choose(new=bool(local.setup_token))

    def _say_what_it_is_for(self) -> None:
        text = _("Nobody in your group has one yet? Then this computer can be it.")
        self._note.configure(text=text, bootstyle="secondary")

    def _switch(self) -> None:
        self.start_tracker.configure(state="disabled")
        if self._runs:
            self._shell.submit_or(self._not_started, None, lambda session: session.group.stop_tracker)
        else:
            self._note.configure(text=_("The tracker starts..."), bootstyle="secondary")
            self._shell.submit_or(self._not_started, None, lambda session: session.group.start_tracker)

    def _not_started(self, sentence: str) -> None:
        if self.winfo_exists():
            self.start_tracker.configure(state="normal")
            self._note.configure(text=sentence, bootstyle="danger")

    def _open(self) -> None:
        from swarmshare.gui.dialogs.opening import open_torrent_dialog

        open_torrent_dialog(self._shell)

    def _mistake(self) -> str:
        """Return what is missing or wrong, as a sentence; empty when nothing is."""
        if not self.tracker.get().strip():
            return _("Type the tracker's address, or start one on this machine.")
        if not self.user.get().strip():
            return _("Type a name: others see it beside what you share.")
        if not self.password.get():
            return _("Type a password.")
        if self._new and self.password.get() != self.again.get():
            return _("The two passwords are not the same.")
        if self.folder.path is None or not self.folder.path.is_absolute():
            return _("Say into which folder downloads go.")
        return ""

    def _enter(self) -> None:
        self._problem.configure(text=self._mistake())
        if self.complaint:
            return
        self.enter.configure(state="disabled")
        settings: dict[str, object] = {"folder": self.folder.path}
        if self.everybody.on != self._lets_in:
            settings["listen"] = ANYWHERE if self.everybody.on else ONLY_HERE
        tracker, code = self.tracker.get().strip(), self.invitation.get().strip()
        tracker, code = invited_to(tracker) or invited_to(code) or (tracker, code)
        local = self._shell.snapshot.local_tracker if self._shell.snapshot else None
        token = self._setup_token if local is not None and tracker == local.own_url else ""
        if code.startswith(SETUP):  # the tracker's first account was to be made elsewhere, and is made here
            token, code = code, ""
        answers = Answers(
            tracker, self.user.get().strip(), self.password.get(), self._new, code or None, token or None, settings
        )
        self._shell.submit_or(self._failed, self._entered, lambda session: partial(enter, session), answers)

    def _failed(self, sentence: str) -> None:
        if self.winfo_exists():
            self.enter.configure(state="normal")
            self._problem.configure(text=sentence)

    def _entered(self, _nothing: None) -> None:
        if self.winfo_exists():
            self.enter.configure(state="normal")
