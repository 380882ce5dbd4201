"""The page with the catalogue, in the whole window."""

from __future__ import annotations

import tkinter
from typing import TYPE_CHECKING

import pytest
from gui.hand_made import entry, info_hash, picture, transfer
from gui.typing_hands import click, settle, type_into
from gui.windows import Looking, window_over

from swarmshare.gui.welcome import WelcomePage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmshare.gui.preferences import Preferences

ENTRIES = (
    entry(1, name="Holiday", publisher="ana"),
    entry(2, name="Lecture", publisher="rui", comment="merkle"),
    entry(3, name="Maps", publisher="rui"),
)


@pytest.fixture
def looking(display: str, preferences: Preferences) -> Iterator[Looking]:
    with window_over(preferences, picture(transfer(3), catalogue=ENTRIES), page="catalogue") as looking:
        yield looking


def names(looking: Looking) -> list[str]:
    return [item.name for item in looking.window.catalogue.table.items]


def test_a_new_entry_is_there_at_once(looking: Looking) -> None:
    assert names(looking) == ["Maps", "Lecture", "Holiday"], "the newest first"
    looking.see(picture(transfer(3), catalogue=(entry(9, name="New"), *ENTRIES)))
    assert names(looking)[0] == "New"


def test_return_and_the_button_download_what_is_not_here(looking: Looking) -> None:
    page = looking.window.catalogue
    button = next(w for f in page.winfo_children() for w in f.winfo_children() if w.winfo_class() == "TButton")
    page.table.select(info_hash(3))
    settle(page)
    assert str(button.cget("state")) == "disabled", "it is here"
    page.table.body.focus_force()
    settle(page)
    page.table.body.event_generate("<Down>")
    settle(page)
    page.table.body.event_generate("<Return>")
    assert looking.wishes("download") == [(info_hash(2),)]
    page.table.body.event_generate("<Control-a>")
    settle(page)
    click(button)
    assert looking.wishes("download")[1:] == [(info_hash(2),), (info_hash(1),)]


def test_typing_searches_comments_too(looking: Looking) -> None:
    type_into(looking.window.toolbar.entry, "merk")
    assert names(looking) == ["Lecture"]


def test_only_ones_own_entry_can_be_withdrawn(looking: Looking) -> None:
    def withdraw_state(which: int) -> str:
        looking.window.catalogue.table.select(info_hash(which))
        menu = tkinter.Menu(looking.window.root, tearoff=False)
        looking.window.catalogue.actions.fill_menu(menu)
        if menu.entrycget("end", "state") == "normal":
            menu.invoke("end")
        return str(menu.entrycget("end", "state"))

    assert withdraw_state(2) == "disabled"
    assert withdraw_state(1) == "normal"
    assert looking.wishes("withdraw") == [(info_hash(1),)]


def test_a_tracker_that_is_away_is_said_above_the_list(looking: Looking) -> None:
    looking.see(picture(catalogue=ENTRIES, tracker_trouble="it does not answer"))
    labels = [
        str(w.cget("text"))
        for f in looking.window.catalogue.winfo_children()
        for w in f.winfo_children()
        if w.winfo_class() == "TLabel"
    ]
    assert "it does not answer" in labels
    assert len(names(looking)) == 3, "what was known stays"


def test_without_a_person_there_is_the_welcome_page(looking: Looking) -> None:
    def welcomes() -> list[tkinter.Misc]:
        return [child for child in looking.window.pages.winfo_children() if isinstance(child, WelcomePage)]

    assert not welcomes()
    looking.see(picture(person=None))
    assert len(welcomes()) == 1
    assert not looking.window.side_bar.winfo_ismapped(), "nothing was begun"
    looking.see(picture(transfer(1), person=None))
    assert looking.window.side_bar.winfo_ismapped()
    assert len(welcomes()) == 1
    looking.window.turn_to("all")
    settle(looking.window.root)
    assert not welcomes(), "transfers are there without a tracker, too"
    looking.window.turn_to("catalogue")
    settle(looking.window.root)
    assert len(welcomes()) == 1
    looking.see(picture(transfer(1), catalogue=ENTRIES))
    assert not welcomes()
