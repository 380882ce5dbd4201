"""Snapshots turned into what is shown: rows, strips, sentences. Pure, and tested without a display."""
