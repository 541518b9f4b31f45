"""Probes of a collection: which records are compared, what is stored and what is embedded for the answer."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from embedex.cli import main
from embedex.collection import Collection
from embedex.encoders.base import EncoderDescription
from embedex.errors import CollectionError, InputError, UnknownRecordError
from embedex.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from conftest import Museum

pytest.importorskip("sklearn")


class Telling:
    """Embeds the word after ``"word":``, so that blindness shows."""

    description = EncoderDescription("telling", "text", "telling", 5, "1", "", "none", "none")

    def __init__(self) -> None:
        self.read: list[str] = []

    def encode_documents(self, documents: Sequence[str]) -> NDArray[np.float32]:
        self.read += documents
        vectors = np.full((len(documents), 5), 0.1, np.float32)
        for row, text in enumerate(documents):
            data = json.loads(text)
            if data.get("word"):
                vectors[row, ["red", "green", "blue"].index(data["word"])] += 1
            vectors[row, 3:] += np.random.default_rng(data["id"]).random(2, np.float32)
        lengths: NDArray[np.float32] = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / lengths


def made(folder: Path, prefix: str = "") -> Collection:
    words = ("red", "green", "blue")
    records = [
        Record(str(n), {"id": n, f"{prefix}word": words[n % 3], f"{prefix}size": n / 7, f"{prefix}more": {"a": 1}})
        for n in range(60)
    ]
    records[5].data[f"{prefix}word"] = None
    return Collection.create(
        folder, records, title="Words", origin="made", id_path="id", strip_prefix=prefix, default_where="id < 57"
    )


def test_a_field_is_read_from_what_is_embedded_and_not_when_blind(tmp_path: Path) -> None:
    collection = made(tmp_path / "dex")
    encoder = Telling()
    probe = collection.probe("word", encoders=[encoder])
    assert (probe.kind, probe.count, probe.collection) == ("category", 56, "Words")
    assert probe.classes == [("green", 19), ("red", 19), ("blue", 18)]
    assert probe.readouts[1].name == "telling"
    assert [each.scores[0].value for each in probe.readouts[1:]] == [1, 1]
    assert "1 record without a value" in probe.notes
    assert len(encoder.read) == 56  # neither the record without a word nor those left out by default
    blind = collection.probe("word", encoders=[Telling()], blind=True)
    assert max(each.scores[0].value for each in blind.readouts[1:]) < 0.6
    assert "texts without the target's own field" in blind.caption()
    assert not (tmp_path / "dex" / "embeddings" / ".partial").exists()
    assert not collection.embeddings


def test_what_is_stored_is_not_embedded_again(tmp_path: Path) -> None:
    collection = made(tmp_path / "dex")
    encoder = Telling()
    collection.embed(text=encoder, image=None)
    read = len(encoder.read)
    stored = collection.probe("word", by=["text"])
    same = collection.probe("word", encoders=[encoder])
    assert len(encoder.read) == read
    assert [each.scores for each in stored.readouts] == [each.scores for each in same.readouts]
    assert stored.readouts == collection.probe("word").readouts  # what there is, is what is compared by default


def test_a_target_is_written_with_the_prefix_or_without(tmp_path: Path) -> None:
    collection = made(tmp_path / "dex", prefix="v2_")
    one = collection.probe("v2_word", encoders=[Telling()], blind=True)
    other = collection.probe("word", encoders=[Telling()], blind=True)
    assert one.readouts == other.readouts
    assert one.readouts[2].scores[0].value < 0.6  # the field is gone in both


def test_a_number_is_read_from_hand_made_features(tmp_path: Path) -> None:
    collection = made(tmp_path / "dex")
    seen = collection.probe("size", encoders=[collection.fit_features(["size"])])
    assert seen.kind == "number"
    assert seen.readouts[2].scores[0].value > 0.75
    blind = collection.probe("size", encoders=[collection.fit_features(["size", "word"])], blind=True)
    assert blind.readouts[2].scores[0].value < 0.2


def test_sides_are_compared_on_the_same_records(museum: Museum) -> None:
    collection = Collection.open(museum.dex)
    probe = collection.probe("department.wing.name", by=["text", "image", "fused", "map"])
    both = [
        record for record in museum.records if record["on_show"] and record["department"] and record["picture"]["file"]
    ]
    assert probe.count == len(both)
    assert [each.name for each in probe.readouts] == [
        "baseline",
        *[name for name in ("text", "image", "fused", "map") for _ in "12"],
    ]
    fewer = collection.probe("department.wing.name", by=["text"])
    assert fewer.count == sum(bool(record["on_show"] and record["department"]) for record in museum.records)
    assert all(each.beats for each in probe.readouts[1:])  # a wing has its colour, its words, and so its place


@pytest.mark.parametrize(
    ("target", "options", "error", "told"),
    [
        ("absent", {}, InputError, "leads to nothing in any record"),
        ("department", {}, InputError, "an object"),
        ("materials", {}, InputError, "a list"),
        ("accession", {}, InputError, "at least two classes"),
        ("year", {"neighbours": 0}, InputError, "0 neighbours"),
        ("year", {"by": ["text", "text"]}, InputError, "compared twice"),
        ("year", {"encoders": ["nonsense"]}, InputError, "no text encoder 'nonsense'"),
        ("year", {"by": ["map"], "map_name": "none"}, CollectionError, "no map 'none'"),
    ],
)  # fmt: skip
def test_what_cannot_be_probed_is_told(
    museum: Museum, target: str, options: dict[str, Any], error: type[Exception], told: str
) -> None:
    assert error is not UnknownRecordError
    with pytest.raises(error, match=told):
        Collection.open(museum.dex).probe(target, **options)


def test_nothing_embedded_is_told(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="not been embedded"):
        made(tmp_path / "dex").probe("word")


def test_the_command_line_prints_and_draws(museum: Museum, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dex, file = str(museum.dex), tmp_path / "f.json"
    assert main(["features", dex, "--paths", "year,maker.name,materials.name=category", "--as", str(file)]) == 0
    assert "materials.name   category" in capsys.readouterr().out
    command = ["probe", dex, "--target", "department.wing.name", "--by", "text,image", "--encoders", f"features:{file}"]
    assert main([*command, "--chart", str(tmp_path / "probe.png")]) == 0
    printed = capsys.readouterr().out
    assert "largest class" in printed
    assert "balanced accuracy" in printed
    assert (tmp_path / "probe.png").stat().st_size > 10_000
    assert main([*command, "--format", "json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole["metrics"] == ["balanced accuracy", "macro-F1", "accuracy"]
    assert [each["name"] for each in whole["readouts"][1::2]] == ["text", "image", f"features:{file}"]
    assert main([*command, "--format", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("compared,encoder,read by,balanced accuracy,balanced accuracy low")
    assert len(lines) == 1 + 7
    for wrong in (["--by", "taste"], ["--map", "x"], ["--encoders", "features:nowhere.json"]):
        assert main(["probe", dex, "--target", "year", *wrong]) == 2
    assert main(["features", dex, "--paths", "year=wish", "--as", str(file)]) == 2


def test_hand_made_features_embed_a_collection_and_are_mapped(museum: Museum, tmp_path: Path) -> None:
    dex = tmp_path / "dex"
    shutil.copytree(museum.dex, dex)
    assert main(["features", str(dex), "--as", str(tmp_path / "f.json")]) == 0
    assert main(["embed", str(dex), "--text", f"features:{tmp_path / 'f.json'}", "--image", "none"]) == 0
    assert main(["map", str(dex), "--by", "text", "--method", "pca", "--dims", "3", "--as", "solid"]) == 0
    collection = Collection.open(dex)
    assert collection.read_map("solid").coordinates.shape == (38, 3)
    # The stored description knows its file, so that texts can be embedded again without the target.
    blind = collection.probe("department.wing.name", by=["text"], blind=True)
    seen = collection.probe("department.wing.name", by=["text"])
    assert blind.readouts[1].scores[0].value <= seen.readouts[1].scores[0].value
    assert blind.readouts[1:] != seen.readouts[1:]
