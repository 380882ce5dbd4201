"""What is said of identities: authorities, certificates, group ids and group links."""

from __future__ import annotations

from typing import Final

ENGLISH: Final = {
    "identity.plain": "this tracker has no identity: it speaks plain HTTP only",
    "identity.is-there": "there is an identity already, and it is not replaced",
    "identity.other-key": "its key and its certificate do not belong together",
    "identity.no-key": "it is no private key (ECDSA P-256, PEM)",
    "identity.no-certificate": "it is no certificate",
    "identity.no-member": "it is no member's certificate",
    "identity.no-list": "it is no revocation list of this group",
    "identity.no-request": "it is no signing request (PKCS #10, PEM)",
    "identity.request-long": "the signing request is longer than {limit} bytes",
    "identity.request-key": "the signing request is for another kind of key than ECDSA P-256",
    "identity.request-unsigned": "the signing request is not signed by its own key",
    "identity.group-id": "{text} is no group id",
    "identity.group-typo": "there is a typing error in part {first} or {second} of the group id",
    "identity.group-link": "{text} is no group link",
    "identity.link-address": "the group link has no HOST:PORT, but {text}",
    "identity.link-invite": "the group link has something else than one invitation after invite=",
    "pin.damaged": "it does not say which identity the tracker has",
    "hint.pin-damaged": "Remove it, and sign in anew by the group link.",
    "tracker.identity-changed": (
        "its identity has changed, and is not that of group {group}: somebody could be eavesdropping on you right now "
        "(man-in-the-middle attack), or the tracker was set up anew"
    ),
    "hint.identity-changed": (
        "Nothing was sent to it. Ask the organiser; only if the identity was changed on purpose, sign in by the new "
        "group link with --new-identity."
    ),
    "tracker.other-group": "the tracker is of group {group}, and the group link is for another one",
    "tracker.not-believed": "nobody said that {group} is the right group",
    "hint.group-link-instead": "Ask the organiser for the group link: it proves the tracker, without a question.",
    "tracker.no-identity": "it has no identity that could be known again",
    "hint.other-group": "Nothing was sent to it. Ask the organiser for the group link.",
    "hint.group-id": "It has eight parts of seven letters and digits.",
    "hint.compare-group-id": "Compare it with the one that the organiser has, or copy the whole group link.",
    "hint.group-link": "Copy all of it: swarmshare://HOST:PORT/GROUPID, perhaps with ?invite=CODE.",
    "member.none": "it has no certificate of the group",
    "member.other-group": "its certificate is of another group",
    "member.expired": "its certificate has expired",
    "member.not-yet": "its certificate is not valid yet",
    "member.revoked": "its certificate was revoked",
    "member.usage": "its certificate is not for both ends of a connection between peers",
    "member.other-torrent": "its certificate is for another torrent",
    "member.ours-none": "it wants a certificate of the group, and got none of ours",
    "member.ours-other-group": "it says that our certificate is of another group",
    "member.ours-expired": "it says that our certificate has expired",
    "member.ours-revoked": "it says that our certificate was revoked",
    "member.ours-refused": "it does not accept our certificate",
    "member.own-other-group": "the certificate is of another group than what it is to be used for",
    "member.own-expired": "the certificate has expired ({when})",
    "member.plain": "it does not encrypt, and only members of the group may connect, who prove it by TLS",
    "peer.no-tls": "the other side does not speak TLS as this is shared with it",
    "hint.certificate-option": "Name the folder of your certificate with --certificate.",
    "hint.no-certificate-option": "Leave --certificate out, or share something that is for members only.",
    "hint.member-certificate": "Both sides need a certificate of the same group that has not expired.",
    "hint.new-certificate": "Get a new one from the group's tracker.",
    "hint.identity-backup": "Restore it from a backup: whoever trusts this group trusts this identity only.",
}
"""The English template of each code."""
