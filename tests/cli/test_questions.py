"""Every verb that answers something, in every format; and what it says when it cannot."""

from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from embedex.cli import main, output
from embedex.collection import Collection
from embedex.results import TokenCounts, TokenReport

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Museum

    Run = Callable[..., "Printed"]

ANSWERING = {
    "info": ["info", "DEX"],
    "models": ["models"],
    "similar": ["similar", "DEX", "M-01", "-k", "3"],
    "similar per group": ["similar", "DEX", "reyes CLOCK 20", "-k", "1", "--per-group", "--by", "fused"],
    "similar in the map": ["similar", "DEX", "M-01", "-k", "3", "--by", "map"],
    "unusual": ["unusual", "DEX", "-k", "4", "--by", "image", "--centred"],
    "ask": ["ask", "DEX", "Who wove hounds?", "-k", "3"],
    "ask records": ["ask", "DEX", "Who wove hounds?", "-k", "3", "--against", "records", "--raw"],
    "similar calibrated": ["similar", "DEX", "M-01", "-k", "3", "--calibrate", "--remove-top", "2"],
    "similar to a sum": ["similar", "DEX", 'M-01 - M-02 + "wool and silk"', "-k", "3"],
    "unusual calibrated": ["unusual", "DEX", "-k", "3", "--calibrate"],
    "disagree": ["disagree", "DEX", "-k", "3"],
    "disagree records": ["disagree", "DEX", "-k", "3", "--of", "records", "--neighbours", "5"],
    "quality": ["quality", "DEX"],
    "quality records": ["quality", "DEX", "--of", "records"],
    "heatmap": ["heatmap", "DEX", "--by", "text"],
    "map": ["map", "DEX", "--method", "pca", "--by", "text", "--dims", "3", "--as", "solid"],
}
"""One command line for each kind of answer; DEX stands for the collection."""

CAPTIONS = {
    "info": "dex",
    "models": "wordllama",
    "similar": "Museum · text by wordllama · 37 records · centred cosine",
    "similar per group": "Museum · text and pictures by wordllama + descriptor · 35 records · centred cosine",
    "similar in the map": "Museum · places in the map by pca of wordllama + descriptor · 35 records · distance",
    "unusual": "Museum · pictures by descriptor · 36 records · centred cosine",
    "ask": "Museum · text by wordllama · 38 records · centred cosine · score: mean of its best passage and of all",
    "ask records": "Museum · text by wordllama · 38 records · cosine · against records",
    "similar calibrated": "Museum · text by wordllama · 37 records · centred cosine · without the top 2 principal",
    "similar to a sum": "Museum · text by wordllama · 36 records · centred cosine · as words: wool and silk",
    "unusual calibrated": "Museum · text by wordllama · 38 records · cosine · percentile: share of all 703 pairs",
    "disagree": "Museum · text and pictures by wordllama + descriptor · 36 records · centred cosine · on average",
    "disagree records": "Museum · text and pictures by wordllama + descriptor · 36 records · centred cosine",
    "quality": "Museum · text by wordllama · 38 records · cosine · rank correlation",
    "quality records": "Museum · text by wordllama · 38 records · cosine",
    "heatmap": "Museum · text by wordllama · 38 records · cosine",
    "map": "Museum · places in the map by pca of wordllama · 38 records · distance",
}


@dataclass(frozen=True)
class Printed:
    code: int
    out: str
    err: str


