"""``swarmshare start``: a tracker on this machine, the first account at it, and what to type next."""

from __future__ import annotations

import argparse
import getpass
import shlex
import shutil
import signal
import sys
from ipaddress import ip_address
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlsplit

from swarmshare.cli import gui, passwords, sign_in
from swarmshare.cli.arguments import address
from swarmshare.cli.qr_code import show_qr_code
from swarmshare.cli.render import for_people
from swarmshare.cli.tracker import DEFAULT
from swarmshare.errors import SwarmShareError, TrackerError
from swarmshare.texts import Text

if TYPE_CHECKING:
    from swarmshare.app.processes import Process, Processes, ProcessEvent
    from swarmshare.app.snapshot import LocalTrackerSnapshot
    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output
    from swarmshare.common.address import Address

WINDOW: Final = "window"
INTERRUPTED: Final = 130
"""The exit status of a window that closed because of a signal."""
OTHER_PORTS: Final = 10
"""How many ports are tried when another program has the usual one."""
TWICE: Final = 1.5
"""Seconds within which a second Ctrl-C means that the user will not wait."""


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "start",
        parents=[common],
        help="a tracker on this machine, and your account at it",
        description="Start a tracker on this machine, make the first account, and open the window; where there is no "
        "screen, say what to type next. It runs until interrupted.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--listen",
        type=address,
        metavar="HOST:PORT",
        help=f"default: port {DEFAULT[1]}, for all of the local network unless the Internet can see this machine",
    )
    parser.add_argument(
        "--registration",
        choices=["open", "invited", "closed"],
        default="invited",
        help="who else may make an account, until the organiser sets it; default: invited",
    )
    parser.add_argument("--user", metavar="NAME", help="the first account's name; default: ask")
    passwords.add_option(parser)
    parser.add_argument("--no-window", action="store_true", help="do not open the window, though there is a screen")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Start a tracker, make the account at it, and open the window or say what to type next; until interrupted."""
    from swarmshare.app import local_tracker
    from swarmshare.app.local_tracker import PORT
    from swarmshare.app.processes import Processes
    from swarmshare.storage.home import swarmshare_home
    from swarmshare.tracker.own_addresses import host_for_neighbours

    if arguments.listen is None and (beside := local_tracker.tracker_beside(None)) is not None:
        return _join(beside, arguments, output)
    host, port = arguments.listen or free_address((host_for_neighbours(), PORT), output)
    with Processes() as processes:
        tracker = processes.start(
            "tracker", "tracker", "--listen", f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            "--data", str(swarmshare_home() / "tracker"), "--registration", arguments.registration, "--until-eof",
            leash=True, alone=True,
        )  # fmt: skip
        told = _hear(processes, tracker, output)
        url, own_url = told["listening"]["url"], local_tracker.own_url(told["listening"]["address"])
        output.line(f"Tracker at {url}; its data is in {swarmshare_home() / 'tracker'}")
        output.event("listening", **told["listening"])
        to_make = _make_account(arguments, own_url, told["setup"], output) if "setup" in told else None
        if "setup" not in told:
            _tell_account(own_url, output)
        introduce(url, own_url, arguments.registration, output, told["listening"]["group_link"])
        window = None
        if _wants_no_window(arguments):
            _say_what_next(output)
        else:
            output.line("The window opens. When it is closed, the tracker goes on; Ctrl-C stops it.")
            window = _open_window(processes, to_make)
        tracker.echo = True
        _stay(processes, window, output)
    return 0


def _wants_no_window(arguments: argparse.Namespace) -> bool:
    return arguments.no_window or arguments.json or gui.what_is_missing() is not None


def _open_window(processes: Processes, invitation: str | None) -> Process:
    return processes.start(WINDOW, "gui", alone=True, variables={gui.INVITATION: invitation} if invitation else None)


def _join(beside: LocalTrackerSnapshot, arguments: argparse.Namespace, output: Output) -> int:
    """One's own tracker runs already: open the window at it, and stay as long as that is open."""
    from swarmshare.app.processes import Processes

    output.line(f"Your tracker runs already, at {beside.url}")
    output.event("running", url=beside.url)
    if _wants_no_window(arguments):
        _say_what_next(output, stops_it=False)
        return 0
    output.line("The window opens there. The tracker goes on when it is closed.")
    with Processes() as processes:
        _stay(processes, _open_window(processes, None), output, until_closed=True)
    return 0


