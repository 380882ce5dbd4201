"""What lower layers say, which is English and terse, in the language that is spoken, as a sentence.

They say a :class:`~swarmshare.texts.Text`: its code is looked up among the translations, and its arguments are filled
in. What has no code, or one that is not known here, stays as it came.
"""

from __future__ import annotations

from typing import Final

from swarmshare.common.text import clean
from swarmshare.gui.words import _, language
from swarmshare.languages import say


def mark(text: str) -> str:
    """``text``, to be translated where it is used."""
    return text


IN_A_WINDOW: Final = {
    "hint.other-listen": mark("Choose another port in the settings."),
    "hint.own-authority": mark(
        "If the group has an authority of its own, name the file of its certificate in the settings file: ca."
    ),
    "hint.larger-pieces": mark("Choose a larger piece size, or share fewer files at once."),
    "hint.rename-named-or-exclude": mark(
        "Rename what it names, take it out of the folder, or share fewer files at once."
    ),
    "hint.rename-or-exclude": mark("Rename it."),
    "hint.exclude": mark("Take it out of the folder."),
    "hint.certificate-option": mark("The window cannot use one yet; the command line can."),
    "hint.let-in-everybody": mark("Choose a port in the settings to let in everybody."),
    "hint.let-in-network": mark("The settings let in other computers of the network."),
    "hint.one-side": mark("One side has to: look at the settings there, and whether a firewall is in the way."),
    "hint.name-a-peer": mark("Sign in at a tracker."),
    "hint.rename-one": mark("Rename one of the two."),
    "hint.other-output": mark("Choose another file for the manifest."),
    "hint.try-login": mark("Sign in first."),
    "hint.sign-in-again": mark("Sign in again."),
    "hint.add-tracker": mark("Choose one of them."),
    "tracker.ca-source": mark("the setting ca"),
}
"""Texts that mean the command line, by their codes, and what they are in a window."""


def spoken(text: str, *, without: object = "") -> str:
    """``text`` of an error or a problem as a sentence, in the language that is spoken, fit for one line.

    ``without`` is what it is about (a path, say) where that is shown beside it.
    """
    words = translate(text, without=without)
    if not words:
        return words
    first = words.partition(" ")[0]
    if not any(sign in first for sign in "/\\:@.'") and first.islower():
        words = words[0].upper() + words[1:]
    return words if words.endswith((".", "!", "?", "\u2026")) else f"{words}."


def translate(text: str, *, without: object = "") -> str:
    """``text`` as :func:`spoken`, but not made a sentence: it is a part of one."""
    return clean(say(text, language(), _in_a_window)).removeprefix(f"{clean(str(without))}: ")


def _in_a_window(code: str) -> str | None:
    return _(IN_A_WINDOW[code]) if code in IN_A_WINDOW else None
