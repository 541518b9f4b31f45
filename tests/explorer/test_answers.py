"""What is answered needs no server, is the library's, and is refused in the library's words."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from embedex.collection import Collection
from embedex.errors import CollectionError, InputError, UnknownRecordError
from embedex.explorer import columns, thumbnails
from embedex.explorer.answers import Answers

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Museum


@pytest.fixture(scope="module")
def folder(museum: Museum, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("answered") / "dex"
    shutil.copytree(museum.dex, to)
    return to


@pytest.fixture
def answers(folder: Path) -> Answers:
    return Answers(Collection.open(folder), keep_thumbnails=False)


def test_no_server_is_needed(folder: Path) -> None:
    """Not even one that is installed: the extra `explore` is for serving."""
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['fastapi', 'starlette', 'uvicorn', 'pydantic']));"
        "import embedex.explorer.export; from embedex.explorer.answers import Answers;"
        "from embedex.collection import Collection;"
        f"print(len(Answers(Collection.open({str(folder)!r})).summary().body))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 100


def test_the_nearest_are_those_of_the_library(answers: Answers) -> None:
    row = answers.index.ids.index("M-05")
    held = answers.similar(row, k=4, by="image", per_group=False, map_name="", weight=None)
    found = answers.collection.similar("M-05", k=4, by="image")
    told = [(each["name"], each["score"]) for each in json.loads(held.body)["hits"]]
    assert told == [(hit.item.name, hit.score) for hit in found.hits]


def test_what_is_not_there_is_refused(answers: Answers) -> None:
    for row in (-1, 40, 10**9):
        with pytest.raises(UnknownRecordError):
            answers.record(row)
        with pytest.raises(UnknownRecordError):
            answers.picture(row)
    for page in (-1, 1):
        with pytest.raises(CollectionError):
            answers.thumbnail(page)
    with pytest.raises(CollectionError, match="no map"):
        answers.map_array("../maps/pca", "places")
    with pytest.raises(InputError, match="no part"):
        answers.square("text", 16, 5, 5)
    with pytest.raises(CollectionError, match="no picture"):
        answers.picture(answers.index.ids.index("M-13"))


def test_no_picture_leads_out_of_the_folder_of_pictures(folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / "dex"
    shutil.copytree(folder, copied)
    answers = Answers(Collection.open(copied), keep_thumbnails=False)
    pictures = answers.index.pictures
    there = copied / "images" / str(pictures[0])
    for outside in (tmp_path / "secret.png", copied / "secret.png"):
        shutil.copyfile(there, outside)
    (copied / "images" / "link.png").symlink_to(tmp_path / "secret.png")
    assert answers.picture(0).path == there.resolve()
    for name in ("../secret.png", "../../secret.png", str(tmp_path / "secret.png"), "link.png", ".", "../images"):
        pictures[0] = name
        with pytest.raises(CollectionError, match="gone, or is none"):
            answers.picture(0)


def test_pages_of_thumbnails_are_kept_only_where_that_is_wanted(folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / "dex"
    shutil.copytree(folder, copied)
    shutil.rmtree(copied / thumbnails.FOLDER, ignore_errors=True)
    drawn = Answers(Collection.open(copied), keep_thumbnails=False).thumbnail(0)
    assert not (copied / thumbnails.FOLDER).exists()
    assert Answers(Collection.open(copied)).thumbnail(0).body == drawn.body
    assert len(list((copied / thumbnails.FOLDER).iterdir())) == 1


def test_several_columns_are_those_that_are_read_one_by_one(answers: Answers) -> None:
    paths = ["department.wing.name", "year", "on_show", "materials[0].name", "no.such.field"]
    found = list(columns.several(answers.questions.data(), paths))
    assert found[:-1] == [columns.column(answers.questions.data(), path) for path in paths[:-1]]
    assert isinstance(found[-1], InputError)
    with pytest.raises(InputError, match="leads to no value"):
        columns.column(answers.questions.data(), paths[-1])
    assert np.frombuffer(found[1].data, "<f4").tolist() == [1730 + 3 * number for number in range(1, 41)]  # type: ignore[union-attr]
