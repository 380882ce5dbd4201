"""A client session and its tracker: signing in, following the catalogue, a tracker of one's own."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from app.sessions import RunningSession, fill, other_member, running_session
from tracker.trackers import PASSWORD, Server
from waiting import TIMEOUT

from swarmshare.app import accounts, group, local_tracker, processes
from swarmshare.app.client_session import Published, Shared, ShareOptions
from swarmshare.app.publishing import hash_path
from swarmshare.app.snapshot import PersonSnapshot
from swarmshare.errors import TrackerError
from swarmshare.gui.sentences import spoken
from swarmshare.gui.words import use_language
from swarmshare.manifest.build import Description
from swarmshare.schema.snapshot import TorrentState
from swarmshare.storage.home import swarmshare_home
from swarmshare.storage.sign_ins import SignIn, SignIns
from swarmshare.tracker_client import connection as tracker_connection
from swarmshare.tracker_client.api import TrackerApi
from swarmshare.tracker_client.http import Connection

if TYPE_CHECKING:
    from swarmshare.app.snapshot import LocalTrackerSnapshot

pytestmark = [pytest.mark.usefixtures("own_home"), pytest.mark.unmeasured]

CHILD = Path(__file__).with_name("child_tracker.py")


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """Where a tracker on this machine is to be."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    monkeypatch.setattr(local_tracker, "PORT", number)
    monkeypatch.setattr(group, "PORT", number)
    monkeypatch.setattr(group, "LOOK_BESIDE", 0.1)
    return number


def person(ann: RunningSession) -> PersonSnapshot | None:
    return ann.session.snapshot().person


def own(ann: RunningSession) -> LocalTrackerSnapshot:
    snapshot = ann.session.snapshot().local_tracker
    assert snapshot is not None
    return snapshot


async def listens(ann: RunningSession) -> LocalTrackerSnapshot:
    await ann.until(lambda: own(ann).url or own(ann).problem)
    assert not own(ann).problem
    return own(ann)


async def test_signed_in_until_signed_out(tracker: str, name: str) -> None:
    async with running_session() as ann:
        assert person(ann) is None
        with pytest.raises(TrackerError, match="not signed in"):
            await ann.session.group.invite()
        await ann.session.group.register(tracker, name, PASSWORD)
        assert person(ann) == PersonSnapshot(name, "member", tracker)
    async with running_session() as ann:
        assert person(ann) is not None
        await ann.until(lambda: person(ann).role == "member")  # type: ignore[union-attr]
        token = SignIns(swarmshare_home()).all()[0].token
        assert not ann.session.snapshot().earlier_user
        await ann.session.group.sign_out()
        assert person(ann) is None
        assert ann.session.snapshot().earlier_user == name
        assert not ann.session.snapshot().catalogue
        assert tracker in await ann.session.group.known_trackers()
        with Connection(tracker, token) as connection, pytest.raises(TrackerError):
            TrackerApi(connection).account()
        with pytest.raises(TrackerError) as wrong:
            await ann.session.group.sign_in(tracker, name, "wrong horse battery")
        assert wrong.value.rule == "credentials"
        assert person(ann) is None
        await ann.session.group.sign_in(tracker.removeprefix("http://"), name, PASSWORD)
        assert person(ann).tracker == tracker  # type: ignore[union-attr]
        await ann.session.group.sign_out()
    async with running_session() as ann:
        assert person(ann) is None


async def test_an_invitation(tracker: str) -> None:
    async with running_session() as ann:
        await ann.session.group.sign_in(tracker, "Olga", PASSWORD)
        assert person(ann).role == "organiser"  # type: ignore[union-attr]
        code = await ann.session.group.invite()
        with Connection(tracker) as connection:
            assert TrackerApi(connection).register("Guest", PASSWORD, "test", invitation=code).user == "Guest"


async def test_members_are_suspended_and_let_in_again(tracker: str, name: str) -> None:
    async with running_session() as ann:
        with Connection(tracker) as connection:
            token = TrackerApi(connection).register(name, PASSWORD, "test").token
        await ann.session.group.sign_in(tracker, "Olga", PASSWORD)
        member = next(member for member in await ann.session.group.members() if member.user == name)
        assert (member.role, member.suspended) == ("member", False)
        assert (await ann.session.group.suspend(member.number, True)).suspended
        with Connection(tracker, token) as connection, pytest.raises(TrackerError):
            TrackerApi(connection).account()
        assert not (await ann.session.group.suspend(member.number, False)).suspended
        with Connection(tracker) as connection:
            assert TrackerApi(connection).sign_in(name, PASSWORD, "test").user == name


async def test_who_is_suspended_is_told_that_and_is_back_when_let_in_again(
    tracker: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker_connection, "SHORTEST", 0.01)
    with Connection(tracker) as link:
        organiser = TrackerApi(link).sign_in("Olga", PASSWORD, "test").token
    async with running_session() as ann:
        await ann.session.group.register(tracker, name, PASSWORD)
        await ann.listed()
        with accounts.open_accounts(tracker, organiser) as api:
            number = next(member.number for member in api.people() if member.user == name)
            api.suspend(number, True)
            await ann.until(lambda: "this account is suspended" in ann.session.snapshot().tracker_problem)
            assert person(ann) == PersonSnapshot(name, "member", tracker), "to sign in again would not help"
            api.suspend(number, False)
        await ann.until(lambda: not ann.session.snapshot().tracker_problem)


