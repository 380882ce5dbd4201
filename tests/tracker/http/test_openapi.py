"""The OpenAPI document, and what happens when somebody sends everything that it allows, and much that it does not."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tracker.trackers import Tracker, tracker_in

from swarmshare import __version__
from swarmshare.tracker.config import Rate, Registration
from swarmshare.tracker.domain.values import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
UNLIMITED = Rate(10**9, 1)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    limits = {"sign_in_per_account": UNLIMITED, "sign_in_per_address": UNLIMITED, "register_per_address": UNLIMITED}
    with tracker_in(tmp_path_factory.mktemp("fuzzed"), **limits) as tracker:
        tracker.join("Ann")
        tracker.publish(tracker.organiser)
        yield tracker


@pytest.fixture(scope="module")
def operations(fuzzed: Tracker) -> list[Any]:
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", fuzzed.app)
    found = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    # What changes the settings comes last: it may close the registration, and then no invitation is made any more.
    return sorted(found, key=lambda operation: operation.path.endswith("/settings"))


def send_all(operations: list[Any], send: Callable[[Any], None], examples: int) -> None:
    """Call ``send`` with requests to every operation: right ones, and wrong ones."""
    for operation in operations:
        for mode in GenerationMode:

            @given(operation.as_strategy(generation_mode=mode))
            @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
            def check(case: Any) -> None:
                send(case)

            with contextlib.suppress(Unsatisfiable):  # without a body and a query string there is no wrong request
                check()


@pytest.mark.unmeasured
def test_whatever_an_organiser_sends(fuzzed: Tracker, operations: list[Any]) -> None:
    seen = Counter[int]()
    token = ""

    def send(case: Any) -> None:
        nonlocal token
        if not token or fuzzed.services.directory.identify(token) is None:  # the last request ended it
            with fuzzed.services.database.write() as session:
                token = fuzzed.services.sessions.issue(session, fuzzed.organiser.account, "").secret
        response = case.call(headers={"Authorization": f"Bearer {token}"})
        case.validate_response(response, checks=CHECKS)
        seen[response.status_code] += 1

    send_all(operations, send, 15)
    assert {200, 201, 204, 404, 422} <= seen.keys(), seen


@pytest.mark.unmeasured
def test_whatever_a_stranger_sends(fuzzed: Tracker, operations: list[Any]) -> None:
    fuzzed.services.accounts.change_settings(Settings(registration=Registration.INVITED))
    before = fuzzed.state()

    def send(case: Any) -> None:
        response = case.call(headers={"Authorization": "Bearer token_x"})
        case.validate_response(response, checks=CHECKS)
        assert response.status_code >= 400

    send_all(operations, send, 3)
    assert fuzzed.state() == before


def test_the_document(tracker: Tracker) -> None:
    document = tracker.get("/openapi.json")
    assert (document["openapi"][:3], document["info"]["version"]) == ("3.1", __version__)
    operations = [
        (path, method, operation) for path, item in document["paths"].items() for method, operation in item.items()
    ]
    assert len(operations) == len({operation["operationId"] for *_, operation in operations}) == 28
    for path, method, operation in operations:
        assert operation["summary"].endswith((".", "others stay as they are", "second answer is 200")), operation
        assert ("security" in operation) is ((path, method) not in PUBLIC), path
        assert "`host`" in operation["responses"]["421"]["description"], "the guard answers before any operation"
        assert "`origin`" in operation["responses"]["403"]["description"]
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                schema = answer["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ProblemDetails"}
    publish = document["paths"]["/api/v1/catalogue"]["post"]
    assert list(publish["requestBody"]["content"]) == ["application/x-bittorrent", "application/octet-stream"]
    assert "`already-published`" in publish["responses"]["409"]["description"]
    torrent = document["paths"]["/api/v1/catalogue/{info_hash}/torrent"]["get"]
    assert list(torrent["responses"]["200"]["content"]) == ["application/x-bittorrent"]
    assert json.dumps(document) == json.dumps(tracker.get("/openapi.json"))


PUBLIC = {
    ("/api/v1/accounts", "post"),
    ("/api/v1/tokens", "post"),
    ("/api/v1/password-resets", "post"),
    ("/api/v1/identity", "get"),
}
