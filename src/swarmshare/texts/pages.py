"""The words of a tracker's pages."""

from __future__ import annotations

from typing import Final

ENGLISH: Final = {
    "page.title": "SwarmShare tracker",
    "page.what": "A group's place to share big files: who shares what, and which machine has which piece of it.",
    "page.healthy": "It is healthy.",
    "page.problem": "It has a problem: {reason}.",
    "page.look-at-log": "The organiser should look at its log.",
    "page.connect": "Connect",
    "page.closed": "Nobody can register by themselves. Who has an account signs in:",
    "page.open": "Anybody may register:",
    "page.invited": "Registering takes an invitation from the organiser:",
    "page.other-clients": "Other BitTorrent clients announce to",
    "page.programs": "For programs there is an API, described in",
    "page.join": "Join this group",
    "page.invitation": "You are invited: make your account. This link works once.",
    "page.setup": "Set up this tracker",
    "page.first-account": "Make the organiser's account: it invites the others. This link works once.",
    "page.name": "Name",
    "page.password": "Password, {least} characters or more",
    "page.make-account": "Make the account",
    "page.welcome": "Welcome, {name}",
    "page.organiser": "You are the organiser of this tracker.",
    "page.sign-in": "Sign in on your machine:",
}
