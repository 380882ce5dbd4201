"""``swarmshare tracker``: what it prints, and what it says when it cannot start."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from waiting import TIMEOUT

from swarmshare.tracker.own_addresses import host_for_neighbours

LAUNCHER = Path(__file__).parents[2] / "tracker_app.py"


def start(folder: Path, *arguments: str, launcher: bool = False) -> subprocess.Popen[str]:
    program = [str(LAUNCHER)] if launcher else ["-m", "swarmshare", "tracker"]
    return subprocess.Popen(
        [sys.executable, *program, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "SWARMSHARE_HOME": str(folder)},
    )  # fmt: skip


def call(folder: Path, *arguments: str) -> tuple[int, str, str]:
    process = start(folder, *arguments)
    out, error = process.communicate(timeout=TIMEOUT)
    return process.returncode, out, error


@pytest.mark.parametrize("launcher", [False, True])
def test_for_people(tmp_path: Path, launcher: bool) -> None:
    process = start(tmp_path, "--listen", "127.0.0.1:0", launcher=launcher)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if line.startswith("Listening on "):
            break
    url = lines[0].removeprefix("Tracker at ")
    link = next(line for line in lines if "/setup/" in line)
    assert link.startswith(f"{url}/setup/setup_")
    with urlopen(link, timeout=TIMEOUT) as page:
        assert b"Make the organiser&#39;s account" in page.read()
    with urlopen(url, timeout=TIMEOUT) as page:
        assert f"register --tracker {url} --user NAME --invite CODE".encode() in page.read()
    process.send_signal(signal.SIGTERM)
    out, error = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, out, error) == (130, "", "swarmshare: interrupted\n")
    assert (tmp_path / "tracker" / "tracker.db").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ["--listen", "x"], ["--listen", ":80"], ["--listen", "a:99999"], ["--public-url", "share.example"],
        ["--public-url", "ftp://x"], ["--public-url", "http://x/path"], ["--public-url", "http://ann@x"],
        ["--public-url", "http://[x"], ["--host", "a b"], ["--host", "http://x"], ["--proxies", "-1"],
        ["--proxies", "11"],
        ["--registration", "maybe"], ["--public-url", "http://x?y"],
    ],
)  # fmt: skip
def test_wrong_usage(tmp_path: Path, wrong: list[str]) -> None:
    status, out, error = call(tmp_path, *wrong)
    assert (status, out) == (2, "")
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_had(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, out, error = call(tmp_path, "--json", "--listen", address)
        assert (status, json.loads(out)["code"]) == (1, "listen")
        assert error == (
            f"swarmshare: {address}: address already in use. "
            "Give another with --listen HOST:PORT; port 0 takes any that is free.\n"
        )
    status, out, error = call(tmp_path, "--json", "--listen", "nowhere.invalid:0")
    assert (status, json.loads(out)["code"]) == (1, "listen")
    status, out, error = call(
        tmp_path, "--json", "--listen", "127.0.0.1:0", "--database", "postgresql+pg8000://u:pw@h/n"
    )
    assert (status, json.loads(out)["code"]) == (1, "database")
    assert "pip install" in error
    assert ":pw@" not in error
    (tmp_path / "file").touch()
    status, out, error = call(tmp_path, "--json", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "file" / "x"))
    assert (status, json.loads(out)["code"]) == (1, "database")
    assert error.count("\n") == 1


def test_it_ends_with_whoever_started_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "swarmshare", "tracker", "--json", "--listen", "near:0", "--until-eof"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "SWARMSHARE_HOME": str(tmp_path)},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    told = [json.loads(process.stdout.readline()) for _ in range(2)]
    host, _, port = told[1]["address"].rpartition(":")
    assert host == host_for_neighbours()
    process.stdin.write("what is typed says nothing\n")
    process.stdin.flush()
    with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=TIMEOUT) as page:
        assert page.status == 200
    process.stdin.close()
    assert process.wait(TIMEOUT) == 130
    process.stdout.close()
    assert process.stderr is not None
    process.stderr.close()


def test_it_listens_wherever_it_is_told_to(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe, socket.create_server(("127.0.0.2", 0)) as other:
        wanted = [f"127.0.0.2:{other.getsockname()[1]}", f"127.0.0.1:{probe.getsockname()[1]}"]
    process = start(tmp_path, "--json", "--listen", wanted[0], "--listen", wanted[1])
    assert process.stdout is not None
    told = [json.loads(process.stdout.readline()) for _ in range(2)]
    try:
        for address in wanted:  # before the next line is waited for, which would not come of one that listens once
            with urlopen(f"http://{address}/healthz", timeout=TIMEOUT) as page:
                assert page.status == 200
    except OSError:
        process.kill()
        process.communicate(timeout=TIMEOUT)
        raise
    told.append(json.loads(process.stdout.readline()))
    assert [event["address"] for event in told if event["event"] == "listening"] == wanted
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, error.splitlines()[-1]) == (130, "swarmshare: interrupted")


def test_all_of_the_addresses_are_had_or_none(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, out, _ = call(tmp_path, "--json", "--listen", "127.0.0.1:0", "--listen", address)
    assert (status, json.loads(out)["code"]) == (1, "listen")