def free_address(wanted: Address, output: Output) -> Address:
    """``wanted``, or the next free port after saying what has that one; ``wanted`` when none is free."""
    from swarmshare.tracker.own_addresses import is_free

    host, port = wanted
    if is_free(host, port):
        return wanted
    for other in range(port + 1, port + OTHER_PORTS):
        if is_free(host, other):
            output.complaint(Text("cli.port-taken", port=str(port), what=_what_is_at(port), other=str(other)))
            return host, other
    return wanted


def _what_is_at(port: int) -> Text:
    """Return what listens at ``port``, as far as asking it tells."""
    from swarmshare.app.signed_in import open_tracker
    from swarmshare.tracker.own_addresses import HERE

    try:
        with open_tracker(f"http://{HERE}:{port}") as (_, api):
            api.account()
    except TrackerError as error:
        if error.rule in {"unreachable", "not-a-tracker"}:
            return Text("cli.other-program", reason=error.message)
    return Text("cli.other-tracker-there")


class _CtrlCError(KeyboardInterrupt):
    """Ctrl-C at our terminal, as opposed to a signal from elsewhere."""


def _stay(processes: Processes, window: Process | None, output: Output, *, until_closed: bool = False) -> None:
    """Pass on what is told, until interrupted; with ``until_closed``, or until the window is closed.

    The terminal's Ctrl-C comes to us alone. While the window is open it is passed on: pieces may be nowhere else, and
    the window asks. Pressed twice at once it ends everything.
    """

    def pressed(_signal: int, _frame: object) -> NoReturn:
        raise _CtrlCError

    signal.signal(signal.SIGINT, pressed)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # else it is under nohup
        signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))  # a closed terminal ends what we started, too
    last = -TWICE
    while not (until_closed and window is not None and not window.running):
        try:
            _look(list(processes.told(None)), output)
        except _CtrlCError:
            now = monotonic()
            if window is None or not window.running or now - last < TWICE:
                raise
            last = now
            output.line("The window is asked to close. Ctrl-C twice ends everything at once.")
            window.signal(signal.SIGINT)


def _hear(processes: Processes, tracker: Process, output: Output) -> dict[str, dict[str, Any]]:
    """Return what the tracker tells until it listens, by event."""
    told: dict[str, dict[str, Any]] = {}
    while "listening" not in told:
        news = list(processes.told(None))
        _look(news, output)
        told |= {item.event: item.fields for item in news if item.by is tracker}
    return told


def _look(news: list[ProcessEvent], output: Output) -> None:
    from swarmshare.app.processes import EXIT, ProcessError

    for item in news:
        if item.event == EXIT and item.by.name != WINDOW:
            raise ProcessError(Text("tracker.ended", reason=item.by.last_words))
        if item.event == EXIT and item.fields["status"] == INTERRUPTED:
            raise KeyboardInterrupt
        if item.event == EXIT and item.fields["status"]:
            output.complaint(Text("cli.window-ended", reason=item.by.last_words))
            _say_what_next(output)


def _make_account(arguments: argparse.Namespace, url: str, setup: dict[str, Any], output: Output) -> str | None:
    """Register the organiser: with what the command line says, or by asking.

    Else say what to type, and return the setup token, with which that is to be done.
    """
    at_terminal = sys.stdin is not None and sys.stdin.isatty()
    if not at_terminal and (arguments.user is None or arguments.password_file is None):
        output.event("setup", **setup)
        output.line("It has no organiser yet. Make the account in the window, in a browser or in another terminal:")
        output.line(f"  {setup['url']}")
        output.line(f"  {_program()} register --tracker {url} --user NAME --setup-token {setup['setup_token']}")
        token: str = setup["setup_token"]
        return token
    if at_terminal:
        output.line("You are the first here: make your account. It is the organiser's.")
    answers = argparse.Namespace(
        tracker=url,
        user=arguments.user or _ask_name(),
        password_file=arguments.password_file,
        setup_token=setup["setup_token"],
        ca=None,
        invite=None,
        new_identity=False,
    )
    try:
        sign_in.run_register(answers, output)
    except EOFError:
        raise _nobody() from None
    return None


