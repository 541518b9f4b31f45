"""Matching anybody's pictures to records: what is found, what is checked, and what every bad picture is told."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image

from embedex.errors import InputError
from embedex.files import file_name
from embedex.records import Strictness
from embedex.sources.pictures import check_pictures, find_pictures, pictures_by_path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own; messages name files as a person in that folder would."""
    monkeypatch.chdir(tmp_path)
    return Path()


def picture(path: Path, colour: str = "red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3), colour).save(path)
    return path


def test_pictures_by_id(here: Path) -> None:
    folder = here / "images"
    for name in ("1.png", "2.JPG", "a%2Fb.webp", "x.gif", "e\u0301.png", "3.jpeg", "3.png", "3.PNG"):
        picture(folder / name)
    (folder / "1.txt").write_text("no picture")
    (folder / "4.png").mkdir()
    picture(folder / "below" / "5.png")
    strictness = Strictness()
    found, left = find_pictures(["3", "2", "1", "a/b", "é", "4", "5"], folder, strictness=strictness)
    names = {id_: path.name for id_, path in found.items()}
    assert names == {"3": "3.PNG", "2": "2.JPG", "1": "1.png", "a/b": "a%2Fb.webp", "é": "e\u0301.png"}
    assert list(found) == ["3", "2", "1", "a/b", "é"]
    assert [path.name for path in left] == ["x.gif"]
    assert [str(problem) for problem in strictness.problems] == [
        "images/3.png: a second picture of record '3', which has 3.PNG",
        "images/3.jpeg: a second picture of record '3', which has 3.PNG",
    ]


@pytest.mark.parametrize("id_", ["a/b", "a: b", "é/", "100%", ".x", "物" * 100, "e\u0301"])
def test_a_picture_is_found_by_its_encoded_name(here: Path, id_: str) -> None:
    """All that is no letter or digit may be encoded, or what a collection encodes."""
    for number, stem in enumerate((quote(id_, safe=""), file_name(id_))):
        if len(stem) < 250:
            path = picture(here / str(number) / f"{stem}.png")
            found, left = find_pictures(["other", id_], path.parent, strictness=Strictness(strict=True))
            assert (found, left) == ({id_: path}, [])


def test_links_stay_in_the_folder(here: Path) -> None:
    folder = here / "images"
    picture(folder / "1.png")
    outside = picture(here / "secret.png")
    (folder / "2.png").symlink_to(outside.resolve())
    (folder / "3.png").symlink_to("1.png")
    (folder / "4.png").symlink_to("nowhere.png")
    (folder / "5.png").symlink_to("5.png")
    strictness = Strictness()
    found, left = find_pictures("12345", folder, strictness=strictness)
    assert list(found) == ["1", "3"]
    assert left == []
    assert [str(problem) for problem in strictness.problems] == [
        "images/2.png: a link that leaves the folder, not followed",
        "images/4.png: a link that leads nowhere",
        "images/5.png: a link that leads nowhere",
    ]


def test_a_folder_that_cannot_be_used(here: Path) -> None:
    (here / "empty").mkdir()
    (here / "file").write_text("x")
    for name, told in (
        ("empty", "empty: holds no picture.\nA picture's file ends in .png"),
        ("file", "file: a file, not a folder of pictures."),
        ("absent", "absent: there is no such folder."),
    ):
        with pytest.raises(InputError) as caught:
            find_pictures(["1"], here / name, strictness=Strictness())
        assert str(caught.value).startswith(told)
    with pytest.raises(InputError, match="absent: there is no such folder"):
        pictures_by_path([], here / "absent", strictness=Strictness())


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("/etc/1.png", "is an absolute path; it must start from the folder"),
        ("C:\\1.png", "is an absolute path"),
        ("\\\\host\\share\\1.png", "is an absolute path"),
        ("../1.png", "leaves the folder by '..'"),
        ("in\\..\\..\\1.png", "leaves the folder by '..'"),
        ("https://example.org/1.png", "is a URL; only files in the folder are used"),
        ("data:image/png;base64,AAAA", "is a URL"),
        ("2.png", "is not in the folder"),
        ("in", "does not end in .png, .jpg"),
        ("", "does not end in .png"),
        ("out.png", "leaves the folder by a link"),
        ("linked/secret.png", "leaves the folder by a link"),
        ("a\0.png", "a\\x00.png"),  # what is told of it depends on Python's edition
        ("a" * 5000 + ".png", "cannot be a file's path (File name too long)"),
    ],
)
def test_pictures_by_path(here: Path, value: str, told: str) -> None:
    folder = here / "images"
    picture(folder / "in" / "1.png")
    secret = picture(here / "elsewhere" / "secret.png").resolve()
    (folder / "out.png").symlink_to(secret)
    (folder / "linked").symlink_to(secret.parent)
    strictness = Strictness()
    named = [("a", "in/1.png", "a.csv:2"), ("b", value, "a.csv:3"), ("c", "./in/1.png", "a.csv:4")]
    found = pictures_by_path(named, folder, strictness=strictness)
    assert found == {"a": folder / "in/1.png", "c": folder / "in/1.png"}
    (problem,) = strictness.problems
    assert problem.where == "a.csv:3"
    assert problem.what.startswith("its picture '")
    assert told in problem.what
    assert len(problem.what) < 200


