"""Eyes for a whole screen: what does not fit on it, which words are on it, and in which language they are."""

from __future__ import annotations

import gettext
import re
import tkinter
from functools import cache
from tkinter import font as fonts
from tkinter import ttk
from typing import TYPE_CHECKING, NamedTuple

from gui.keyboard import everything
from PIL import ImageChops, ImageGrab

from swarmshare.languages import DOMAIN, LOCALE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from PIL.Image import Image

_SPEAKING = ("TLabel", "TButton", "TCheckbutton", "TLabelframe")
_WORD = re.compile(r"[^\W\d_]{3,}")
_PLACE = re.compile(r"\\\{\w+\\\}")
_UNITS = frozenset({"kib", "mib", "gib"})


class Box(NamedTuple):
    left: int
    top: int
    right: int
    bottom: int

    def inside(self, other: Box) -> Box:
        """What of it is inside the other."""
        return Box(
            max(self.left, other.left), max(self.top, other.top),
            min(self.right, other.right), min(self.bottom, other.bottom),
        )  # fmt: skip


def box(widget: tkinter.Misc) -> Box:
    """Where a widget is on the screen."""
    left, top = widget.winfo_rootx(), widget.winfo_rooty()
    return Box(left, top, left + widget.winfo_width(), top + widget.winfo_height())


def cut_off(top: tkinter.Misc) -> list[str]:
    """What of a window does not fit into it, or it onto the screen."""
    screen = Box(0, 0, top.winfo_screenwidth(), top.winfo_screenheight())
    found = [] if box(top).inside(screen) == box(top) else [f"{top} is not on the screen: {box(top)}"]
    return found + [problem for child in _inner(top) for problem in _cut_off(child, box(top).inside(screen))]


def _inner(widget: tkinter.Misc) -> list[tkinter.Misc]:
    """What is in a widget, but for windows of their own."""
    return [child for child in widget.winfo_children() if child.winfo_toplevel() is widget.winfo_toplevel()]


def _cut_off(widget: tkinter.Misc, room: Box) -> Iterator[str]:
    manager, kind = widget.winfo_manager(), widget.winfo_class()
    if manager in ("pack", "grid", "place") and not widget.winfo_ismapped() and widget.winfo_reqwidth() > 1:
        yield f"there is no room for {_name(widget)}"
    if not widget.winfo_viewable() or kind == "Menu":
        return
    where = box(widget)
    if manager == "canvas":  # it is scrolled up and down
        room = Box(room.left, where.top, room.right, where.bottom)
    if where.inside(room) != where:
        yield f"{_name(widget)} at {where} goes beyond {room}"
    if kind in _SPEAKING and (
        widget.winfo_width() < widget.winfo_reqwidth() or widget.winfo_height() < widget.winfo_reqheight()
    ):
        yield (
            f"{_name(widget)} has {widget.winfo_width()} x {widget.winfo_height()} pixels, "
            f"and needs {widget.winfo_reqwidth()} x {widget.winfo_reqheight()}"
        )
    if isinstance(widget, tkinter.Canvas):
        yield from _cut_in_canvas(widget)
    if isinstance(widget, ttk.Treeview):
        yield from _cut_in_list(widget)
    if isinstance(widget, ttk.Notebook):
        yield from _cut_tabs(widget)
    for child in _inner(widget):
        yield from _cut_off(child, where.inside(room))


def _name(widget: tkinter.Misc) -> str:
    text = str(widget.cget("text")) if widget.winfo_class() in _SPEAKING else ""
    return f"{widget} {text!r}"


def _cut_in_canvas(canvas: tkinter.Canvas) -> Iterator[str]:
    scrolled = bool(str(canvas.cget("xscrollcommand")))
    head = type(canvas).__name__ == "Header"
    for item in canvas.find_all():
        if str(canvas.type(item)) != "text" or canvas.itemcget(item, "state") == "hidden":
            continue
        text, where = canvas.itemcget(item, "text"), canvas.bbox(item)
        if head and text.endswith("\N{HORIZONTAL ELLIPSIS}"):
            yield f"{canvas} says only {text!r}"
        if text and not scrolled and not head and (where[0] < 0 or where[2] > canvas.winfo_width() + 1):
            yield f"{canvas} cuts {text!r}"
        if text and not scrolled:
            over = [
                other
                for other in canvas.find_overlapping(*where)
                if other != item and str(canvas.type(other)) == "text"
            ]
            yield from (f"{canvas} writes {canvas.itemcget(other, 'text')!r} over {text!r}" for other in over)


