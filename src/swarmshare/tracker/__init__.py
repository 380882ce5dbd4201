"""The tracker: one server for connected peers, for ordinary BitTorrent clients, and for people and programs.

What starts and configures it lies here; the rest in four packages, which use each other one way only:

* ``domain``: accounts, invitations and the catalogue, in a database; knows no swarm and no network.
* ``swarms``: who is in which swarm with which pieces; uses ``domain``.
* ``http``: announces, the API, pages and metrics; uses ``domain`` and ``swarms``.
* ``realtime``: Socket.IO; uses ``domain`` and ``swarms``.
"""
