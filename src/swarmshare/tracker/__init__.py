"""The tracker: one server with three doors, for live peers, for ordinary clients, and for people and programs."""