@pytest.fixture
def run(museum: Museum, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line on a copy of the museum, and tells what it printed."""
    dex = shutil.copytree(museum.dex, tmp_path / "museum" / "dex")

    def ran(*arguments: str) -> Printed:
        capsys.readouterr()
        code = main([str(dex) if each == "DEX" else each for each in arguments])
        return Printed(code, *capsys.readouterr())

    return ran


WORD_VECTORS = "man 1 0 0\nwoman 1 1 0\nking 1 0 2\nqueen 1 1.1 2\nprince 0.9 0 1.9\nreeds -1 0.2 -1\n"


def test_an_analogy_takes_the_first_word_away(run: Run, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text(WORD_VECTORS)
    asked = ["analogy", "man", "woman", "king", "--vectors", str(tmp_path / "words.txt"), "-k", "2"]
    printed = run(*asked)
    assert (printed.code, printed.err) == (0, "")
    assert "man is to woman as king is to … · words.txt · 6 words · cosine" in plain(printed.out)
    whole = json.loads(run(*asked, "--format", "json").out)
    unit = {
        word: np.asarray(numbers, float) / np.linalg.norm(np.asarray(numbers, float))
        for word, *numbers in (line.split() for line in WORD_VECTORS.splitlines())
    }
    target = unit["woman"] + unit["king"] - unit["man"]
    want = float(unit["queen"] @ target / np.linalg.norm(target))
    assert [hit["word"] for hit in whole["hits"]] == ["queen", "prince"], "and none of the three that were asked with"
    assert whole["hits"][0]["score"] == pytest.approx(want, abs=1e-6)
    assert run(*asked, "--format", "csv").out.splitlines()[0] == "rank,word,score"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["man", "woman", "kimg"], "There is no word 'kimg' among the 6 word vectors.\nClose to it: king"),
        (["man", "woman", "king", "-k", "0"], "k is 0."),
        (["man", "woman", "king", "--vectors", "nowhere.vec"], "nowhere.vec cannot be read"),
    ],
)
def test_an_analogy_that_cannot_be_says_why(run: Run, tmp_path: Path, arguments: list[str], told: str) -> None:
    (tmp_path / "words.txt").write_text(WORD_VECTORS)
    printed = run("analogy", "--vectors", str(tmp_path / "words.txt"), *arguments)
    assert printed.code == 2
    assert told in printed.err


def plain(text: str) -> str:
    """Without the line breaks that a narrow terminal asks for."""
    return " ".join(text.split())


@pytest.mark.parametrize("kind", ANSWERING)
def test_a_table_states_what_its_numbers_rest_on(run: Run, kind: str) -> None:
    printed = run(*ANSWERING[kind])
    assert printed.code == 0
    assert CAPTIONS[kind] in plain(printed.out)


@pytest.mark.parametrize("kind", ANSWERING)
def test_json_can_be_read_and_states_what_its_numbers_rest_on(run: Run, kind: str) -> None:
    printed = run(*ANSWERING[kind], "--format", "json")
    whole: Any = json.loads(printed.out)
    if kind == "models":
        assert {"wordllama", "descriptor"} <= {each["model"] for each in whole}
    elif kind == "info":
        assert (whole["title"], whole["records"]) == ("Museum", "40")
    else:
        assert whole["basis"]["collection"] == "Museum"
        assert f"{whole['basis']['count']} records" in CAPTIONS[kind]
        assert whole["basis"]["measure"] in CAPTIONS[kind]


@pytest.mark.parametrize("kind", ANSWERING)
def test_csv_can_be_read_and_holds_the_rows_of_the_table(run: Run, kind: str) -> None:
    printed = run(*ANSWERING[kind], "--format", "csv")
    head, *rows = csv.reader(io.StringIO(printed.out))
    assert rows
    assert {len(row) for row in rows} == {len(head)}
    if kind == "map":  # its table for people holds the settings instead
        assert (head, len(rows)) == (["id", "name", "group", "x", "y", "z", "kept"], 38)
        return
    table = plain(run(*ANSWERING[kind]).out)
    no_room = ("path", "source", "settings", "first id", "second id", "text score", "picture score")
    assert all(word in table for word in head if word not in no_room)
    assert all(rows[0][head.index(name)] in table for name in ("name", "model", "what") if name in head)


def test_the_formats_agree_on_every_number(run: Run) -> None:
    command = ["similar", "DEX", "M-01", "-k", "30"]
    whole = json.loads(run(*command, "--format", "json").out)
    rows = list(csv.DictReader(io.StringIO(run(*command, "--format", "csv").out)))
    assert [row["id"] for row in rows] == [hit["item"]["id"] for hit in whole["hits"]]
    assert [float(row["score"]) for row in rows] == [hit["score"] for hit in whole["hits"]]
    assert len(rows) == 30
    table = run(*command).out
    assert all(f"{float(row['score']):.3f}" in table for row in rows)


def test_the_command_line_gives_what_the_library_gives(run: Run, museum: Museum) -> None:
    options = ["-k", "4", "--by", "image", "--raw", "--all", "--where", "year < 1800"]
    whole = json.loads(run("similar", "DEX", "M-08", *options, "--format", "json").out)
    result = Collection.open(museum.dex).similar(
        "M-08", k=4, by="image", centred=False, everything=True, where="year < 1800"
    )
    assert [(hit["item"]["id"], hit["score"]) for hit in whole["hits"]] == [
        (hit.item.id, pytest.approx(hit.score)) for hit in result.hits
    ]
    assert whole["basis"]["measure"] == "cosine"


def test_a_long_table_says_how_to_get_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    output.show(output.Table(["n"], [[number] for number in range(75)]), "table")
    assert "and 15 more; --format csv prints them all" in capsys.readouterr().out


def test_a_name_with_brackets_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    output.show(output.Table(["name"], [["[bold]x[/bold] [/]"]], "[red] caption"), "table")
    printed = capsys.readouterr().out
    assert "[bold]x[/bold] [/]" in printed
    assert "[red] caption" in printed


def test_the_mean_of_no_pairs_is_a_dash_and_null(run: Run) -> None:
    """The one piece without a wing has no other to be compared with in its group."""
    table = plain(run("heatmap", "DEX").out)
    last = json.loads(run("heatmap", "DEX", "--format", "json").out)
    assert (last["groups"][-1], last["means"][-1][-1]) == ("–", None)
    assert table.split("Museum")[0].rstrip().endswith("–")
    assert "nan" not in table


def test_info_tells_what_there_is_and_what_is_not(run: Run) -> None:
    whole = json.loads(run("info", "DEX", "--format", "json").out)
    assert whole["records"] == "40"
    assert whole["compared by default"] == "38, on_show"
    assert whole["pictures"] == "38"
    assert whole["groups"] == "4"
    assert whole["text embedding"] == "wordllama, 256 dimensions"
    assert whole["image embedding"] == "descriptor, 576 dimensions"
    assert "pca" in whole["maps"]


def test_tokens_are_counted_by_tokenizer_and_by_path(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.array([3, 600, 9000], np.int64)
    report = TokenReport(
        "Museum",
        ["a", "b", "c"],
        [TokenCounts("pieces", "WordPiece", counts), TokenCounts("pairs", "BPE", counts // 2)],
        [("notes", 9000), ("year", 603)],
    )
    monkeypatch.setattr(Collection, "tokens", lambda self, **_: report)
    table = plain(run("tokens", "DEX").out)
    assert "pieces WordPiece 600.0 9,000 66.7% 33.3% 33.3%" in table
    assert "notes 9,000 93.7%" in table
    assert "Museum · 3 records" in table
    whole = json.loads(run("tokens", "DEX", "--format", "json").out)
    assert whole["tokenizers"][1]["counts"] == {"a": 1, "b": 300, "c": 4500}
    assert whole["by_path"] == {"notes": 9000, "year": 603}
    rows = list(csv.DictReader(io.StringIO(run("tokens", "DEX", "--format", "csv").out)))
    assert [row["tokenizer"] for row in rows] == ["pieces", "pairs"]


@pytest.mark.parametrize("kind", ["similar", "similar per group", "unusual", "ask", "heatmap", "map"])
@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_chart_is_drawn_into_the_very_file_that_was_named(run: Run, kind: str, ending: str, tmp_path: Path) -> None:
    chart = tmp_path / "new folder" / f"my.chart.{ending}"
    printed = run(*ANSWERING[kind], "--chart", str(chart))
    assert printed.code == 0
    assert f"Drawn: {chart}" in printed.err
    assert [path.name for path in chart.parent.iterdir()] == [chart.name]
    start = chart.read_bytes()[:8]
    assert start == b"\x89PNG\r\n\x1a\n" if ending == "png" else start.startswith(b"<?xml")


def test_a_map_for_people_says_where_its_places_are(run: Run) -> None:
    printed = run(*ANSWERING["map"])
    assert "method pca" in plain(printed.out)
    assert "trustworthiness 0." in plain(printed.out)
    assert "of 10 nearest kept" in plain(printed.out)
    assert "maps/solid.parquet" in printed.err


def test_of_too_few_records_for_umap_a_map_is_a_pca_unless_a_method_is_named(run: Run) -> None:
    printed = run("map", "DEX", "--by", "text", "--where", "year < 1740", "--as", "few")
    assert printed.code == 0
    assert "method pca" in plain(printed.out)
    assert "So this map is a PCA." in printed.err


REFUSED = {
    "a record that is misspelt": (["similar", "DEX", "Reyes clok 20"], "Perhaps 'Reyes clock 20' or "),
    "a record that nobody has": (["similar", "DEX", "\x00 ☃"], "No record has the id or name"),
    "no answers": (["similar", "DEX", "M-01", "-k", "0"], "k is 0; it must be at least 1."),
    "fewer than no answers": (["unusual", "DEX", "-k", "-1"], "k is -1; it must be at least 1."),
    "no answers to a question": (["ask", "DEX", "hounds?", "-k", "0"], "k is 0; it must be at least 1."),
    "a condition that nothing fulfils": (["similar", "DEX", "M-01", "--where", "year < 0"], "No other record is left"),
    "an empty question": (["ask", "DEX", " "], "The question is empty."),
    "pictures that words cannot meet": (["ask", "DEX", "red?", "--against", "pictures"], "do not share a space"),
    "a condition that is no SQL": (["similar", "DEX", "M-01", "--where", "yeer > 3"], "yeer"),
    "a condition that would write": (["unusual", "DEX", "--where", "1=1); DROP TABLE records; --"], "--where"),
    "a record without a picture": (["similar", "DEX", "M-13", "--by", "image"], "has no picture"),
    "a record without a place": (["similar", "DEX", "M-13", "--by", "map", "--map", "pca"], "no place in that map"),
    "an unknown map": (["similar", "DEX", "M-01", "--by", "map", "--map", "mercator"], "There are: pca"),
    "a map of too few": (["map", "DEX", "--method", "umap", "--where", "year < 1740", "--as", "few"], "--method pca"),
    "a map of one neighbour": (["map", "DEX", "--neighbours", "1"], "At least 2."),
    "seeds of what has none": (["map", "DEX", "--method", "pca", "--seeds", "3"], "a PCA has no seed"),
    "a weight without pictures": (["similar", "DEX", "M-01", "--image-weight", "0.5"], "Add --by fused"),
    "a weight beyond all": (["heatmap", "DEX", "--by", "fused", "--image-weight", "2"], "From 0 to 1"),
    "a map of nothing": (["map", "DEX", "--method", "pca", "--where", "false"], "No record is left"),
    "a map that leaves the folder": (["map", "DEX", "--method", "pca", "--as", "../x"], "cannot name a map"),
    "a heatmap of nothing": (["heatmap", "DEX", "--where", "false"], "No record is left"),
    "one unusual record": (["unusual", "DEX", "--by", "map", "--where", "_id = 'M-01'"], "at least two"),
    "an unknown text encoder": (["embed", "DEX", "--text", "word2vec"], "There are: wordllama"),
    "an unknown image encoder": (["embed", "DEX", "--image", "klip"], "There are: descriptor"),
    "charts of a record that is none": (["charts", "DEX", "--record", "nobody"], "No record has the id or name"),
    "charts with a condition for all": (["charts", "DEX", "--where", "true"], "Add --all"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_answered_is_said_in_a_sentence_and_ends_with_2(run: Run, kind: str, tmp_path: Path) -> None:
    arguments, message = REFUSED[kind]
    to = ["--to", str(tmp_path)] if arguments[0] == "charts" else []
    printed = run(*arguments, *to)
    assert printed.code == 2
    assert printed.err.startswith(f"embedex {arguments[0]}: ")
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("verb", ["info", "similar", "unusual", "ask", "heatmap", "map", "embed", "charts", "tokens"])
@pytest.mark.parametrize("place", ["nowhere", "empty", "file"])
def test_what_is_no_collection_is_named_with_the_way_to_make_one(
    run: Run, tmp_path: Path, verb: str, place: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("{}")
    more = {"similar": ["x"], "ask": ["x"]}.get(verb, [])
    printed = run(verb, str(tmp_path / place), *more)
    assert printed.code == 2
    assert f"{tmp_path / place} is not a collection" in printed.err
    assert "Make one with: embedex pull pokemon" in printed.err


@pytest.mark.parametrize("ending", ["chart.pdf", "chart", "chart.png.txt"])
def test_a_chart_of_another_kind_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["map", str(tmp_path / "no collection"), "--chart", str(tmp_path / ending)])
    assert stopped.value.code == 2
    assert f"{tmp_path / ending} does not end in .png or .svg" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_centred_and_raw_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["similar", "dex", "x", "--raw", "--centred"])
    assert stopped.value.code == 2
    assert "not allowed with" in capsys.readouterr().err
