"""The main window: a tool bar, a side bar, a page, a status bar, which all show the newest snapshot."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

import ttkbootstrap

from swarmshare.errors import StorageError
from swarmshare.gui.banner import Banners
from swarmshare.gui.catalogue import CataloguePage
from swarmshare.gui.dialogs.leaving import MOST, ask_to_leave, wait_for_the_end
from swarmshare.gui.drop import accept_drops
from swarmshare.gui.garbage import swept_here
from swarmshare.gui.menus import Menus
from swarmshare.gui.news import say_fact
from swarmshare.gui.notify import Notifier
from swarmshare.gui.poll import Poller, sentence
from swarmshare.gui.preferences import Preferences
from swarmshare.gui.sentences import spoken
from swarmshare.gui.side_bar import CATALOGUE, SideBar
from swarmshare.gui.status import StatusBar
from swarmshare.gui.tab_keys import bind_tab_keys
from swarmshare.gui.theme import open_root, pixels
from swarmshare.gui.toolbar import Toolbar
from swarmshare.gui.transfers import TransfersPage
from swarmshare.gui.words import _, use_language
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Awaitable, Callable, Sequence
    from types import TracebackType

    from swarmshare.app.client_session import ClientSession
    from swarmshare.app.facts import Fact
    from swarmshare.app.snapshot import ClientSnapshot
    from swarmshare.gui.dialogs.leaving import LeavingDialog
    from swarmshare.gui.poll import Beside
    from swarmshare.gui.shell import Kind
    from swarmshare.gui.welcome import WelcomePage

P = ParamSpec("P")
R = TypeVar("R")

TITLE: Final = "SwarmShare"
_USUAL: Final = 1240, 760
"""Pixels at first, at 96 dots an inch."""
_LEAST: Final = 640, 440

SIGNALS_EVERY: Final = 100
"""Milliseconds between looks for signals: a person who presses Ctrl-C waits no longer."""


class MainWindow:
    """The program's only window; its parts see it as a :class:`~swarmshare.gui.shell.Shell`."""

    def __init__(self, thread: Beside, preferences: Preferences, invitation: str = "") -> None:
        """``invitation`` is for the first page."""
        self.preferences = preferences
        self._invitation = invitation
        self._thread = thread
        self.root: tkinter.Tk = open_root(preferences, TITLE)
        self.root.report_callback_exception = self._surprised
        self.poller = Poller(self.root, thread, show=self._show, note=self._note, ended=self._ended)
        self._problems: dict[str, str] = {}
        self.welcome: WelcomePage | None = None
        self._leaving = False
        self.interrupted = False
        """Whether it ends because of a signal."""
        self._question: LeavingDialog | None = None
        """The one that a signal has brought up."""
        self._build()
        self._notifier = Notifier(self.root, preferences)
        self.root.protocol("WM_DELETE_WINDOW", self.close)
        accept_drops(self)
        self._place()
        if preferences.set_aside is not None:
            text = _("What the window remembered could not be read, and is now at {path}")
            self.say(text.format(path=preferences.set_aside), "warning")

    def _build(self) -> None:
        self.menus = Menus(self)
        self.toolbar = Toolbar(self.root, self.menus.commands, self.menus.fill, self._search)
        self.banners = Banners(self.root)
        self.status = StatusBar(self.root)
        middle = ttkbootstrap.Frame(self.root)
        self.side_bar = SideBar(middle, self, self._turn_to)
        self.pages = ttkbootstrap.Frame(middle)
        self.transfers = TransfersPage(self.pages, self)
        self.catalogue = CataloguePage(self.pages, self)
        self.toolbar.pack(fill="x")
        self.banners.pack(fill="x")
        self.status.pack(side="bottom", fill="x")
        ttkbootstrap.Separator(self.root).pack(side="bottom", fill="x")
        ttkbootstrap.Separator(self.root).pack(fill="x")
        middle.pack(fill="both", expand=True)
        self.pages.pack(side="right", fill="both", expand=True)
        self._show_page()
        self.menus.bind_keys()
        bind_tab_keys(self.root, self.transfers.details, lambda: self.page is self.transfers)
        for change in ("<FocusIn>", "<FocusOut>"):  # Tk does not tell a window that it has got it from something inside
            self.root.bind(change, lambda _event: self.root.after_idle(self._pass_focus_on))

    def _pass_focus_on(self) -> None:
        """Give the keyboard to what is in sight when nothing has it: the window itself never has."""
        if str(self.root.tk.call("focus")) == str(self.root):
            self.focus_page()

    def focus_page(self) -> None:
        """Give the keyboard to what is in sight."""
        (self.page.table.body if self.welcome is None else self.welcome.first).focus_set()

    def _place(self) -> None:
        scale = pixels(self.root, 100) / 100
        wide, high = (round(length * scale) for length in _USUAL)
        screen = self.root.winfo_screenwidth(), self.root.winfo_screenheight()
        least = [min(round(length * scale), most) for length, most in zip(_LEAST, screen, strict=True)]
        self.root.minsize(*least)
        size = self.preferences.get("window.size", [wide, high])
        if len(size) == 2:
            wide, high = map(int, size)
        wide, high = (max(low, min(n, most)) for n, low, most in zip((wide, high), least, screen, strict=True))
        self.root.geometry(f"{wide}x{high}")
        if self.preferences.get("window.zoomed", False) and self.root.tk.call("tk", "windowingsystem") != "aqua":
            self.root.attributes("-zoomed", True)
        self.side_bar.select(CATALOGUE if self.preferences.get("window.page", CATALOGUE) == CATALOGUE else "all")
        self.root.deiconify()

    # ------------------------------------------------------------------ Shell

    @property
    def snapshot(self) -> ClientSnapshot | None:
        """The newest snapshot; None until the client session is open."""
        return self.poller.snapshot

    def submit(
        self,
        then: Callable[[R], object] | None,
        command: Callable[[ClientSession], Callable[P, Awaitable[R]]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Run a command on the session's thread: see :meth:`Shell.submit`."""
        self.poller.expect(self._thread.submit(command, *args, **kwargs), then, self._refused)

    def submit_or(
        self,
        failed: Callable[[str], object],
        then: Callable[[R], object] | None,
        command: Callable[[ClientSession], Callable[P, Awaitable[R]]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Run a command, and hand an error to ``failed``: see :meth:`Shell.submit_or`."""
        self.poller.expect(self._thread.submit(command, *args, **kwargs), then, failed)

    def say(self, text: str, kind: Kind = "info") -> None:
        """Show a sentence in a banner."""
        self.banners.say(text, kind)

    def _refused(self, text: str) -> None:
        self.say(text, "danger")

    # ------------------------------------------------------------------ what is new

    def _show(self, snapshot: ClientSnapshot) -> None:
        self._show_first_page(snapshot)
        self.side_bar.show(snapshot)
        self.transfers.show(snapshot)
        self.catalogue.show(snapshot)
        self.status.show(snapshot)
        states = {transfer.state for transfer in self.transfers.table.selected}
        acting = bool(states) and self.page is self.transfers
        self.toolbar.allow("pause", usable=acting and states != {TorrentState.PAUSED})
        self.toolbar.allow("resume", usable=acting and TorrentState.PAUSED in states)
        self.toolbar.allow("remove", usable=acting)
        self._complain("listen", spoken(snapshot.listen_problem))
        self._complain("tracker", spoken(snapshot.tracker_problem))

    def _complain(self, about: str, problem: str) -> None:
        """Show a banner about a problem for as long as it lasts, and do not repeat it."""
        if problem != self._problems.get(about, ""):
            self._problems[about] = problem
            if problem:
                self.banners.say(problem, "warning", about)
            else:
                self.banners.unsay(about)

    def _show_first_page(self, snapshot: ClientSnapshot) -> None:
        """Show the welcome page while there is nobody whose catalogue it could be."""
        first = snapshot.person is None and not snapshot.transfers and not snapshot.jobs
        wanted = first or (snapshot.person is None and self.page is self.catalogue)
        if first and self.side_bar.winfo_manager():
            self.side_bar.pack_forget()
        elif not first and not self.side_bar.winfo_manager():
            self.side_bar.pack(side="left", fill="y")
        if wanted and self.welcome is None:
            from swarmshare.gui.welcome import WelcomePage

            self.welcome = WelcomePage(self.pages, self, self._invitation)
            self._show_page()
        elif not wanted and self.welcome is not None:
            self.welcome.destroy()
            self.welcome = None
            self._show_page()
            self._pass_focus_on()

    def _note(self, facts: Sequence[Fact]) -> None:
        self.transfers.details.note(facts)
        self._notifier.hear(facts, self.snapshot)
        for fact in facts:
            say_fact(self.banners, fact, self.snapshot)

    # ------------------------------------------------------------------ pages

    @property
    def page(self) -> CataloguePage | TransfersPage:
        """The one in sight, below a welcome."""
        return self.catalogue if self.side_bar.selected == CATALOGUE else self.transfers

    def turn_to(self, name: str) -> None:
        """Show the catalogue, or transfers by a filter."""
        self.side_bar.select(name)

    def _turn_to(self, name: str) -> None:
        if name != CATALOGUE:
            self.transfers.choose(name)
        self._show_page()
        if self.snapshot is not None:
            self._show(self.snapshot)

    def _show_page(self) -> None:
        """Only one is there at a time: Tab would go through those below it, too."""
        shown = self.welcome or self.page
        for page in (self.catalogue, self.transfers, self.welcome):
            if page is shown:
                page.place(relwidth=1, relheight=1)
            elif page is not None:
                page.place_forget()

    def _search(self, text: str) -> None:
        self.transfers.search(text)
        self.catalogue.search(text)

    # ------------------------------------------------------------------ the end

    def close(self) -> None:
        """Do what the window's cross does: minimise, if that is wanted; else leave, but not without a question."""
        if self.preferences.get("close_minimises", False):
            self.root.iconify()
        else:
            self.leave()

    def leave(self) -> None:
        """End the program, after a question when other people still need this machine."""
        if not self._leaving:
            ask_to_leave(self, self._leave)

    def interrupt(self) -> None:
        """Leave for Ctrl-C in the terminal, after the same question; once more in the midst of that: end now."""
        asked = self._question is not None and self._question.winfo_exists()
        if self._leaving or asked:
            self.terminate()
        else:
            self.root.deiconify()
            self._question = ask_to_leave(self, self._leave_interrupted)

    def terminate(self) -> None:
        """End now for SIGTERM, without a question."""
        self.interrupted = True
        self.root.quit()

    def _leave_interrupted(self) -> None:
        self.interrupted = True
        self._leave()

    def _leave(self) -> None:
        self._leaving = True
        self.remember()
        self.poller.stop()
        wait_for_the_end(self.root, self._thread, self.root.destroy)

    def remember(self) -> None:
        """Save the window's size, its page and its columns, for the next time it is opened."""
        self.transfers.remember()
        zoomed = self.root.tk.call("tk", "windowingsystem") != "aqua" and bool(self.root.attributes("-zoomed"))
        self.preferences.set("window.zoomed", zoomed)
        if not zoomed:
            self.preferences.set("window.size", [self.root.winfo_width(), self.root.winfo_height()])
        self.preferences.set("window.page", self.side_bar.selected)
        with suppress(StorageError):  # the window is going, and can do without
            self.preferences.save()

    def _ended(self, failure: BaseException | None) -> None:
        if failure is not None:
            self.say(_("The engine has ended: {reason}").format(reason=sentence(failure)), "danger")

    def _surprised(self, kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        """Show a bug of ours, which must not be silent, nor the end; but a signal is."""
        if isinstance(error, KeyboardInterrupt):
            self.terminate()
        else:
            self.say(sentence(error), "danger")


def run(thread: Beside | None = None, invitation: str = "") -> int:
    """Show the window until it is closed; the exit status.

    ``thread`` is the session's, by default a new one; ``invitation`` is filled in on the first page.
    """
    signals: list[int] = []
    # An exception of a handler would be lost in a finalizer or a callback of Tk's; the loop sees to what is noted.
    before = {
        number: signal.signal(number, lambda number, _frame: signals.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        preferences = Preferences()
        use_language(preferences.get("language", ""))
        if thread is None:
            from swarmshare.app.thread import SessionThread

            thread = SessionThread()
        window = MainWindow(thread, preferences, invitation)

        def look_at_signals() -> None:
            window.root.after(SIGNALS_EVERY, look_at_signals)
            while signals:
                (window.interrupt if signals.pop(0) == signal.SIGINT else window.terminate)()

        with swept_here(window.root):
            window.poller.start()
            window.root.after(SIGNALS_EVERY, look_at_signals)
            window.root.mainloop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if thread is not None:
            thread.close()
            thread.closed.wait(MOST)
    if window.interrupted:
        raise KeyboardInterrupt
    return 0
