"""Fields on the command line: keeping their parts, `why`, weights, `compare` and `tune`, in every format."""

from __future__ import annotations

import csv
import io
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from embedex.cli import main
from embedex.collection import Collection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Museum


@pytest.fixture(scope="module")
def fielded(museum: Museum, tmp_path_factory: pytest.TempPathFactory) -> Path:
    dex = shutil.copytree(museum.dex, tmp_path_factory.mktemp("fielded") / "dex")
    assert main(["embed", str(dex), "--fields"]) == 0
    return dex


@pytest.fixture
def run(fielded: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def ran(verb: str, *arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([verb, str(fielded), *arguments])
        return code, *capsys.readouterr()

    return ran


def test_why_as_a_table(run: Any) -> None:
    code, out, _ = run("why", "M-01", "M-05", "--ablate", "materials")
    assert code == 0
    for part in ("all fields: the score", "notes", "with the same field", "The pairs of fields", "embedded again"):
        assert part in out
    assert "centred cosine" in out


def test_why_in_json_and_csv_sums_to_the_score_of_similar(run: Any) -> None:
    whole = json.loads(run("why", "M-01", "M-05", "--raw", "--format", "json")[1])
    rows = list(csv.reader(io.StringIO(run("why", "M-01", "M-05", "--raw", "--format", "csv")[1])))
    similar = json.loads(run("similar", "M-01", "-k", "40", "--raw", "--format", "json")[1])
    score = next(hit["score"] for hit in similar["hits"] if hit["item"]["id"] == "M-05")
    assert whole["score"] == pytest.approx(score, abs=1e-6)
    assert sum(map(sum, whole["matrix"])) == pytest.approx(score, abs=1e-6)
    assert sum(each["adds"] for each in whole["fields"]) == pytest.approx(score, abs=1e-6)
    assert sum(float(row[2]) for row in rows[1:]) == pytest.approx(score, abs=1e-6)
    assert len(rows) == 1 + len(whole["fields"]) ** 2


def test_without_and_weight_are_the_library_s_weights(run: Any, fielded: Path) -> None:
    arguments = ["--without", "notes,materials", "--weight", "maker=2", "--weight", "year=0.5,label=3"]
    out = run("similar", "M-01", "-k", "5", *arguments, "--format", "json")[1]
    weights = {"maker": 2.0, "year": 0.5, "label": 3.0, "notes": 0.0, "materials": 0.0}
    hits = Collection.open(fielded).similar("M-01", k=5, weights=weights).hits
    assert [(hit["item"]["id"], hit["score"]) for hit in json.loads(out)["hits"]] == [
        (hit.item.id, pytest.approx(hit.score)) for hit in hits
    ]
    assert "without notes, materials" in " ".join(run("unusual", "-k", "2", *arguments)[1].split())


@pytest.mark.parametrize("verb", ["heatmap", "unusual"])
def test_other_verbs_take_them(run: Any, verb: str) -> None:
    code, out, _ = run(verb, "--without", "notes")
    assert code == 0
    assert "without notes" in " ".join(out.split())
    assert "without notes" in " ".join(run("ask", "What strikes?", "--without", "notes")[1].split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["similar", "M-01", "--without", "nots"], "no field 'nots'"),
        (["similar", "M-01", "--weight", "notes"], "'notes' is no weight"),
        (["similar", "M-01", "--weight", "notes=x"], "'notes=x' is no weight"),
        (["similar", "M-01", "--weight", "=2"], "'=2' is no weight"),
        (["similar", "M-01", "--weight", "notes=-1"], "weight of 'notes' is -1"),
        (["similar", "M-01", "--weights", "none"], "no weights 'none'"),
        (["similar", "M-01", "--by", "image", "--without", "notes"], "not for --by image"),
        (["compare"], "no weights to compare"),
        (["tune", "--target", "nowhere"], "leads to nothing in any record"),
        (["why", "M-01", "M-99"], "M-99"),
        (["why", "M-01", "M-05", "--ablate", "nots"], "no field 'nots'"),
    ],
)
def test_what_a_person_can_mend_is_said(run: Any, arguments: list[str], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_compare_in_every_format(run: Any) -> None:
    code, out, _ = run("compare", "--without", "notes", "-k", "5")
    assert code == 0
    for part in ("overlap@5", "Whose neighbours change most", "before and after", "Clocks", "all"):
        assert part in out
    rows = list(csv.DictReader(io.StringIO(run("compare", "--without", "notes", "-k", "5", "--format", "csv")[1])))
    whole = json.loads(run("compare", "--without", "notes", "-k", "5", "--format", "json")[1])
    assert len(rows) == whole["basis"]["count"] == 38
    assert whole["overlap"] == pytest.approx(sum(float(row["overlap@5"]) for row in rows) / 38)
    assert all(len(row["gone"].split()) == round(5 * (1 - float(row["overlap@5"]))) for row in rows)


def test_tune_keeps_weights_that_every_verb_takes(run: Any, tmp_path: Path) -> None:
    arguments = ["--target", "department.wing.name", "--as", "wings", "-k", "3", "--folds", "3"]
    code, out, err = run("tune", *arguments, "--chart", str(tmp_path / "tune.png"))
    assert code == 0
    told = " ".join(out.split())
    assert "held-out records of 4 values" in told
    assert "department holds the target" in told
    assert "--weights wings" in err
    assert (tmp_path / "tune.png").exists()
    assert run("similar", "M-01", "-k", "3", "--weights", "wings")[0] == 0
    assert run("compare", "--weights", "wings")[0] == 0


def test_charts_of_why_and_compare(run: Any, tmp_path: Path) -> None:
    assert run("why", "M-01", "M-05", "--chart", str(tmp_path / "why.svg"))[0] == 0
    assert run("compare", "--without", "notes", "--chart", str(tmp_path / "compare.png"))[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"why.svg", "compare.png"}


def test_a_collection_without_parts_says_what_to_run(museum: Museum, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", str(museum.dex), "M-01", "M-05"]) == 2
    assert f"embedex embed {museum.dex} --text wordllama --fields" in capsys.readouterr().err
