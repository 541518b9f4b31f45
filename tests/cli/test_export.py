"""`embedex export`: what it says, and what it refuses."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from embedex.cli import main
from embedex.explorer import export

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Museum

pytestmark = pytest.mark.skipif(not (export.STATIC / "index.html").exists(), reason="the front end has not been built")


def test_it_says_how_much_there_is_and_how_to_look_at_it(
    museum: Museum, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "a site"
    assert main(["export", str(museum.dex), "--html", str(site)]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{site / 'index.html'}\n"
    written = [path for path in site.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in written) / 2**20
    assert f"{len(written):,} files, {size:.1f} MB" in printed.err
    assert f"python -m http.server --directory '{site}'" in printed.err
    assert "Left out" not in printed.err
    assert main(["export", str(museum.dex), "--html", str(site)]) == 0, "an export of before is replaced"


def test_what_is_left_out_is_said(
    museum: Museum, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MOST_BYTES", 100)
    assert main(["export", str(museum.dex), "--html", str(tmp_path / "site")]) == 0
    said = capsys.readouterr().err
    assert "Left out: By text, and what follows from it: the vectors of 40 records would be" in said
    assert "Left out: By picture" in said


def test_a_folder_of_other_things_is_refused(
    museum: Museum, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    assert main(["export", str(museum.dex), "--html", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "is not empty, and no export of embedex" in told.err
    assert "notes.txt" in told.err
    assert (tmp_path / "notes.txt").read_text("utf-8") == "mine"


def test_it_wants_a_collection_and_somewhere_to_write(
    museum: Museum, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["export", str(museum.dex)])
    assert ended.value.code == 2
    assert "--html" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "nowhere"), "--html", str(tmp_path / "site")]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_collection_that_has_only_records_can_be_exported(museum: Museum, tmp_path: Path) -> None:
    """Not yet embedded, without a map: what there is."""
    dex = tmp_path / "dex"
    shutil.copytree(museum.dex, dex)
    for folder in ("embeddings", "maps"):
        shutil.rmtree(dex / folder)
    assert main(["export", str(dex), "--html", str(tmp_path / "site")]) == 0
    assert (tmp_path / "site" / "data" / "records" / "0.json").exists()
    assert not (tmp_path / "site" / "data" / "vectors").exists()