def _cut_in_list(tree: ttk.Treeview) -> Iterator[str]:
    font = fonts.nametofont("TkDefaultFont", tree)
    for item in tree.get_children():
        icon, where = 16, tree.bbox(item, "#0")
        if where and font.measure(str(tree.item(item, "text"))) + icon > int(where[2]):
            yield f"{tree} cuts {tree.item(item, 'text')!r}"


def _cut_tabs(tabs: ttk.Notebook) -> Iterator[str]:
    font = fonts.nametofont("TkDefaultFont", tabs)
    wide = dict.fromkeys(range(len(tabs.tabs())), 0)
    for x in range(tabs.winfo_width()):
        at = tabs.tk.call(tabs, "index", f"@{x},{tabs.winfo_rooty() and 10}")
        if at != "":
            wide[int(at)] += 1
    for number, width in wide.items():
        if font.measure(tabs.tab(number, "text")) > width:
            yield f"{tabs} cuts the tab {tabs.tab(number, 'text')!r}"


# ---------------------------------------------------------------------- words


def words_on(top: tkinter.Misc) -> set[str]:
    """Every text that is to be read in a window, its title included."""
    texts = {str(top.tk.call("wm", "title", top))}
    for widget in everything(top):
        if widget.winfo_toplevel() is not top or not widget.winfo_viewable():
            continue
        if widget.winfo_class() in _SPEAKING:
            texts.add(str(widget.cget("text")))
        elif isinstance(widget, tkinter.Canvas):
            texts |= {widget.itemcget(item, "text") for item in widget.find_all() if str(widget.type(item)) == "text"}
        elif isinstance(widget, ttk.Combobox):
            texts |= {str(value) for value in widget.cget("values") or ()}
        elif isinstance(widget, ttk.Treeview):
            texts |= {str(widget.item(item, "text")) for item in widget.get_children()}
            texts |= {str(widget.heading(column, "text")) for column in ("#0", *widget.cget("columns"))}
        elif isinstance(widget, ttk.Notebook):
            texts |= {str(widget.tab(number, "text")) for number in range(len(widget.tabs()))}
    return {text.strip() for text in texts if text.strip()}


def words_of_menu(menu: tkinter.Menu) -> set[str]:
    """The labels and keys of a menu."""
    end = menu.index("end")
    entries = [number for number in range(end + 1 if end is not None else 0) if menu.type(number) != "separator"]
    return {
        str(menu.entrycget(number, option))
        for number in entries
        for option in ("label", "accelerator")
        if menu.type(number) != "cascade" or option == "label"
    }


@cache
def _sentences() -> tuple[frozenset[str], re.Pattern[str], re.Pattern[str]]:
    """The words of the translation; a pattern of all sentences in it, and of those that are otherwise in English."""
    catalogue: dict[object, str] = vars(gettext.translation(DOMAIN, LOCALE, ["pt_BR"]))["_catalog"]
    pairs = [
        (key if isinstance(key, str) else key[0], said)  # type: ignore[index]
        for key, said in catalogue.items()
        if key
    ]
    known = frozenset(word.lower() for _english, said in pairs for word in _WORD.findall(said)) | _UNITS
    spoken = _any_of(said for _english, said in pairs)
    foreign = _any_of(english for english, said in pairs if english != said and _WORD.search(english))
    return known, spoken, foreign


def _any_of(sentences: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(_PLACE.sub(".*?", re.escape(text)) for text in sentences), re.DOTALL)


def not_in_portuguese(texts: Iterable[str], names: Iterable[str]) -> list[str]:
    """Which of these are not; ``names`` are those of people, files and places, which are what they are."""
    known, spoken, foreign = _sentences()
    own = {word.lower() for name in names for word in _WORD.findall(name)}
    found = []
    for text in texts:
        if any(name.startswith(text.removesuffix("\N{HORIZONTAL ELLIPSIS}")) for name in names):
            continue  # or of it what there was room for
        strange = [word for word in _WORD.findall(text) if word.lower() not in known | own]
        if strange or (foreign.fullmatch(text) and not spoken.fullmatch(text)):
            found.append(f"{text!r}: {', '.join(strange) or 'a sentence in English'}")
    return found


# ---------------------------------------------------------------------- screenshots


def screenshot(display: str, where: Box | None = None) -> Image:
    """What is on the screen, or on some of it."""
    return ImageGrab.grab(where, xdisplay=display)


def pixels_changed(before: Image, after: Image) -> int:
    """How many pixels two screenshots of the same place differ in."""
    return sum(ImageChops.difference(before, after).convert("L").histogram()[1:])
