"""A file is whole or absent, whatever happens while it is written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

import pytest

from embedex.files import NAME_BYTES, atomic_bytes, atomic_write, file_name, sweep_parts

if TYPE_CHECKING:
    from pathlib import Path


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    atomic_bytes(path, b"old")
    atomic_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_may_seek(tmp_path: Path) -> None:
    def write(file: BinaryIO) -> None:
        file.write(b"....body")
        file.seek(0)
        file.write(b"head")

    atomic_write(tmp_path / "table", write)
    assert (tmp_path / "table").read_bytes() == b"headbody"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_in_the_middle_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "table"
    atomic_bytes(path, b"old")

    def write(file: BinaryIO) -> None:
        file.write(b"half of the ne")
        raise error

    with pytest.raises(error):
        atomic_write(path, write)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_sync_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table"
    atomic_bytes(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("embedex.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        atomic_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_content_is_synced_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    sync = os.fsync

    def watch(descriptor: int) -> None:
        seen.append((tmp_path / "table").exists())
        sync(descriptor)

    monkeypatch.setattr("embedex.files.os.fsync", watch)
    atomic_bytes(tmp_path / "table", b"content")
    assert seen[0] is False
    assert seen[1:] == ([] if os.name == "nt" else [True])  # then the folder, so that the name lasts as well


def test_a_new_file_has_the_permissions_any_new_file_has(tmp_path: Path) -> None:
    atomic_bytes(tmp_path / "ours", b"")
    (tmp_path / "any").write_bytes(b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic_bytes(tmp_path / "nowhere" / "table", b"")


def test_sweeps_only_unfinished_files(tmp_path: Path) -> None:
    for name in (".25.png.0123456789ab.part", ".26.png.ba9876543210.part", "25.png", "notes.part", ".hidden"):
        (tmp_path / name).write_bytes(b"")
    assert sweep_parts(tmp_path) == 2
    assert sorted(each.name for each in tmp_path.iterdir()) == [".hidden", "25.png", "notes.part"]
    assert sweep_parts(tmp_path / "nowhere") == 0


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("25", "25"),
        ("Mr. Mime (Galar) #2 & [x]", "Mr. Mime (Galar) #2 & [x]"),
        ("ピカチュウ", "ピカチュウ"),
        ("Ωμέγα é", "Ωμέγα é"),
        ("a/b", "a%2Fb"),
        ("../../x", "%2E.%2F..%2Fx"),
        (".", "%2E"),
        ("..", "%2E%2E"),
        (".hidden", "%2Ehidden"),
        ("end. ", "end.%20"),
        ("end.", "end%2E"),
        ("C:\\x", "C%3A%5Cx"),
        ('*?"<>|', "%2A%3F%22%3C%3E%7C"),
        ("100%", "100%25"),
        ("a%2Fb", "a%252Fb"),
        ("\x00\n\x7f\x9b", "%00%0A%7F%C2%9B"),
    ],
)
def test_a_file_name_stays_in_its_folder_and_says_what_it_is(text: str, name: str) -> None:
    assert file_name(text) == name


def test_a_long_text_has_a_short_name_of_its_own(tmp_path: Path) -> None:
    texts = ["物" * 30, "物" * 300, "物" * 299 + "品", "x" * 200, "x" * 201, "/" * 201, "é" * 101, "e\u0301" * 101]
    texts += ["é", "e\u0301", "e/\u0301"]
    names = [file_name(text) for text in texts]
    assert names[0] == texts[0]
    assert names[3] == texts[3]
    assert len(set(names)) == len(texts)
    assert max(len(name.encode()) for name in names) <= NAME_BYTES
    assert names[1].startswith("物" * 50)
    for name in names:
        atomic_bytes(tmp_path / f"{name}.jpeg", b"")
    assert len(list(tmp_path.iterdir())) == len(texts)
