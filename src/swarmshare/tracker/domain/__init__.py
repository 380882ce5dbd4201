"""Accounts, invitations and the catalogue: what the tracker keeps in its database, and the rules about it."""
