"""A museum's pieces, which are no Pokémon, go through every verb; and their file's format changes nothing."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from embedex import weights
from embedex.cli import main
from embedex.collection import Collection
from embedex.tokens import BPE, WORDPIECE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Museum

    Ask = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("offline")

WING = {"Clocks", "Textiles", "Glass", "Arms"}


@pytest.fixture(scope="module")
def dex(museum: Museum, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The museum's collection, made from its files by the commands themselves."""
    folder = tmp_path_factory.mktemp("own") / "dex"
    assert main(museum.making(folder)) == 0
    assert main(["embed", str(folder)]) == 0
    return folder


@pytest.fixture
def ask(dex: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs a verb on the collection and gives its JSON."""

    def asked(verb: str, *arguments: str) -> Any:
        capsys.readouterr()
        assert main([verb, str(dex), *arguments, "--format", "json"]) == 0
        return json.loads(capsys.readouterr().out)

    return asked


def ids(answer: Any) -> list[str]:
    return [hit["item"]["id"] for hit in answer["hits"]]


def wing(answer: Any) -> list[str | None]:
    return [hit["item"]["group"] for hit in answer["hits"]]


def test_new_reads_nested_records_and_pictures_by_their_path(dex: Path, museum: Museum) -> None:
    collection = Collection.open(dex)
    assert [collection.record(id_).data for id_ in collection.ids] == museum.records
    item = collection.item("kovács tapestry 1")
    assert (item.id, item.group) == ("M-01", "Textiles")
    assert item.picture is not None
    source = museum.pictures / museum.records[0]["picture"]["file"]
    assert item.picture.read_bytes() == source.read_bytes()
    assert collection.item("M-40").group is None
    assert collection.item("M-13").picture is None


def test_info_counts_what_there_is(ask: Ask) -> None:
    told = ask("info")
    assert (told["records"], told["pictures"], told["groups"]) == ("40", "38", "4")


@pytest.mark.skipif(
    any(weights.find(file) is None for file in (WORDPIECE, BPE)), reason="the tokenizers are not on this machine"
)
def test_tokens_add_up_by_path(ask: Ask, museum: Museum) -> None:
    told = ask("tokens")
    assert [each["kind"] for each in told["tokenizers"]] == ["WordPiece", "BPE"]
    pieces = told["tokenizers"][0]["counts"]
    assert pieces.keys() == {record["accession"] for record in museum.records}
    assert sum(told["by_path"].values()) == sum(pieces.values()) - 2 * len(pieces)
    assert "department.wing.name" in told["by_path"]
    assert max(told["by_path"], key=told["by_path"].__getitem__) == "notes"


def test_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--format", "json"]) == 0
    ready = {each["model"]: each["here and now"] for each in json.loads(capsys.readouterr().out)}
    assert ready["descriptor"] == "ready"


@pytest.mark.parametrize("by", [["image"], ["fused", "--image-weight", "0.5"]])
def test_a_piece_looks_most_like_those_of_its_own_wing(ask: Ask, by: list[str]) -> None:
    answer = ask("similar", "M-01", "-k", "5", "--by", *by)
    assert wing(answer) == ["Textiles"] * 5
    assert answer["basis"]["by"] == by[0]


def test_a_piece_reads_most_like_those_of_its_own_wing_or_maker(ask: Ask, museum: Museum) -> None:
    answer = ask("similar", "M-01", "-k", "5")
    own = museum.records[0]
    alike = {
        each["accession"]
        for each in museum.records
        if each["department"] and (each["maker"] == own["maker"] or each["department"] == own["department"])
    }
    assert set(ids(answer)) <= alike
    assert wing(answer)[0] == "Textiles"


def test_each_wing_has_its_first(ask: Ask) -> None:
    answer = ask("similar", "M-01", "-k", "2", "--per-group")
    assert sorted(wing(answer), key=str) == sorted([*WING, *WING, None], key=str)
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2, 1, 2, 1, 2, 1, 2, 1]


def test_pieces_in_the_store_room_are_left_out_unless_all_are_asked_for(ask: Ask) -> None:
    stored = {"M-08", "M-09"}
    assert not stored & set(ids(ask("similar", "M-01", "-k", "40")))
    assert stored <= set(ids(ask("similar", "M-01", "-k", "40", "--all")))
    assert set(ids(ask("similar", "M-01", "-k", "40", "--all", "--where", "NOT on_show"))) == stored


def test_a_nested_field_can_be_asked_for(ask: Ask) -> None:
    answer = ask("similar", "M-01", "-k", "40", "--where", "department.wing.floor = 2 AND year > 1800")
    assert set(wing(answer)) == {"Glass"}
    assert answer["basis"]["count"] == len(ids(answer)) > 0


def test_the_odd_one_out_is_unusual(tmp_path: Path, museum: Museum, capsys: pytest.CaptureFixture[str]) -> None:
    odd = {"accession": "M-99", "title": "?", "on_show": True, "barcode": list(range(40))}
    lines = tmp_path / "pieces.jsonl"
    lines.write_text(museum.lines.read_text("utf-8") + json.dumps(odd) + "\n", "utf-8")
    assert main(["new", str(tmp_path / "dex"), str(lines), "--id", "accession"]) == 0
    assert main(["embed", str(tmp_path / "dex")]) == 0
    capsys.readouterr()
    assert main(["unusual", str(tmp_path / "dex"), "-k", "1", "--format", "json"]) == 0
    assert ids(json.loads(capsys.readouterr().out)) == ["M-99"]


@pytest.mark.parametrize(
    ("question", "answer_wing"),
    [("Which one strikes the hour?", "Clocks"), ("hounds and hunting", "Textiles"), ("officer at war", "Arms")],
)
def test_a_question_finds_the_wing_that_answers_it(ask: Ask, question: str, answer_wing: str) -> None:
    answer = ask("ask", question, "-k", "3")
    assert wing(answer) == [answer_wing] * 3
    assert answer["against"] == "passages"
    assert {hit["passage_path"] for hit in answer["hits"]} == {"notes"}


def test_pieces_of_a_wing_are_more_alike_than_pieces_of_two(ask: Ask) -> None:
    told = ask("heatmap", "--by", "text", "--centred")
    assert set(told["groups"]) == {*WING, "–"}
    means = np.array(told["means"], float)[:4, :4]
    assert (means.diagonal() > (means.sum(axis=1) - means.diagonal()) / 3).all()
    assert told["count"] == 38


@pytest.mark.parametrize(("method", "dimensions"), [("umap", "2"), ("umap", "3"), ("pca", "2"), ("pca", "3")])
def test_a_map_places_every_piece_and_answers_what_is_near(ask: Ask, method: str, dimensions: str) -> None:
    name = f"{method}-{dimensions}"
    told = ask("map", "--method", method, "--dims", dimensions, "--by", "text", "--as", name)
    places = np.array(told["coordinates"])
    assert places.shape == (38, int(dimensions))
    assert np.isfinite(places).all()
    assert len(np.unique(places.round(6), axis=0)) > 30
    assert (told["parameters"]["method"], told["missing"]) == (method, 0)
    near = ask("similar", "M-01", "-k", "3", "--by", "map", "--map", name)
    order = [each["id"] for each in told["items"]]
    distances = np.linalg.norm(places - places[order.index("M-01")], axis=1)
    assert {hit["score"] for hit in near["hits"]} == {None}
    assert ids(near) == [order[place] for place in np.argsort(distances, kind="stable")[1:4]]
    assert [hit["distance"] for hit in near["hits"]] == pytest.approx(np.sort(distances)[1:4], rel=1e-5)


def test_the_same_map_is_fitted_twice(ask: Ask) -> None:
    first = ask("map", "--by", "text", "--as", "twice")
    assert ask("map", "--by", "text", "--as", "twice") == first
    assert ask("map", "--by", "text", "--as", "twice", "--seed", "1")["coordinates"] != first["coordinates"]


def test_charts_draws_one_of_each_kind_whatever_maps_there_are(
    dex: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("mine", "yours", "pca"):
        command = ["map", str(dex), "--method", "pca", "--by", "text", "--as", name, "--format", "csv"]
        assert main(command) == 0
    command = ["charts", str(dex), "--to", str(tmp_path), "--record", "M-02", "--question", "Who wove it?"]
    assert main(command) == 0
    assert f"Open {tmp_path / 'index.html'}" in capsys.readouterr().err
    drawn = {path.name for path in tmp_path.iterdir()}
    kinds = {"similar-text", "similar-image", "similar-map", "heatmap-text", "unusual-image", "answers", "map"}
    assert {f"{kind}.{ending}" for kind in kinds for ending in ("png", "svg")} <= drawn
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "Who wove it?" in page
    assert "Mori goblet 2" in page
    assert all(f"{kind}.png" in page for kind in kinds)


def test_charts_all_draws_three_strips_of_each_piece_that_has_them(
    dex: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["map", str(dex), "--method", "pca", "--format", "csv"]) == 0  # fused: M-13 has no place
    where = "_id IN ('M-01', 'M-13', 'M-40')"
    assert main(["charts", str(dex), "--to", str(tmp_path), "--all", "--where", where, "--jobs", "1"]) == 0
    assert f"7 charts are in {tmp_path / 'strips'}" in capsys.readouterr().err
    assert {path.name for path in (tmp_path / "strips").iterdir()} == {
        *(f"{id_}-{by}.png" for id_ in ("M-01", "M-40") for by in ("text", "image", "map")),
        "M-13-text.png",
    }


# ── four formats ────────────────────────────────────────────────────────────────────────────────────


def flat(museum: Museum) -> list[dict[str, Any]]:
    """Records that a table can hold, with every kind of cell: text, whole, broken, yes or no, and nothing."""
    return [
        {
            "id": number,
            "title": record["label"]["title"],
            "year": record["year"],
            "weight": record["year"] / 16,
            "on_show": record["on_show"],
            "wing": (record["department"] or {}).get("wing", {}).get("name"),
            "note": record["notes"][1],
        }
        for number, record in enumerate(museum.records, 1)
    ]


def write_jsonl(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(each, ensure_ascii=False)}\n" for each in records), "utf-8")


def write_json(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps(records, ensure_ascii=False, indent=2), "utf-8")


def write_csv(path: Path, records: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, records[0])
        writer.writeheader()
        writer.writerows(
            {key: str(value).lower() if isinstance(value, bool) else value for key, value in each.items()}
            for each in records
        )


def write_parquet(path: Path, records: list[dict[str, Any]]) -> None:
    pl.DataFrame(records).write_parquet(path)


WRITERS = {"jsonl": write_jsonl, "json": write_json, "csv": write_csv, "parquet": write_parquet}


def test_the_format_of_the_file_changes_neither_vectors_nor_neighbours(
    museum: Museum, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers, files = {}, {}
    for ending, write in WRITERS.items():
        path, dex = tmp_path / f"pieces.{ending}", tmp_path / ending
        write(path, flat(museum))
        assert main(["new", str(dex), str(path), "--name", "title", "--group", "wing", "--title", "Museum"]) == 0
        assert main(["embed", str(dex)]) == 0
        capsys.readouterr()
        assert main(["similar", str(dex), "7", "-k", "2", "--per-group", "--format", "json"]) == 0
        answers[ending] = json.loads(capsys.readouterr().out)
        files[ending] = [(dex / name).read_bytes() for name in ("records.jsonl", "embeddings/text.parquet")]
    assert len(ids(answers["jsonl"])) == 9
    assert len({json.dumps(answer) for answer in answers.values()}) == 1
    assert all(content == files["jsonl"] for content in files.values())