async def test_another_password_signs_out_all_other_machines_and_not_this_one(tracker: str, name: str) -> None:
    async with running_session() as ann:
        await ann.session.group.register(tracker, name, PASSWORD)
        await ann.listed()
        with pytest.raises(TrackerError) as wrong:
            await ann.session.group.change_password("wrong horse battery", "another horse battery")
        assert wrong.value.advice == "the password until now is another one"
        assert person(ann) is not None
        with Connection(tracker) as connection:
            there = TrackerApi(connection).sign_in(name, PASSWORD, "the machine there").token
        labels = {device.label: device for device in await ann.session.group.devices()}
        assert len(labels) == 2
        assert not labels["the machine there"].current
        await ann.session.group.change_password(PASSWORD, "another horse battery")
        with Connection(tracker, there) as connection, pytest.raises(TrackerError):
            TrackerApi(connection).account()
        await ann.listed()
        assert person(ann) == PersonSnapshot(name, "member", tracker)
        assert not ann.session.snapshot().tracker_problem
        with Connection(tracker) as connection:
            there = TrackerApi(connection).sign_in(name, "another horse battery", "the machine there").token
        device = next(device for device in await ann.session.group.devices() if not device.current)
        await ann.session.group.sign_device_out(device.number)
        with Connection(tracker, there) as connection, pytest.raises(TrackerError):
            TrackerApi(connection).account()


async def test_of_two_sign_ins_the_last_one_counts(tracker: str, name: str, tmp_path: Path) -> None:
    other = "http://127.0.0.1:9"
    SignIns(swarmshare_home()).save(SignIn(other, "me", "token"))
    async with running_session() as ann:
        assert person(ann).tracker == other  # type: ignore[union-attr]
        await ann.session.group.register(tracker, name, PASSWORD)
    async with running_session() as ann:
        assert person(ann).tracker == tracker  # type: ignore[union-attr]
        assert {tracker, other} <= set(await ann.session.group.known_trackers())


async def test_the_trackers_settings_count_without_a_memory(tracker: str, name: str, own_home: Path) -> None:
    for address in ("http://127.0.0.1:9", "http://127.0.0.1:10"):
        SignIns(own_home).save(SignIn(address, "me", "token"))
    async with running_session() as ann:
        assert person(ann) is None, "which of them?"
    (own_home / "config.toml").write_text('tracker = "http://127.0.0.1:10"\nlisten = "127.0.0.1:0"')
    async with running_session() as ann:
        assert person(ann).tracker == "http://127.0.0.1:10"  # type: ignore[union-attr]


async def test_a_sign_in_that_is_not_valid(tracker: str) -> None:
    SignIns(swarmshare_home()).save(SignIn(tracker, "me", "token"))
    async with running_session() as ann:
        await ann.until(lambda: person(ann) is None)
        assert ann.session.snapshot().tracker_problem.endswith("Sign in again.")
        assert ann.session.snapshot().earlier_user == "me"


async def test_running_transfers_are_announced_at_the_new_tracker(tracker: str, name: str, tmp_path: Path) -> None:
    folder = fill(tmp_path / name, {"a.bin": 1_000_000, "b.bin": 1})
    async with running_session() as ann, other_member(tracker, f"{name}-friend") as friend:
        await ann.session.jobs.share(ShareOptions(folder, publish=False))
        await ann.until(lambda: name in ann.transfers and ann.transfers[name].state is TorrentState.SEEDING)
        info_hash = ann.transfers[name].info_hash
        await ann.session.group.register(tracker, name, PASSWORD)
        manifest = await trio.to_thread.run_sync(lambda: hash_path(folder, Description()).manifest)
        assert str(manifest.info_hash) == info_hash
        await friend.ask(lambda api: api.publish(manifest.encode()))
        await ann.until(lambda: any(entry.info_hash == info_hash for entry in ann.session.snapshot().catalogue))
        await ann.until(lambda: any(entry.seeds == 1 for entry in ann.session.snapshot().catalogue))
        await ann.session.group.sign_out()
        await ann.until(lambda: ann.transfers[name].state is TorrentState.SEEDING)
        assert ann.torrent(info_hash).config.announcers == ()
        with trio.fail_after(TIMEOUT):
            while (await friend.ask(lambda api: api.entry(info_hash))).seeds:  # noqa: ASYNC110
                await trio.sleep(0.1)


