"""Somebody at a window who has no mouse."""

from __future__ import annotations

import tkinter
from typing import TYPE_CHECKING

from gui.keyboard import everything, settle, until
from gui.sight import box, cut_off, not_in_portuguese, pixels_changed, screenshot, words_of_menu, words_on

from swarmshare.gui.words import language

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from swarmshare.gui.window import MainWindow

_KEYS = {" ": "space", "\n": "Return", "<": "less", "-": "minus"}
_ROUND = 80
"""Tabs after which one has been everywhere."""
_SMALL = 800
_VISIBLE = 20
"""Pixels that change when something gets the keyboard, at least."""


class Person:
    """Presses keys, wherever the keyboard is, and looks at the whole screen."""

    def __init__(self, window: MainWindow, display: str, album: Path, names: set[str]) -> None:
        """``album`` takes screenshots; ``names`` are what needs no translation."""
        self.window, self.names = window, names
        self._display, self._album = display, album
        self.wrong: list[str] = []
        """What was seen to be wrong so far."""
        album.mkdir(parents=True, exist_ok=True)
        window.root.focus_force()  # there is no window manager that would do it
        settle(window.root)

    @property
    def focus(self) -> tkinter.Misc:
        """What has the keyboard."""
        name = str(self.window.root.tk.call("focus"))
        assert name, "nothing has the keyboard"
        widget: tkinter.Misc = self.window.root.nametowidget(name)
        return widget

    def is_given(self, top: tkinter.Misc) -> None:
        """Have the keyboard in a window that nobody pressed a key for, as a window manager does it."""
        settle(self.window.root)
        (top.focus_lastfor() or top).focus_force()
        settle(self.window.root)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.focus.event_generate(f"<{key}>" if "-" in key else f"<KeyPress-{key}>")
            settle(self.window.root)

    def write(self, text: str) -> None:
        """Type into what has the keyboard; coming there by Tab has selected what was in it."""
        entry = self.focus
        assert entry.winfo_class() in ("TEntry", "TCombobox", "TSpinbox"), f"{entry} takes no text"
        entry.event_generate("<<SelectAll>>")
        entry.event_generate("<KeyPress-Delete>")
        for letter in text:
            entry.event_generate("<KeyPress>", keysym=_KEYS.get(letter) or f"U{ord(letter):04X}")
        settle(entry)

    def tab_to(self, widget: tkinter.Misc, key: str = "Tab") -> None:
        """Go there by Tab alone."""
        for _ in range(_ROUND):
            if self.focus is widget:
                assert widget.winfo_viewable()
                return
            self.press(key)
        raise AssertionError(f"no Tab leads to {widget}")

    def push(self, button: tkinter.Misc) -> None:
        """Go to a button or box, and press the space bar."""
        self.tab_to(button)
        self.press("space")

    def fill_in(self, *answers: tuple[tkinter.Misc, str]) -> None:
        for entry, text in answers:
            self.tab_to(entry)
            self.write(text)

    def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait for something; when it does not come, tell what is to be seen instead."""
        root = self.window.root
        try:
            until(root, condition, what)
        except AssertionError as error:
            tops = [root, *(child for child in root.winfo_children() if child.winfo_class() == "Toplevel")]
            error.add_note(f"The keyboard is with {root.tk.call('focus')}.")
            for top in tops:
                error.add_note(f"{top}: {' | '.join(words_on(top))}")
            raise

    def choose(self, *labels: str) -> None:
        """Go to entries of the menu that is open, the later ones in the menus of the earlier, and press Return."""
        for label in labels:
            menu = self.focus
            assert isinstance(menu, tkinter.Menu), f"{menu} is no menu"
            for _ in range(_ROUND):
                if menu.index("active") is not None and menu.entrycget("active", "label") == label:
                    break
                self.press("Down")
            else:
                raise AssertionError(f"{label} is not in the menu: {words_of_menu(menu)}")
            self.press("Return")

    def look(self, name: str) -> None:
        """Take a screenshot, and see to it that everything is there, and can be read."""
        root = self.window.root
        settle(root)
        self.focus  # noqa: B018
        screenshot(self._display).save(self._album / f"{name}.png", compress_level=1)
        wrong = []
        for top in [root, *(child for child in everything(root) if child.winfo_class() == "Toplevel")]:
            if not top.winfo_viewable():
                continue
            wrong += cut_off(top)
            if language() == "pt_BR":
                wrong += not_in_portuguese(words_on(top), self.names)
        menu = self.focus
        if isinstance(menu, tkinter.Menu):
            wrong += cut_off(menu)
            if language() == "pt_BR":
                wrong += not_in_portuguese(words_of_menu(menu), self.names)
        if wrong:
            (self._album / f"{name}.txt").write_text("\n".join(wrong))
        self.wrong.extend(f"{name}: {problem}" for problem in wrong)

    def go_round(self) -> None:
        """Press Tab until one is back: each time the screen shows where the keyboard is, and where it was.

        On the small screen only: these screenshots take long, and larger ones show no other stops.
        """
        if self.window.root.winfo_screenwidth() > _SMALL:
            return
        first, seen = self.focus, 0
        before = screenshot(self._display)
        while seen < _ROUND:
            last, seen = self.focus, seen + 1
            self.press("Tab")
            after = screenshot(self._display)
            for widget, what in ((last, "has lost"), (self.focus, "has")):
                left, top, right, bottom = box(widget)
                where = left - 2, top - 2, right + 2, bottom + 2  # some have their ring around them
                if pixels_changed(before.crop(where), after.crop(where)) < _VISIBLE:
                    self.wrong.append(f"one does not see that {widget} {what} the keyboard")
            if not self.focus.winfo_viewable():
                self.wrong.append(f"{self.focus} has the keyboard, and is not to be seen")
            before = after
            if self.focus is first:
                return
        raise AssertionError(f"Tab does not come back to {first}")