def one_bit_png(width: int, height: int) -> bytes:
    """A white 1-bit PNG of any size, a few kilobytes long."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(1)
    row = b"\0" + b"\xff" * ((width + 7) // 8)
    data = b"".join([*(packer.compress(row * 500) for _ in range(height // 500)), packer.flush()])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_every_picture_is_decoded(here: Path) -> None:
    folder = here / "images"
    good = picture(folder / "good.png")
    cut = picture(folder / "cut.jpg").read_bytes()
    noise = bytes(range(256)) * 40
    (folder / "cut.jpg").write_bytes(cut[: len(cut) // 2])
    (folder / "noise.png").write_bytes(noise)
    (folder / "empty.png").touch()
    (folder / "large.png").write_bytes(one_bit_png(10_000, 6_001))
    (folder / "warned.png").write_bytes(one_bit_png(10_000, 10_000))
    (folder / "bomb.png").write_bytes(one_bit_png(20_000, 10_000))
    names = ("bomb", "cut", "empty", "good", "large", "noise", "same", "warned")
    pictures = {name: folder / f"{name}.{'jpg' if name == 'cut' else 'png'}" for name in names}
    pictures["same"] = good
    pictures["gone"] = folder / "gone.png"
    strictness = Strictness()
    seen: list[tuple[int, int]] = []
    kept = check_pictures(pictures, strictness, lambda done, total: seen.append((done, total)))
    assert kept == {"good": good, "same": good}
    assert seen == [(number, 8) for number in range(1, 9)]
    told = {problem.where.split("/")[1]: problem.what for problem in strictness.problems}
    assert "decompression bomb" in told.pop("bomb.png")
    assert told.pop("cut.jpg").startswith("not a picture that can be read (")
    assert told.pop("empty.png") == "an empty file, not a picture."
    large = told.pop("large.png")
    assert large == "10,000 x 6,001 pixels, 60 megapixels. A picture may have up to 50 megapixels."
    assert told.pop("noise.png").startswith("not a picture that can be read. Pictures are PNG, JPEG")
    assert "100 megapixels" in told.pop("warned.png")
    assert "No such file" in told.pop("gone.png")
    assert told == {}


def test_strict_stops_at_the_first_broken_picture(here: Path) -> None:
    path = here / "1.png"
    path.touch()
    with pytest.raises(InputError, match=r"1\.png: an empty file, not a picture"):
        check_pictures({"1": path, "2": picture(here / "2.png")}, Strictness(strict=True))
    assert check_pictures({}, Strictness()) == {}
