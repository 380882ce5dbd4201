"""What the lower floors say, which is English and terse, in the language that is spoken, as a sentence.

Those floors know no languages: here are the sentences of theirs that a window may have to show, and whatever is not
among them stays English. A sentence that is built around another one, such as ``PATH: what is wrong``, is taken apart.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from swarmshare.gui.words import _


def mark(text: str) -> str:
    """``text``, to be translated where it is used."""
    return text


_MESSAGES: Final = (
    # Signing in.
    mark("the name or the password is wrong"),
    mark("the name {name} is taken"),
    mark("this account is suspended: ask the organiser"),
    mark("nobody can register here: ask the organiser"),
    mark("registration is closed: an invitation would let nobody register"),
    mark("registering takes an invitation: ask the organiser for one"),
    mark("this is not the setup token that the tracker printed when it started last, or it has been used"),
    mark("this invitation has been used"),
    mark("this invitation is not one of this tracker's, or for somebody else"),
    mark("this invitation has expired: ask the organiser for a new one"),
    mark("a password has {least} to {most} characters"),
    mark("the password is the name of the account"),
    mark("a name has 1 to {most} characters"),
    mark("a name is made of letters and digits, with a space or one of . _ - ' between some of them"),
    mark("a name ends with a letter or a digit"),
    mark("the name has an invisible character in it"),
    mark("only an organiser may do that"),
    mark("you are not signed in at a tracker"),
    mark("you are not signed in at {tracker}"),
    mark("your sign-in is not valid (any more)"),
    mark("too many {what}: wait a little"),
    # A tracker.
    mark("{text} is no address of a tracker"),
    mark("cannot be reached: {reason}"),
    mark("the answer is not a tracker's ({what})"),
    mark("the answer is not a tracker's"),
    mark("the answer is not a tracker's ({what}) but a web page"),
    mark("the answer is not a tracker's ({what}) but a proxy's"),
    mark("it points to {address}"),
    mark("its certificate cannot be trusted ({reason})"),
    mark("what answers there speaks no TLS, which https needs: try {address}"),
    mark("what answers there wants TLS, which is https: use {address}"),
    mark("what answers there is no web server; it says {text}"),
    mark("the answer is not HTTP"),
    mark("it hangs up without an answer"),
    mark("it hangs up in the midst of the TLS handshake: try {address}"),
    mark("it speaks no TLS that is safe"),
    mark("TLS failed ({reason})"),
    mark("name or service not known"),
    mark("the tracker ended: {reason}"),
    mark("no WebSocket gets through, perhaps a proxy stops it: long polling is in use"),
    mark("no live connection gets through, perhaps a proxy stops it: ordinary announces are in use"),
    mark("no live connection gets through, perhaps a proxy stops it: the list is asked for every {seconds} s"),
    mark("another program has locked the tracker's database; nothing was changed"),
    mark("the disk under the tracker's database is full; nothing was changed"),
    mark("the tracker's database does not answer; nothing was changed"),
    mark("the tracker on this computer ended: {reason}"),
    mark("it said nothing"),
    # The catalogue.
    mark("{name} has been published by somebody else already"),
    mark("the catalogue has no such entry"),
    mark("this was published by somebody else"),
    mark("{name} is among your transfers already"),
    mark("{name} is still being deleted"),
    mark("the magnet link names no tracker and no peer to ask"),
    mark("nobody who has it could be reached within {count} seconds"),
    mark("a magnet link begins with 'magnet:?'"),
    mark("the magnet link cannot be read: {reason}"),
    mark("the magnet link names more than one content"),
    mark(
        "the magnet link has no BitTorrent v2 hash of 64 hexadecimal digits, but one of {count}: "
        "it was not copied whole"
    ),
    mark("the magnet link has no BitTorrent v2 hash, only one of BitTorrent v1"),
    mark("the magnet link has no BitTorrent v2 hash (xt=urn:btmh:1220...)"),
    # Files.
    mark("the disk is full: {needed} bytes are needed and {free} are free"),
    mark("the disk is full"),
    mark("is there already with other content, and it is left alone"),
    mark("is there already, and it is left alone"),
    mark("there is such a file already, of {size} bytes instead of {length}, and it is left alone"),
    mark("this is {name} itself, in {folder}"),
    mark("not a regular file"),
    mark("neither a file nor a folder"),
    mark("nothing to share: there is no file with any bytes in it"),
    mark("changed while it was being read"),
    mark("became shorter while it was being read"),
    mark("cannot be written to"),
    mark("is a folder"),
    mark("no such folder"),
    mark("file name too long"),
    mark("the manifest would have {length} bytes, and the tracker takes {largest}"),
    mark("is not a link to {target}, and is left alone"),
    mark("is a link to {other} instead of {target}, and is left alone"),
    mark("the link is not made: it would lead outside the folder"),
    mark("the link cannot be made: {reason}"),
    mark("{path}: it is called {name} here: disks with the rules of Windows do not take its name"),
    mark("is gone"),
    mark("this is not bencoding"),
    mark("another window of SwarmShare is at work here"),
    # Why nobody is connected.
    mark("{who} wants an encrypted connection (MSE), which this program does not speak yet"),
    mark("it wants an encrypted connection (MSE), which this program does not speak yet"),
    mark("{who} was turned away: it is in none of this machine's networks"),
    mark("it is in none of this machine's networks"),
    mark("only programs on this machine can connect to it"),
    mark("{who} hangs up at once"),
    mark(
        "the peer hangs up without a word: it does not share this, or takes encrypted connections (MSE) only, which "
        "this program does not speak yet"
    ),
    mark("{who} answers, but shares something else there"),
    mark("{who} gave wrong data, and is banned"),
    mark("{who} refuses connections"),
    mark("{who} does not answer"),
    mark("there is no way to {who}: {reason}"),
    mark("{who} was connected, and ended that"),
    mark("those who are online accept no connections from other machines"),
    mark("the tracker is of no use at present, and nobody else is known"),
    mark("there is nobody to ask"),
    mark("nobody who is online has it"),
    mark("nobody who is online needs it"),
    mark("{who} (and {count} more)"),
    mark("the system does not say why"),
    # What systems say.
    mark("no such file or directory"),
    mark("permission denied"),
    mark("operation not permitted"),
    mark("address already in use"),
    mark("connection refused"),
    mark("no space left on device"),
    mark("read-only file system"),
    mark("network is unreachable"),
    mark("no route to host"),
    mark("timed out"),
    mark("no answer within {seconds} s"),
    mark("the connection broke"),
)
_HINTS: Final = (
    mark("Write it as http://HOST:PORT or https://HOST."),
    mark("Does it run? Is the address right?"),
    mark("Is the address right?"),
    mark("Does it run? Does a firewall stand between?"),
    mark("Does it want https? Or is this another program's port?"),
    mark("This port may be another program's: which is the tracker's?"),
    mark("The tracker behind it does not answer: does it run?"),
    mark("If this network wants a sign-in in the browser first (a hotel's, say), do that; else the address is wrong."),
    mark("Use that address; or, if this network wants a sign-in in the browser first, do that."),
    mark("There is no machine of that name, as far as this one knows: is it spelled right?"),
    mark("It is for another name: use that one, or ask the organiser."),
    mark("Is this machine's clock right? Else the organiser has to renew it."),
    mark("Its organiser has to bring it up to date."),
    mark("Is this machine in the right network? Is the address right?"),
    mark("Sign in first."),
    mark("Try again in a moment."),
    mark("Give the folder that contains it."),
    mark("Ask its organiser."),
    mark("Another program is there, perhaps another tracker."),
    mark("Ask for the .torrent file, or for somebody's address."),
    mark("Somebody who shares it must be online. Try again later, or ask for the .torrent file."),
    mark("Make room on the disk, or choose a folder on another one."),
    mark("Choose a folder that you may write to."),
    mark("Choose another file to write to."),
    mark("Make it first. Choose another file to write to."),
    mark("Wait until nothing writes to it, then try again."),
    mark("Put it back: it goes on by itself."),
    mark("Choose another port: until then, nobody can reach this computer."),
    mark("Move it away, or choose another folder."),
    mark("Check the permissions there, or choose another folder."),
    mark("Make the disk writable, or choose another folder."),
    mark("Everything else is shared without it. On Windows, links need the developer mode."),
    mark("Check the disk and how it is connected."),
    mark("The manifest is damaged, hostile or not BitTorrent v2: ask whoever made it for a new one."),
    mark("Allow connections without encryption there."),
    mark(
        "It does not share this (any more), speaks BitTorrent v1 only, or takes encrypted connections (MSE) only, "
        "which this program does not speak yet."
    ),
    mark(
        "It does not share this (any more), or takes encrypted connections (MSE) only, which this program does not "
        "speak yet."
    ),
    mark("Others who have it are needed."),
    mark("Does it run there, and may other machines connect to it?"),
    mark("Is it switched on? A firewall may be in the way."),
    mark("It is tried again."),
    mark("It goes on when somebody comes who does."),
    mark("It is served as soon as somebody does."),
    mark("A BitTorrent v2 magnet link has xt=urn:btmh:1220 and 64 hexadecimal digits."),
)
_OTHERWISE: Final = {
    "Choose another address or port with --listen.": mark("Choose another port in the settings."),
    "If the group has an authority of its own, add --ca FILE with its certificate, or set SSL_CERT_FILE.": mark(
        "If the group has an authority of its own, name the file of its certificate in the settings file: ca."
    ),
    "Choose a larger --piece-size, or share fewer files at once.": mark(
        "Choose a larger piece size, or share fewer files at once."
    ),
    "Rename what it names, leave it out with --exclude, or share fewer files at once.": mark(
        "Rename what it names, take it out of the folder, or share fewer files at once."
    ),
    "Rename it, or leave it out with --exclude.": mark("Rename it."),
    "Leave it out with --exclude.": mark("Take it out of the folder."),
    "To let in everybody, add --listen '*:0'.": mark("Choose a port in the settings to let in everybody."),
    "To let in the network, add --listen '*:0'.": mark("The settings let in other computers of the network."),
    "One side has to: is --listen set there, or a firewall in the way?": mark(
        "One side has to: look at the settings there, and whether a firewall is in the way."
    ),
    "Name a peer with --peer, or sign in at a tracker.": mark("Sign in at a tracker."),
}
"""Hints that mean the command line, and what they mean in a window."""
_ALL_HINTS: Final = {hint: hint for hint in _HINTS} | _OTHERWISE
_PLACE: Final = re.compile(r"\\{(\w+)\\}")


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(
        (re.compile(_PLACE.sub(r"(?P<\1>.+?)", re.escape(text)), re.DOTALL), text) for text in (*_MESSAGES, *_HINTS)
    )


def spoken(text: str) -> str:
    """``text`` of an error or a trouble as a sentence, in the language that is spoken."""
    said = _said(text)
    if not said:
        return said
    first = said.partition(" ")[0]
    if not any(sign in first for sign in "/\\:@.'") and first.islower():
        said = said[0].upper() + said[1:]
    return said if said.endswith((".", "!", "?", "\u2026")) else f"{said}."


def _said(text: str) -> str:
    for hint, meant in _ALL_HINTS.items():
        if text.endswith(f". {hint}"):
            return f"{_said(text.removesuffix(f'. {hint}'))}. {_(meant)}"
    for pattern, template in _patterns():
        if found := pattern.fullmatch(text):
            return _(template).format(**{name: _said(value) for name, value in found.groupdict().items()})
    what, colon, rest = text.partition(": ")
    return f"{what}: {_said(rest)}" if colon else text
