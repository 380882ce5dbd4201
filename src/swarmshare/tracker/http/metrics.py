"""Metrics of the tracker for Prometheus; none is about a single account or member."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final

from flask import Response, g, request
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from sqlalchemy import func, select

from swarmshare.tracker.domain.models import AccountRow, EntryRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from swarmshare.tracker.services import Services

_BUCKETS: Final = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0)
"""Upper bounds of the classes of answering times, in seconds."""


class AnswerTimes:
    """How long requests took, by their route: those that Flask routes, and the announces before it."""

    def __init__(self, numbers: CollectorRegistry) -> None:
        """Add the metric to ``numbers``."""
        self._answered = Histogram(
            "swarmshare_http_seconds",
            "Time to answer an HTTP request, by its route",
            ["route", "method", "status"],
            buckets=_BUCKETS,
            registry=numbers,
        )

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Note one answer. ``route`` and ``method`` are ours to choose from: each new one is memory for ever."""
        self._answered.labels(route, method, status).observe(seconds)

    def measure(self, app: Flask) -> None:
        """Measure each request that reaches ``app`` from now on."""

        @app.before_request
        def begin() -> None:
            g.began = perf_counter()

        @app.after_request
        def end(response: Response) -> Response:
            # The rule, never the path: a path has info hashes and secrets in it. Without a rule it is what was typed.
            route, method = (request.url_rule.rule, request.method) if request.url_rule else ("none", "any")
            self.observe(route, method, response.status_code, perf_counter() - g.began)
            return response


def expose(numbers: CollectorRegistry) -> Response:
    """Return all metrics in the text format of Prometheus."""
    return Response(generate_latest(numbers), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class TrackerState:
    """Metrics that are counted when somebody asks for them: accounts, entries, swarms, members."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the state of the tracker, counted at this moment."""
        with self._services.database.read() as session:
            accounts = session.scalar(select(func.count(AccountRow.id))) or 0
            entries = session.scalar(select(func.count(EntryRow.id))) or 0
        swarms, members = self._services.registry.totals()
        yield GaugeMetricFamily("swarmshare_accounts", "Accounts, suspended ones too", accounts)
        yield GaugeMetricFamily("swarmshare_entries", "Manifests in the catalogue", entries)
        yield GaugeMetricFamily("swarmshare_swarms", "Swarms that somebody is in", swarms)
        yield GaugeMetricFamily("swarmshare_members", "Members of all swarms together", members)
