"""The page with the catalogue, in the whole window."""

from __future__ import annotations

import tkinter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from gui.hand_made import entry, info_hash, snapshot, transfer
from gui.keyboard import click, press, settle, texts, type_into
from gui.shells import PERSON
from gui.windows import Looking, window_over

from swarmshare.gui.dialogs.withdrawing import WithdrawingDialog
from swarmshare.gui.welcome import WelcomePage
from swarmshare.tracker.domain.lookup import Role

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
    with window_over(preferences, snapshot(transfer(3), catalogue=ENTRIES), page="catalogue") as looking:
        yield looking


def names(looking: Looking) -> list[str]:
    return [item.name for item in looking.window.catalogue.table.items]


def test_a_new_entry_is_there_at_once(looking: Looking) -> None:
    assert names(looking) == ["Maps", "Lecture", "Holiday"], "the newest first"
    looking.see(snapshot(transfer(3), catalogue=(entry(9, name="New"), *ENTRIES)))
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
    assert looking.commands("download") == [(info_hash(2),)]
    page.table.body.event_generate("<Control-a>")
    settle(page)
    click(button)
    assert looking.commands("download")[1:] == [(info_hash(2),), (info_hash(1),)]


def test_typing_searches_comments_too(looking: Looking) -> None:
    type_into(looking.window.toolbar.entry, "merk")
    assert names(looking) == ["Lecture"]


def menu_of(looking: Looking, *which: int) -> tkinter.Menu:
    """The context menu of some entries."""
    looking.window.catalogue.table.select(info_hash(which[0]))
    for number in which[1:]:
        looking.window.catalogue.table.selection.choose(info_hash(number), toggle=True)
    menu = tkinter.Menu(looking.window.root, tearoff=False)
    looking.window.catalogue.actions.fill_menu(menu)
    return menu


@pytest.mark.parametrize(("role", "may"), [(Role.MEMBER, "disabled"), (Role.ORGANISER, "normal")])
def test_who_may_withdraw_what(looking: Looking, role: Role, may: str) -> None:
    looking.see(snapshot(catalogue=ENTRIES, person=replace(PERSON, role=role)))
    assert menu_of(looking, 1).entrycget("Withdraw from the catalogue...", "state") == "normal", "one's own"
    assert menu_of(looking, 2).entrycget("Withdraw from the catalogue...", "state") == may
    assert menu_of(looking, 1, 2).entrycget("Withdraw from the catalogue...", "state") == may


def test_withdrawing_asks_first(looking: Looking) -> None:
    def ask(*which: int) -> WithdrawingDialog:
        menu_of(looking, *which).invoke("Withdraw from the catalogue...")
        return next(c for c in looking.window.root.winfo_children() if isinstance(c, WithdrawingDialog))

    dialog = ask(2)
    assert "Withdraw Lecture from the catalogue?" in texts(dialog)
    assert "It was shared by rui." in texts(dialog)
    press(dialog, "Escape")
    assert not looking.commands("withdraw")
    dialog = ask(1, 3)
    assert "Withdraw 2 entries from the catalogue?" in texts(dialog)
    click(dialog.withdraw_button)
    assert sorted(looking.commands("withdraw")) == [(info_hash(1),), (info_hash(3),)]
    assert not dialog.winfo_exists()


def test_what_others_need_is_copied(looking: Looking) -> None:
    root, thread = looking.window.root, looking.thread
    menu = menu_of(looking, 1, 2)
    menu.invoke("Copy info hash")
    assert root.clipboard_get() == f"{info_hash(2)}\n{info_hash(1)}"
    menu.invoke("Copy magnet link")
    assert looking.commands("magnets") == [([info_hash(2), info_hash(1)],)]
    thread.commands[-1][-1].set_result(["magnet:?a", "magnet:?b"])
    looking.see()
    assert root.clipboard_get() == "magnet:?a\nmagnet:?b"
    menu.invoke("Copy announce URL")
    thread.commands[-1][-1].set_result("http://t/announce/secret")
    looking.see()
    assert root.clipboard_get() == "http://t/announce/secret"
    assert "Your passkey is in it" in looking.window.banners.texts[-1]
    whole = tkinter.Menu(root, tearoff=False)
    looking.window.menus.fill(whole)
    entries = root.nametowidget(whole.entrycget("Entry", "menu"))
    entries.invoke("Copy info hash")
    assert root.clipboard_get() == f"{info_hash(2)}\n{info_hash(1)}", "by the keyboard too"


def test_a_tracker_that_is_away_is_said_above_the_list(looking: Looking) -> None:
    looking.see(snapshot(catalogue=ENTRIES, tracker_problem="it does not answer"))
    assert "It does not answer." in texts(looking.window.catalogue)
    assert len(names(looking)) == 3, "what was known stays"
    looking.see(snapshot(catalogue=ENTRIES))
    assert "It does not answer." not in texts(looking.window.catalogue)


def test_without_a_person_there_is_the_welcome_page(looking: Looking) -> None:
    def welcomes() -> list[tkinter.Misc]:
        return [child for child in looking.window.pages.winfo_children() if isinstance(child, WelcomePage)]

    assert not welcomes()
    looking.see(snapshot(person=None))
    assert len(welcomes()) == 1
    assert not looking.window.side_bar.winfo_ismapped(), "there is no transfer"
    looking.see(snapshot(transfer(1), person=None))
    assert looking.window.side_bar.winfo_ismapped()
    assert len(welcomes()) == 1
    looking.window.turn_to("all")
    settle(looking.window.root)
    assert not welcomes(), "transfers are there without a tracker, too"
    looking.window.turn_to("catalogue")
    settle(looking.window.root)
    assert len(welcomes()) == 1
    looking.see(snapshot(transfer(1), catalogue=ENTRIES))
    assert not welcomes()
