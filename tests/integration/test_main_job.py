"""The main job, end to end, with real processes: a tracker, accounts, publishing, many downloads, losses."""

from __future__ import annotations

import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest
from integration.group import Group, same
from waiting import TIMEOUT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unmeasured


def test_the_main_job(group: Group, content: Path, tmp_path: Path) -> None:
    ana, bia, caio, davi = (group.machine(name) for name in ("ana", "bia", "caio", "davi"))
    publisher = ana.start("publish", content, "--tracker", ana.tracker, "--seed", "--limit-up", "4MiB")
    info_hash = publisher.wait_for("published")["info_hash"]
    publisher.wait_for("complete")
    (entry,) = (event for event in bia.run("list") if event["event"] == "entry")
    assert (entry["info_hash"], entry["name"], entry["publisher"]) == (info_hash, "Holiday", "ana")

    seeds = [publisher]
    for machine in (bia, caio):
        verb = machine.start(
            "download", info_hash, "--to", machine.folder / "there", "--seed-after", "--limit-up", "4MiB"
        )
        verb.wait_for("complete")
        assert same(content, machine.folder / "there" / "Holiday")
        seeds.append(verb)
    assert publisher.wait_for("progress", lambda event: event["copies_elsewhere"] == 2)["only_here"] == 0

    late = davi.start("download", info_hash, "--to", davi.folder / "there")
    late.wait_for("complete")
    late.finish()
    assert same(content, davi.folder / "there" / "Holiday")
    for seed in seeds[1:]:
        seed.wait_for("progress", lambda event: event["uploaded"] > 0)
    (summary,) = (event for event in davi.run("swarm", info_hash) if event["event"] == "swarm")
    assert summary["seeds"] == 3


def test_the_publisher_is_killed_and_the_rest_complete_from_one_another(group: Group, content: Path) -> None:
    machines = [group.machine(name) for name in ("ana", "bia", "caio", "davi")]
    publisher = machines[0].start("publish", content, "--seed", "--limit-up", "6MiB")
    info_hash = publisher.wait_for("published")["info_hash"]
    publisher.wait_for("complete")
    leeches = [
        machine.start("download", info_hash, "--to", machine.folder / "there", "--seed-after", "--limit-up", "1MiB")
        for machine in machines[1:]
    ]
    publisher.wait_for("progress", lambda event: event["members"] == 3 and event["only_here"] == 0)
    publisher.stop(signal.SIGKILL)
    for leech, machine in zip(leeches, machines[1:], strict=True):
        leech.wait_for("complete")
        assert same(content, machine.folder / "there" / "Holiday")


def test_the_tracker_is_killed_in_mid_download_and_comes_back(group: Group, content: Path) -> None:
    ana, bia = group.machine("ana"), group.machine("bia")
    publisher = ana.start("publish", content, "--seed", "--limit-up", "2MiB")
    info_hash = publisher.wait_for("published")["info_hash"]
    publisher.wait_for("complete")
    leech = bia.start("download", info_hash, "--to", bia.folder / "there", "--seed-after")
    leech.wait_for("progress", lambda event: event["bytes_done"] > 0)
    group.verb.stop(signal.SIGKILL)
    leech.wait_for("progress", lambda event: event["tracker_problem"])
    leech.wait_for("complete")
    assert same(content, bia.folder / "there" / "Holiday")
    group.verb = group.start_tracker(group.address)
    deadline = time.monotonic() + TIMEOUT
    while (summary := bia.run("swarm", info_hash)[-1])["seeds"] < 2:
        assert time.monotonic() < deadline, summary
    leech.wait_for("progress", lambda event: not event["tracker_problem"])
    shutil.rmtree(bia.folder / "there")
