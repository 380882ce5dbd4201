"""The ``swarmshare`` command from inside: reads the command line, runs a verb, says what went wrong."""

from __future__ import annotations

import argparse
import gettext
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from swarmshare import __version__
from swarmshare.cli.arguments import MAX_NUMBER, decimal, whole_number
from swarmshare.cli.render import Output, OutputError, for_people
from swarmshare.errors import StorageError, SwarmShareError
from swarmshare.languages import DEFAULT, DOMAIN, LOCALE, system_language
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from collections.abc import Sequence

DONE, FAILED = 0, 1

MODULES: Final = {
    "create": ("create",),
    "show": ("show",),
    "verify": ("verify",),
    "recheck": ("recheck",),
    "seed_download": ("seed", "download"),
    "tracker": ("tracker",),
    "sign_in": ("register", "login", "logout", "whoami", "token"),
    "account_settings": ("password", "devices", "announce-url"),
    "members": ("members", "invite", "suspend"),
    "catalogue": ("list", "swarm", "withdraw"),
    "backup": ("export", "import"),
    "publish": ("publish",),
    "mirror": ("mirror",),
    "status": ("status",),
    "start": ("start",),
    "gui": ("gui",),
    "config": ("config",),
    "demo": ("demo",),
    "bench": ("bench",),
}
"""The modules here that add verbs, and which; all of them together take longer to load than most verbs to run."""

OVERVIEW: Final = f"""\
SwarmShare {__version__}: share big files between the machines of a group, by BitTorrent v2.

This version makes manifests (.torrent files) that any BitTorrent v2 client accepts, and shares what they name:

  swarmshare create PATH           hash a file or a folder on all cores and write its manifest
  swarmshare show FILE|MAGNET      what a manifest or a magnet link says
  swarmshare verify FILE DIR       check data against a manifest, down to the bytes that are wrong
  swarmshare recheck FILE --data DIR
                                   verify again what seed and download know already
  swarmshare seed FILE --data DIR  serve what is right of some data
  swarmshare download FILE --to DIR --peer HOST:PORT
                                   fetch it from one or more peers at once
  swarmshare tracker               the group's server: accounts, catalogue, and who has which piece
  swarmshare register|login --tracker URL --user NAME
                                   an account at a group's tracker; then also logout, whoami, token, password, devices
  swarmshare list                  what the group shares; withdraw takes something out
  swarmshare swarm NAME|INFOHASH   who shares one of these, and how much of it each has
  swarmshare invite                for organisers: a link for one person; then also members, suspend, export, import
  swarmshare status                what runs on this machine
  swarmshare gui                   the window: catalogue, transfers, and who has which piece
  swarmshare start                 a tracker on this machine, your account at it, and the window or what to type next
  swarmshare demo                  see a whole group at work on this machine
  swarmshare bench hash            how fast this machine hashes, beside libtorrent

Each takes --help, and --json for programs.
"""


def run_command(argv: Sequence[str] | None) -> int:
    """Run one command; returns 0 or 1.

    Raises :class:`OutputError` when the output fails, and :class:`SystemExit` for wrong usage.
    """
    given = sys.argv[1:] if argv is None else list(argv)
    _translate_argparse()
    arguments = command_parser(given[:1]).parse_args(given)
    if arguments.verb is None:
        sys.stdout.write(OVERVIEW)
        return DONE
    output = Output(as_json=arguments.json)
    try:
        if arguments.log_level is not None or arguments.log_file is not None:
            from swarmshare.cli.logs import start_logging

            start_logging(arguments.log_level, arguments.log_file)
        _trust(arguments)
        status: int = arguments.run(arguments, output)
        return status
    except OutputError:
        raise
    except Exception as error:
        if arguments.debug:
            raise
        output.error(_in_words(error))
        return FAILED


def _translate_argparse() -> None:
    """Let argparse say what is wrong in the user's language: it asks gettext for the domain that is in force."""
    if system_language() != DEFAULT:
        gettext.bindtextdomain(DOMAIN, str(LOCALE))
        gettext.textdomain(DOMAIN)


def _trust(arguments: argparse.Namespace) -> None:
    """Believe the authority that an option or the settings name, if the verb talks to trackers."""
    if "ca" not in arguments:
        return
    from swarmshare.app.config import load_settings

    if (ca := arguments.ca or load_settings().settings.ca) is not None:
        from swarmshare.tracker_client.trust import trust

        trust(ca)


def _in_words(error: Exception) -> SwarmShareError:
    match error:
        case SwarmShareError():
            return error
        case OSError(filename=str() | bytes() as path):
            return StorageError(path, os_reason(error))
        case OSError():
            return SwarmShareError(os_reason(error), hint=Text("hint.folder-exists"))
        case _:
            what = Text("cli.bug", kind=type(error).__name__, words=error)
            return SwarmShareError(what, hint=Text("hint.report-bug"))


LOG_LEVELS: Final = ("error", "warning", "info", "debug")


class _Once(argparse.Action):
    """Stores a value, as argparse does by default, and refuses a second one: the first would be lost without a word."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._given = False

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        """Store the value of ``option``; :class:`argparse.ArgumentError` when it had one already."""
        if option is not None and self._given:
            raise argparse.ArgumentError(self, for_people(Text("cli.given-twice")))
        self._given = True
        setattr(namespace, self.dest, values)


class _Parser(argparse.ArgumentParser):
    """A parser, and those of its verbs."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.register("action", None, _Once)
        # argparse itself would speak of an "invalid int value".
        self.register("type", int, whole_number(1, MAX_NUMBER))
        self.register("type", float, decimal)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as argparse does, but let the verb complain of what it does not know: the error names its help."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(gettext.gettext("unrecognized arguments: %s") % " ".join(unknown))
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line, and where it is told what is right; exit status 2."""
        # Not the usage: its many lines would push what is wrong out of sight.
        self.exit(2, f"swarmshare: {for_people(Text('cli.usage', what=message, program=self.prog))}\n")


def command_parser(first: Sequence[str]) -> argparse.ArgumentParser:
    """Return what understands a command line that begins with ``first``: if that is a verb, it knows no other."""
    common = _Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON object a line, for programs")
    common.add_argument(
        "--log-level", choices=LOG_LEVELS, metavar="LEVEL", help=f"log what happens: {', '.join(LOG_LEVELS)}"
    )
    common.add_argument("--log-file", type=Path, metavar="FILE", help="log there; default: to standard error")
    common.add_argument("--debug", action="store_true", help="show where in the program an error came from")
    parser = _Parser(prog="swarmshare", description="Share big files between the machines of a group.")
    parser.add_argument("--version", action="version", version=f"swarmshare {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    chosen = [name for name, known in MODULES.items() if set(known) & set(first)]
    for name in chosen or MODULES:
        import_module(f"swarmshare.cli.{name}").add_parser(verbs, common)
    return parser
