"""What the links of a manifest lead to (BEP 47)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from manifest.makers import Doc, encoded, file_node, good_doc

from swarmshare.errors import ManifestError
from swarmshare.manifest.links import MAX_HOPS, resolve_links
from swarmshare.manifest.names import MAX_DEPTH
from swarmshare.manifest.parse import parse_manifest

if TYPE_CHECKING:
    from interop.peers import Libtorrent


def linked(links: dict[str, str]) -> Doc:
    """``folder/inner`` and ``folder/deep/file`` beside a.bin and b.txt, and these links."""
    doc = good_doc()
    tree = doc[b"info"][b"file tree"]
    tree[b"folder"] = {b"inner": file_node(0), b"deep": {b"file": file_node(0)}}
    for link, target in links.items():
        *folders, name = link.encode().split(b"/")
        node = tree
        for folder in folders:
            node = node.setdefault(folder, {})
        node[name] = {b"": {b"attr": b"l", b"symlink path": target.encode().split(b"/")}}
    return doc


def resolved(links: dict[str, str]) -> dict[str, str]:
    files = parse_manifest(encoded(linked(links))).files
    return {"/".join(link): "/".join(target) for link, target in resolve_links(files).items()}


CHAIN = {f"link{number:03}": f"link{number + 1:03}" for number in range(MAX_HOPS - 1)}


@pytest.mark.parametrize(
    ("links", "leads_to"),
    [
        ({}, {}),
        ({"link": "a.bin"}, {"link": "a.bin"}),
        ({"folder/link": "a.bin", "other": "folder/deep"}, {"folder/link": "a.bin", "other": "folder/deep"}),
        ({"lib.so": "lib.so.1", "lib.so.1": "b.txt"}, {"lib.so": "b.txt", "lib.so.1": "b.txt"}),
        ({"lib.so.1": "b.txt", "a": "lib.so.1", "z": "lib.so.1"}, {"a": "b.txt", "lib.so.1": "b.txt", "z": "b.txt"}),
        ({"alias": "folder", "link": "alias/deep/file"}, {"alias": "folder", "link": "folder/deep/file"}),
        ({"x": "folder", "y": "x/deep", "z": "y/file"}, {"x": "folder", "y": "folder/deep", "z": "folder/deep/file"}),
        (
            {"folder/deep/link": "../../b.txt", "folder/link": "deep/file"},
            {"folder/deep/link": "b.txt", "folder/link": "folder/deep/file"},
        ),
        (
            {"folder/link": "deep", "folder/thru": "folder/link/file"},
            {"folder/link": "folder/deep", "folder/thru": "folder/deep/file"},
        ),
        ({"folder/b.txt": "a.bin", "folder/link": "b.txt"}, {"folder/b.txt": "a.bin", "folder/link": "b.txt"}),
        ({"bare/link": "a.bin", "to-bare": "bare"}, {"bare/link": "a.bin", "to-bare": "bare"}),
        (CHAIN | {f"link{MAX_HOPS - 1:03}": "a.bin"}, {f"link{number:03}": "a.bin" for number in range(MAX_HOPS)}),
    ],
)
def test_a_link_leads_to_a_file_or_folder_of_the_manifest(
    judge: Libtorrent, links: dict[str, str], leads_to: dict[str, str]
) -> None:
    assert resolved(links) == leads_to
    # The judge agrees: it points a link at itself that it does not like.
    theirs = judge.ask("load", encoded(linked(links)).hex())["links"]
    assert len(theirs) == len(links)
    assert all(link != target for link, target in theirs.items())


@pytest.mark.parametrize(
    "links",
    [
        {"link": "nothing"},
        {"link": "folder/nothing"},
        {"link": "../a.bin"},
        {"folder/link": "../../a.bin"},
        {"folder/link": "../../top/a.bin"},
        {"link": "folder/.."},
        {"folder/link": "/".join([".."] * 100_000)},
        {"link": "a.bin/below"},
        {"link": "link"},
        {"link": "link/deeper"},
        {"one": "two", "two": "one"},
        {"one": "two", "two": "three", "three": "one/x"},
        {"folder/up": "folder"},
        {"folder/deep/up": "folder"},
        {"alias": "folder", "folder/up": "alias"},
        {"alias": "folder", "link": "alias/nothing"},
        {"link": "/".join(["x"] * 100_000)},
        {"link": "/".join(["folder"] + ["x"] * MAX_DEPTH)},
        CHAIN | {f"link{MAX_HOPS - 1:03}": f"link{MAX_HOPS:03}", f"link{MAX_HOPS:03}": "a.bin"},
        CHAIN | {f"link{MAX_HOPS - 1:03}": "a.bin", "a-first": "link000"},
        CHAIN | {f"link{MAX_HOPS - 1:03}": "a.bin", "z-last": "link000"},
    ],
    ids=lambda links: next(iter(links.items()), ("", ""))[1][:20],
)
def test_any_other_link_is_refused(links: dict[str, str]) -> None:
    with pytest.raises(ManifestError, match="links to something that is not in this manifest") as caught:
        resolved(links)
    assert caught.value.rule == "link-outside"
