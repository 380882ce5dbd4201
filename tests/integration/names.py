"""Names as people give them, in many scripts, for tests of every place that such a name comes through."""

from __future__ import annotations

from typing import Final

NAMES: Final = (
    "Привет, мир",
    "Καλημέρα κόσμε",
    "مرحبا بالعالم.txt",
    "שלום\u200f 1",  # a mark that says which way it reads, as Hebrew and Arabic text has
    "旅行の写真",
    "서울 여행",
    "नमस्ते दुनिया",
    "Trip 2025 \u2013 Łódź",
    "family \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3d4\ufe0f",  # emoji that are joined and styled
    "été",  # letters and their accents as one (NFC) ...
    "e\u0301te\u0301",  # ... and apart (NFD), as macOS has them: another name to Linux
    "漢" * 80,  # as long as a name with an ending may be
    "\uff0e\uff0e\uff0f\uff0e\uff0e\uff0f\u2100",  # what its compatible form (NFKD) would make "../../a/c" of
    "a\"b'c;d=%41 <e>&#38; 100%",
    "[red]:smile:[link=x] {x} %s",
)
"""Each can be the name of an entry, a folder and a file."""