def _ask_name() -> str:
    """Return a name that an account may have: asked for until it is one, before any password is."""
    from swarmshare.tracker.domain.account_names import checked_name
    from swarmshare.tracker.domain.refusals import RefusalError

    try:
        suggested = getpass.getuser()
    except (KeyError, OSError):  # a user that the system has no name for
        suggested = "organiser"
    while True:
        print(f"Name [{suggested}]: ", end="", file=sys.stderr, flush=True)  # standard output may be for programs
        answer = sys.stdin.readline()
        if not answer:
            raise _nobody()
        try:
            return checked_name(answer.strip() or suggested)
        except RefusalError as error:
            print(for_people(Text("cli.no-name", reason=error.message)), file=sys.stderr, flush=True)


def _nobody() -> SwarmShareError:
    return SwarmShareError(Text("cli.nobody-answers"), hint=Text("hint.user-and-password"))


def _tell_account(url: str, output: Output) -> None:
    """Say who is signed in at the tracker at ``url``, or how to sign in."""
    from swarmshare.app.signed_in import open_tracker, signed_in_at

    try:
        with open_tracker(url, signed_in_at(url).token) as (_, api):
            known = api.account()
    except TrackerError as error:
        output.line(Text("cli.type-elsewhere", reason=error.message))
        output.line(f"  {_program()} login --tracker {url} --user NAME")
        return
    output.line(f"{known.user} ({known.role}) is signed in at {url}")
    output.event("account", tracker=url, user=known.user, role=known.role)


def introduce(url: str, own_url: str, registration: str, output: Output, group_link: str | None) -> None:
    """Say how other people reach the tracker at ``url`` and make an account, by its kind of ``registration``.

    With a ``group_link`` that is all they need: it proves the tracker, too.
    """
    from swarmshare.tracker.own_addresses import HERE

    output.line()
    if ip_address(urlsplit(url).hostname or HERE).is_loopback:
        output.line("Only this machine reaches it. To let in whoever reaches this machine: --listen 0.0.0.0:6969")
        return
    address = group_link or url
    if registration == "closed":
        output.line(f"Give this to those who have an account: {address}")
        show_qr_code(address, output)
        return
    code = None if registration == "open" else _invitation(own_url) or "CODE"
    invite = "" if code is None else f" --invite {code}"
    if group_link is not None and code is not None:
        address, invite = f"{group_link}?invite={code}", ""
    output.line(f"Give this to {'the others' if code is None else 'one other person'}: {address}")
    output.line(f"  swarmshare register --tracker {shlex.quote(address)} --user NAME{invite}")
    show_qr_code(address, output)
    if registration == "invited":
        output.line("An invitation is for one of them. To let everybody in who reaches it: --registration open")


def _invitation(url: str) -> str | None:
    """Return a fresh one; None when whoever is signed in here may make none."""
    from swarmshare.app import accounts
    from swarmshare.app.signed_in import signed_in_at

    try:
        return accounts.invite(signed_in_at(url))
    except TrackerError:
        return None


def _say_what_next(output: Output, *, stops_it: bool = True) -> None:
    program = _program()
    output.line()
    output.line("Type next, in another terminal:")
    output.line(f"  {program} publish FOLDER --seed")
    output.line(f"  {program} list")
    output.line(f"  {program} download INFOHASH --to Downloads")
    if stops_it:
        output.line("Ctrl-C stops the tracker; the same command goes on from there.")
    sys.stdout.flush()


def _program() -> str:
    """Return what to type for ``swarmshare`` here."""
    if shutil.which("swarmshare"):
        return "swarmshare"
    path = Path(sys.executable).with_name("swarmshare")
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
