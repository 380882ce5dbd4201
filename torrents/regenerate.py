"""Make the payload of the sample manifests beside this file, or the manifests themselves.

    python torrents/regenerate.py DIR          write each sample's files below DIR
    python torrents/regenerate.py --manifests  write the manifests again (they must come out the same)

The bytes come from a random generator seeded with the file's name, so they are the same on every machine.
"""

from __future__ import annotations

import random
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Sample:
    """One manifest: its name, the length of each file below that name (None: it is the file itself), how it is made."""

    name: str
    files: dict[str | None, int]
    piece_length: int = 2**14
    hybrid: bool = False

    @property
    def manifest(self) -> Path:
        """Its ``.torrent`` file."""
        return HERE / f"{self.name}.torrent"


SAMPLES: Final = (
    Sample("single.bin", {None: 150_000}),
    Sample(
        "folder",
        {"read me.txt": 1_000, "data/one-piece.bin": 65_536, "data/large.bin": 1_000_000, "música/canção.ogg": 70_001},
        piece_length=2**16,
    ),
    Sample("hybrid", {"a.bin": 100_000, "b/c.bin": 16_384, "b/d.bin": 5}, piece_length=2**15, hybrid=True),
    Sample("edges", {"empty": 0, "exact-block": 2**14, "exact-pieces": 3 * 2**15, "one-byte": 1}, piece_length=2**15),
)


def write_payload(sample: Sample, folder: Path) -> Path:
    """Write the files of ``sample`` below ``folder``; returns the path of its name."""
    top = folder / sample.name
    for path, length in sample.files.items():
        file = top / path if path is not None else top
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(random.Random(f"{sample.name}/{path or ''}").randbytes(length))
    return top


def write_manifest(sample: Sample, folder: Path) -> bytes:
    """Return the manifest of ``sample``, whose payload is written below ``folder``."""
    from swarmshare.manifest.build import Description
    from swarmshare.storage.create import create_manifest
    from swarmshare.storage.plan import make_plan

    about = Description(comment="A SwarmShare sample; torrents/regenerate.py makes its files.", creation_date=0)
    plan = make_plan(write_payload(sample, folder))
    return create_manifest(plan, about, piece_length=sample.piece_length, hybrid=sample.hybrid).encode()


def main() -> None:
    """Do what the command line says."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    for sample in SAMPLES:
        if sys.argv[1] == "--manifests":
            with tempfile.TemporaryDirectory() as folder:
                sample.manifest.write_bytes(write_manifest(sample, Path(folder)))
        else:
            print(write_payload(sample, Path(sys.argv[1])))


if __name__ == "__main__":
    main()
