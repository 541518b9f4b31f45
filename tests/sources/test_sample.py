"""The drawn sample: the same bytes every time, and everything the constants promise."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from embedex.documents import TextSettings, passages
from embedex.records import JsonPath, Record, Strictness
from embedex.sources import sample
from embedex.sources.files import read_records
from embedex.sources.pictures import check_pictures, find_pictures
from embedex.sources.sample_drawing import PALETTE, SIDE


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("sample")
    records, images = folder / "records.jsonl", folder / "deep" / "images"
    sample.write_sample(records, images)
    return records, images


@pytest.fixture(scope="module")
def records(drawn: tuple[Path, Path]) -> dict[str, Record]:
    strictness = Strictness(strict=True)
    found = read_records([drawn[0]], id_path=JsonPath.parse(sample.ID_PATH), strictness=strictness)
    return {record.id: record for record, _ in found}


def test_there_are_96_records_with_names_and_groups(records: dict[str, Record]) -> None:
    assert list(records) == [str(number) for number in range(1, 97)]
    name, group = JsonPath.parse(sample.NAME_PATH), JsonPath.parse(sample.GROUP_PATH)
    assert len({name.find(record.data) for record in records.values()}) == 96
    groups = [group.find(record.data) for record in records.values()]
    assert [groups.count(each) for each in dict.fromkeys(groups)] == [24, 24, 24, 24]
    assert list(dict.fromkeys(groups)) == ["first", "second", "third", "fourth"]


def test_every_picture_can_be_read_and_matched(drawn: tuple[Path, Path], records: dict[str, Record]) -> None:
    strictness = Strictness(strict=True)
    pictures, left = find_pictures(records, drawn[1], strictness=strictness)
    assert left == []
    assert set(records) - set(pictures) == {str(sample.NO_PICTURE)}
    assert len(check_pictures(pictures, strictness)) == 95
    assert sum(path.stat().st_size for path in pictures.values()) < 3_000_000


def test_only_one_picture_is_there_twice(drawn: tuple[Path, Path]) -> None:
    ids: dict[str, list[int]] = {}
    for path in drawn[1].iterdir():
        ids.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), []).append(int(path.stem))
    assert [sorted(each) for each in ids.values() if len(each) > 1] == [list(sample.SAME_PICTURE)]


def test_pictures_are_transparent_and_not_cut_off(drawn: tuple[Path, Path]) -> None:
    for family in sample.FAMILIES:
        for id_ in family.ids:
            if id_ != sample.NO_PICTURE:
                with Image.open(drawn[1] / f"{id_}.png") as picture:
                    assert picture.size == (SIDE, SIDE)
                    left, top, right, bottom = picture.getchannel("A").getbbox() or (0, 0, 0, 0)
                    assert min(left, top) > 0, id_
                    assert max(right, bottom) < SIDE, id_
                    assert max(right - left, bottom - top) > SIDE / 3, id_


def test_a_family_grows_from_stage_to_stage(drawn: tuple[Path, Path], records: dict[str, Record]) -> None:
    def area(id_: int) -> int:
        with Image.open(drawn[1] / f"{id_}.png") as picture:
            return sum(picture.getchannel("A").histogram()[128:])

    for family in sample.FAMILIES:
        looks = [records[str(id_)].data["look"] for id_ in family.ids]
        assert {(look["shape"], look["hue"], look["pattern"]) for look in looks} == {
            (family.shape, family.hue, family.pattern)
        }
        sizes = [look["size_mm"] for look in looks]
        assert sizes == sorted(sizes)
        drawn_ids = [id_ for id_ in family.ids if id_ not in (sample.NO_PICTURE, *sample.SAME_PICTURE)]
        areas = [area(id_) for id_ in drawn_ids]
        assert areas == sorted(areas), family


def test_families_and_oddities_share_out_all_records() -> None:
    ids = [id_ for family in sample.FAMILIES for id_ in family.ids]
    assert sorted([*ids, *sample.ODDITIES]) == list(range(1, 97))
    assert len({(family.shape, family.hue) for family in sample.FAMILIES}) == len(sample.FAMILIES)
    assert {family.hue for family in sample.FAMILIES} == set(sample.HUES) == set(PALETTE)
    assert {family.shape for family in sample.FAMILIES} == set(sample.SHAPES)


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (sample.LIKENESSES["What looks like an ice cream cone?"], "like an ice cream cone"),
        (sample.LIKENESSES["something that rolls like a wheel"], "wheel"),
        (sample.LIKENESSES["What looks like a candle and gives light?"], "like a candle"),
        (sample.LIKENESSES["a fish that swims"], "like a fish"),
    ],
)
def test_only_one_family_answers(records: dict[str, Record], ids: tuple[int, ...], words: str) -> None:
    answers = {id_ for id_, record in records.items() if words in json.dumps(record.data.get("notes"))}
    assert answers == {str(id_) for id_ in ids}


def test_the_demo_has_a_record_and_a_question(records: dict[str, Record]) -> None:
    assert [record.data["family"]["stage"] for record in records.values() if record.data["name"] == sample.RECORD] == [
        2
    ]
    assert sample.QUESTION in sample.LIKENESSES


def test_notes_are_prose(records: dict[str, Record]) -> None:
    oddities = {str(id_) for id_ in sample.ODDITIES}
    for id_, record in records.items():
        if id_ not in oddities:
            notes = passages(record, TextSettings())
            assert 2 <= len(notes) <= 4
            assert all(note.path == "notes.note" and note.text.endswith(".") for note in notes)
    assert [len(passages(records[id_], TextSettings())) for id_ in sorted(oddities)] == [0, 1, 1]


def test_the_same_bytes_every_time(drawn: tuple[Path, Path], tmp_path: Path) -> None:
    def digests(folder: Path) -> dict[str, Any]:
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    sample.write_sample(tmp_path / "records.jsonl", tmp_path / "images")
    assert (tmp_path / "records.jsonl").read_bytes() == drawn[0].read_bytes()
    assert digests(tmp_path / "images") == digests(drawn[1])
