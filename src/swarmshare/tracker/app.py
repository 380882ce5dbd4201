"""The composition of a tracker: every part made once, and handed to those that need it."""

from __future__ import annotations

import random
import time
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import gevent
from flask import Blueprint, Response, jsonify
from flask_socketio import SocketIO
from prometheus_client import CollectorRegistry
from werkzeug.middleware.proxy_fix import ProxyFix

from swarmshare import __version__
from swarmshare.texts import Text
from swarmshare.tracker.domain.accounts import Accounts
from swarmshare.tracker.domain.catalogue import Catalogue
from swarmshare.tracker.domain.changes import ChangeFeed
from swarmshare.tracker.domain.database import Database
from swarmshare.tracker.domain.directory import Directory
from swarmshare.tracker.domain.exchange import Exchange
from swarmshare.tracker.domain.invitations import Invitations
from swarmshare.tracker.domain.offload import call_here
from swarmshare.tracker.domain.passwords import Passwords
from swarmshare.tracker.domain.ratelimit import RateLimit
from swarmshare.tracker.domain.sessions import Sessions
from swarmshare.tracker.domain.unsaved_tokens import UnsavedTokens
from swarmshare.tracker.http import metrics, pages
from swarmshare.tracker.http.announce import Announces
from swarmshare.tracker.http.api import account_routes, catalogue_routes, exchange_routes, identity_routes, swarm_routes
from swarmshare.tracker.http.api.answers import Health
from swarmshare.tracker.http.api.routes import ApiRoutes
from swarmshare.tracker.http.guard import Guard
from swarmshare.tracker.http.web import Web
from swarmshare.tracker.realtime import swarm_namespace
from swarmshare.tracker.realtime.live_namespace import LiveNamespace
from swarmshare.tracker.services import Services
from swarmshare.tracker.swarms.registry import SwarmRegistry
from swarmshare.tracker.swarms.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from swarmshare.identity.authority import Authority
    from swarmshare.tracker.config import Rate, TrackerConfig
    from swarmshare.tracker.domain import values
    from swarmshare.tracker.domain.offload import Offload

EXTENSION: Final = "swarmshare"
"""Where the parts are: ``app.extensions["swarmshare"]`` is a :class:`~swarmshare.tracker.services.Services`."""


def create_app(
    config: TrackerConfig,
    *,
    open_authority: Callable[[], Authority | None] = lambda: None,
    offload: Offload = call_here,
    later: Callable[[float, Callable[[], None]], object] = gevent.spawn_later,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> Flask:
    """Return the tracker as a WSGI application; whoever makes it calls :meth:`Services.close` in the end.

    Args:
        config: How the tracker behaves.
        open_authority: Opens that of the group, once the database is open; None is of a tracker without TLS.
        offload: Runs long computations.
        later: Calls a function after so many seconds.
        clock: Tells the time of day, in seconds since 1970.
        monotonic: Measures time, in seconds.

    Raises:
        DatabaseError: The database cannot be used.
        StorageError: The group's identity cannot be used.
    """
    database = Database(config.database, config.data)
    numbers = CollectorRegistry()
    guard = Guard(config)
    app = Web(config.max_body)
    socketio = SocketIO(
        app,
        async_mode="gevent",
        cors_allowed_origins=guard.is_own_origin,
        cors_credentials=False,
        http_compression=False,  # what is large is bitfields, which do not get smaller
        manage_session=False,
    )
    changes = ChangeFeed()
    unsaved = UnsavedTokens()
    directory = Directory(database, clock, unsaved, open_swarms=config.open_swarms)
    rng = random.Random()
    registry = SwarmRegistry(
        open_store(config, rng, monotonic),
        clock=monotonic,
        later=later,
        rng=rng,
        own_addresses=[ip_address(address) for address in config.own_addresses],
    )
    live = LiveNamespace(directory, registry.counts, later)
    registry.watch(live.swarm_changed)
    for listener in (unsaved, directory, _Swarms(registry), live):
        changes.listen(listener)

    def limit(rate: Rate, what: Text) -> RateLimit:
        return RateLimit(rate, monotonic, what=what)

    passwords = Passwords(offload, memory=config.password_memory)
    sessions = Sessions(
        database,
        passwords,
        changes,
        clock,
        unsaved,
        lifetime=config.token_lifetime,
        by_address=limit(config.sign_in_per_address, Text("account.attempts-address")),
        by_account=limit(config.sign_in_per_account, Text("account.attempts-account")),
    )
    catalogue = Catalogue(database, changes, clock, config, offload=offload, counts=registry.counts)
    services = Services(
        config=config,
        database=database,
        directory=directory,
        accounts=Accounts(
            database,
            passwords,
            sessions,
            changes,
            clock,
            registration=config.registration,
            by_address=limit(config.register_per_address, Text("account.registrations")),
        ),
        sessions=sessions,
        invitations=Invitations(database, clock, lifetime=config.invitation_lifetime),
        catalogue=catalogue,
        exchange=Exchange(database, catalogue, changes),
        registry=registry,
        socketio=socketio,
        authority=open_authority(),
    )
    app.extensions[EXTENSION] = services
    socketio.on_namespace(live)
    swarm_namespace.register(socketio, registry, directory)
    app.register_blueprint(pages.blueprint(services))
    app.register_blueprint(_api(services))
    app.register_blueprint(_monitoring(numbers, services))
    times = metrics.AnswerTimes(numbers)
    times.measure(app)
    announces = Announces(registry, directory, times)
    app.wsgi_app = guard.before(announces.before(app.wsgi_app))  # type: ignore[assignment,method-assign]
    if config.trusted_proxies:
        count = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, count, count, count)  # type: ignore[method-assign]
    return app


class _Swarms:
    """Tells the swarms of changes to accounts and the catalogue."""

    def __init__(self, registry: SwarmRegistry) -> None:
        self.account_cut = registry.disconnect_account
        self.withdrawn = registry.withdraw

    def accounts_changed(self) -> None:
        """Do nothing: the swarms ask the directory anew each time."""

    def published(self, entry: values.EntryView) -> None:
        """Do nothing: a swarm begins with its first member."""


def _api(services: Services) -> Blueprint:
    routes = ApiRoutes(services.directory)
    for part in (account_routes, catalogue_routes, swarm_routes, exchange_routes, identity_routes):
        part.add_routes(routes, services)

    @routes.blueprint.get("/openapi.json")
    def openapi() -> Response:
        return jsonify(routes.document())

    return routes.blueprint


def _monitoring(numbers: CollectorRegistry, services: Services) -> Blueprint:
    blueprint = Blueprint("monitoring", __name__)
    numbers.register(metrics.TrackerState(services))

    @blueprint.get("/healthz")
    def healthz() -> tuple[Response, int]:
        problem = services.database.look()
        health = Health(status=problem.code if problem else "ok", version=__version__)
        return jsonify(health), HTTPStatus.SERVICE_UNAVAILABLE if problem else HTTPStatus.OK

    @blueprint.get("/metrics")
    def expose() -> Response:
        return metrics.expose(numbers)

    return blueprint