async def test_a_tracker_that_is_killed_and_comes_back(tmp_path: Path, name: str) -> None:
    server = Server(tmp_path / "data", "--registration", "open")
    token = server.events["setup"]["setup_token"]
    async with running_session() as ann:
        await ann.session.group.register(server.url, name, PASSWORD, setup_token=token)
        await ann.listed()
        await ann.session.jobs.share(ShareOptions(fill(tmp_path / "mine", {"a": 100_000})))
        await ann.fact(Shared)
        await ann.until(lambda: ann.session.snapshot().catalogue)
        server.end(signal.SIGKILL)
        await ann.until(lambda: ann.session.snapshot().tracker_problem)
        assert "cannot be reached" in ann.session.snapshot().tracker_problem
        assert ann.session.snapshot().catalogue, "what was known is still shown"
        assert ann.session.snapshot().person is not None
        server = Server(tmp_path / "data", "--registration", "open", listen=server.address)
        async with other_member(server.url, f"{name}-friend") as friend:
            await friend.publish(fill(tmp_path / "theirs", {"b": 100_000}))
            await ann.until(lambda: not ann.session.snapshot().tracker_problem)
            assert (await ann.fact(Published)).name == "b"
            await ann.until(lambda: {entry.seeds for entry in ann.session.snapshot().catalogue} == {1})
    server.end(signal.SIGTERM)


async def test_a_tracker_of_ones_own(port: int, name: str, tmp_path: Path) -> None:
    async with running_session() as ann:
        assert ann.session.snapshot().local_tracker is None
        await ann.session.group.start_tracker()
        await ann.session.group.start_tracker()
        told = await listens(ann)
        assert told.own_url == f"http://127.0.0.1:{port}"
        assert re.fullmatch(rf"http://[0-9.]+:{port}", told.url)
        assert told.own_url in await ann.session.group.known_trackers()
        await ann.session.group.register(told.own_url, name, PASSWORD, setup_token=told.setup_token)
        assert own(ann).setup_token == ""
        assert person(ann).role == "organiser"  # type: ignore[union-attr]
    async with running_session() as ann:
        await listens(ann)
        assert own(ann).setup_token == ""
        await ann.until(lambda: person(ann).role == "organiser")  # type: ignore[union-attr]
        await ann.session.group.stop_tracker()
        assert ann.session.snapshot().local_tracker is None
        await ann.until(lambda: ann.session.snapshot().tracker_problem)
        await ann.session.group.start_tracker()
        await listens(ann)
        await ann.session.group.stop_tracker()
    async with running_session() as ann:
        assert ann.session.snapshot().local_tracker is None, "nobody wants it any more"


async def test_a_tracker_whose_port_is_taken(port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        async with running_session() as ann:
            await ann.session.group.start_tracker()
            await ann.until(lambda: own(ann).problem)
            assert "address already in use. Another program is there" in own(ann).problem
            assert "--listen" not in own(ann).problem
            assert not own(ann).url
            use_language("pt_BR")
            said, where = spoken(own(ann).problem), own(ann).problem.split(": ")[1]
            use_language("en")
            told = f"O tracker neste computador terminou: {where}: endereço já em uso."
            assert said == f"{told} Outro programa está lá, talvez outro tracker."
        async with running_session() as ann:
            await trio.testing.wait_all_tasks_blocked()
            assert ann.session.snapshot().local_tracker is None, "what has failed is not tried at each start"
            taken.close()
            await ann.session.group.start_tracker()
            await listens(ann)


async def test_a_tracker_that_ran_before_is_tried_until_it_is_not_wanted(port: int) -> None:
    async with running_session() as ann:
        await ann.session.group.start_tracker()
    with socket.create_server(("0.0.0.0", port)):
        async with running_session() as ann:
            await ann.until(lambda: own(ann).problem)
        async with running_session() as ann:
            await ann.until(lambda: own(ann).problem)
            await ann.session.group.stop_tracker()
        async with running_session() as ann:
            assert ann.session.snapshot().local_tracker is None


async def test_a_tracker_that_another_process_runs_is_known(port: int) -> None:
    beside = processes.Processes()
    async with running_session() as ann:
        with beside:
            beside.start("tracker", "tracker", "--listen", f"0.0.0.0:{port}")
            await ann.until(lambda: ann.session.snapshot().local_tracker is not None)
            told = own(ann)
            assert (told.own_url, told.ours, told.problem) == (f"http://127.0.0.1:{port}", False, "")
            assert re.fullmatch(rf"http://[0-9.]+:{port}", told.url)
            await ann.session.group.start_tracker()
            assert not own(ann).ours, "one's own failed, because the other one is there"
            await trio.to_thread.run_sync(beside.__exit__, None, None, None)
        await ann.until(lambda: own(ann).problem)
        await ann.session.group.stop_tracker()
        await ann.session.group.start_tracker()
        assert own(ann).ours
        await ann.session.group.stop_tracker()
        await ann.until(lambda: ann.session.snapshot().local_tracker is None)


async def test_a_tracker_of_ones_own_ends_with_us(port: int) -> None:
    child = await trio.lowlevel.open_process([sys.executable, str(CHILD), str(port)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with trio.fail_after(TIMEOUT):
        assert (await child.stdout.receive_some()).startswith(b"listens")
        child.send_signal(signal.SIGKILL)
        await child.wait()
        await child.stdout.aclose()
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)):
                    break
            await trio.sleep(0.05)
