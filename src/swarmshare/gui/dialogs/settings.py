"""Settings: of the engine, which every verb has too, and of the window."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import trio
import ttkbootstrap as ttk

from swarmshare.app.quiet_hours import read_hours
from swarmshare.gui import autostart
from swarmshare.gui.dialogs.account_tab import AccountTab
from swarmshare.gui.dialogs.choosing import FolderField
from swarmshare.gui.dialogs.dialog import Check, Dialog, Form, field
from swarmshare.gui.dialogs.limits import RateField
from swarmshare.gui.sentences import spoken, translate
from swarmshare.gui.tab_keys import bind_tab_keys
from swarmshare.gui.theme import DARK, LIGHT, SYSTEM, use_theme
from swarmshare.gui.words import _, read_number
from swarmshare.languages import LANGUAGES
from swarmshare.texts import text_of

if TYPE_CHECKING:
    from swarmshare.app.client_session import ClientSession
    from swarmshare.app.config import Settings
    from swarmshare.common.address import Address
    from swarmshare.gui.shell import Shell

_ANYWHERE, _ONLY_HERE = "*", "localhost"
_MAX_PORT: Final = 65535
_HOURS: Final = ("08:00", "18:00")
"""What is suggested."""


def open_settings(shell: Shell) -> SettingsDialog | None:
    """Return the dialog; None while there are no settings to be seen yet."""
    return SettingsDialog(shell, shell.snapshot.settings) if shell.snapshot else None


async def apply(session: ClientSession, changes: dict[str, object], start_with_system: bool | None) -> None:
    """Change settings, and whether the window starts with the system; None: as it is."""
    if changes:
        await session.change_settings(changes)
    if start_with_system is not None:
        await trio.to_thread.run_sync(autostart.switch, start_with_system)


class SettingsDialog(Dialog):
    """Changes nothing before Save; a mistake is said, and can be mended."""

    def __init__(self, shell: Shell, settings: Settings) -> None:
        super().__init__(shell.root, _("Settings"))
        self._shell, self._settings = shell, settings
        self.tabs = ttk.Notebook(self.body)
        self.tabs.pack(fill="both", expand=True)
        self._transfers(self._tab(_("Transfers")), settings)
        self._network(self._tab(_("Network")), settings)
        self._window(self._tab(_("Window")))
        self._shown = self._changes_shown()
        if shell.snapshot is not None:
            account = AccountTab(self.tabs, shell)
            self.tabs.add(account, text=_("Account"))
        bind_tab_keys(self, self.tabs)
        self.accept = self.add_button(_("Save"), self._accept, style="primary", default=True)
        self.add_cancel()
        self.show(self.folder.entry)

    def _tab(self, title: str) -> Form:
        frame = ttk.Frame(self.tabs, padding=2 * self.gap)
        self.tabs.add(frame, text=title)
        return Form(frame)

    def _transfers(self, form: Form, settings: Settings) -> None:
        self.folder = FolderField(form.frame, settings.folder)
        self.down = RateField(form.frame, settings.limit_down)
        self.up = RateField(form.frame, settings.limit_up)
        self.quiet = Check(
            form.frame,
            _("Other limits at some hours of the day"),
            on=settings.quiet_hours is not None,
            command=self._show_quiet,
        )
        hours = ttk.Frame(form.frame)
        begin, end = settings.quiet_hours.split("-") if settings.quiet_hours else _HOURS
        self.begin, self.end = field(hours, begin, width=7), field(hours, end, width=7)
        self.begin.pack(side="left")
        ttk.Label(hours, text=_("to")).pack(side="left", padx=self.gap)
        self.end.pack(side="left")
        self.quiet_down = RateField(form.frame, settings.quiet_limit_down)
        self.quiet_up = RateField(form.frame, settings.quiet_limit_up)
        form.row(_("Download folder"), self.folder)
        form.row(_("Download at most"), self.down)
        form.row(_("Upload at most"), self.up, _("All transfers together"))
        form.row("", self.quiet)
        self._quiet_rows = [
            *form.row(_("From"), hours),
            *form.row(_("Download at most"), self.quiet_down),
            *form.row(_("Upload at most"), self.quiet_up),
        ]
        self._show_quiet()

    def _show_quiet(self) -> None:
        for widget in self._quiet_rows:
            if self.quiet.on:
                widget.grid()
            else:
                widget.grid_remove()

    def _network(self, form: Form, settings: Settings) -> None:
        self.everybody = Check(form.frame, _("Other computers of the network may connect"), on=settings.lets_others_in)
        self.port = field(form.frame, str(settings.listen[0][1]), width=8)
        form.row("", self.everybody)
        form.row(
            _("Port"), self.port, _("0: any free one. A firewall or router may want one that stays, such as 6881.")
        )
        if self._shell.snapshot is not None and self._shell.snapshot.addresses:
            ttk.Label(form.frame, text="\n".join(self._shell.snapshot.addresses[:8])).grid(column=1, sticky="w")

    def _window(self, form: Form) -> None:
        preferences = self._shell.preferences
        self._themes = {SYSTEM: _("As the system"), LIGHT: _("Light"), DARK: _("Dark")}
        self._languages = {"": _("As the system"), **LANGUAGES}
        self.theme = _choice(form, self._themes, preferences.get("theme", SYSTEM))
        self.language = _choice(form, self._languages, preferences.get("language", ""))
        form.row(_("Theme"), self.theme)
        form.row(_("Language"), self.language, _("Counts from the next start"))
        self.notifications = Check(
            form.frame,
            _("Notify me of new entries and of downloads that are done"),
            on=preferences.get("notifications", True),
        )
        self.minimise = Check(
            form.frame, _("Closing the window only minimises it"), on=preferences.get("close_minimises", False)
        )
        self.autostart = Check(form.frame, _("Start with the system"), on=autostart.applies() and autostart.is_on())
        form.row("", self.notifications)
        form.row("", self.minimise)
        if autostart.applies():
            form.row("", self.autostart)

    def _changes_shown(self) -> dict[str, object]:
        """All that the fields say, in the values of :class:`Settings`. Raises :class:`ValueError`, with a sentence."""
        folder = self.folder.path
        if folder is not None and not folder.is_absolute():
            raise ValueError(_("The download folder must be a whole path, such as /home/ana/Downloads."))
        port = read_number(self.port.get() or "0")
        if port is None or not port.is_integer() or not 0 <= port <= _MAX_PORT:
            raise ValueError(_("{text} is no port: a number from 0 to 65535.").format(text=self.port.get()))
        listen: tuple[Address, ...] = ((_ANYWHERE if self.everybody.on else _ONLY_HERE, int(port)),)
        hours = f"{self.begin.get().strip()}-{self.end.get().strip()}"
        try:
            read_hours(hours)
        except ValueError:
            raise ValueError(_("{text} are no hours, such as 08:00 to 18:00.").format(text=hours)) from None
        quiet = self.quiet.on
        return {
            "folder": folder,
            "listen": listen,
            "limit_down": self.down.value(),
            "limit_up": self.up.value(),
            "quiet_hours": hours if quiet else None,
            "quiet_limit_down": self.quiet_down.value() if quiet else None,
            "quiet_limit_up": self.quiet_up.value() if quiet else None,
        }

    def _accept(self) -> None:
        try:
            wanted = self._changes_shown()
        except ValueError as error:
            self.complain(translate(text_of(error)))
            return
        changes = {name: value for name, value in wanted.items() if value != self._shown[name]}
        switched = self.autostart.on if autostart.applies() and self.autostart.on != autostart.is_on() else None
        self._accept_window()
        self.complain("")
        self.accept.configure(state="disabled")
        self._shell.submit_or(self._failed, self._saved, lambda session: partial(apply, session), changes, switched)

    def _accept_window(self) -> None:
        preferences = self._shell.preferences
        preferences.set("notifications", self.notifications.on)
        preferences.set("close_minimises", self.minimise.on)
        preferences.set("language", list(self._languages)[self.language.current()])
        theme = list(self._themes)[self.theme.current()]
        if theme != preferences.get("theme", SYSTEM):
            use_theme(self._shell.root, preferences, theme)

    def _failed(self, sentence: str) -> None:
        if self.winfo_exists():
            self.accept.configure(state="normal")
            self.complain(sentence)
        else:
            self._shell.say(sentence, "danger")

    def _saved(self, _nothing: None) -> None:
        if not self.winfo_exists():
            return
        problem = spoken(self._shell.snapshot.listen_problem) if self._shell.snapshot else ""
        if problem:
            self._failed(problem)
            self._shown = self._changes_shown()
        else:
            self.destroy()


def _choice(form: Form, choices: dict[str, str], chosen: str) -> ttk.Combobox:
    box = ttk.Combobox(form.frame, state="readonly", values=list(choices.values()))
    box.current(list(choices).index(chosen) if chosen in choices else 0)
    return box
