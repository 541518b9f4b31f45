"""What cannot be answered is said with what to do about it, and captions leave nothing out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from embedex.cli import main
from embedex.encoders.registry import ENTRIES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Museum

    Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four records without groups or pictures, two of them of one name."""
    folder = tmp_path_factory.mktemp("tiny")
    records = [
        {"id": f"r{number}", "name": name, "kind": kind, "note": f"It is {name} and is {kind}."}
        for number, (name, kind) in enumerate([("red", "warm"), ("blue", "cold"), ("ho-oh", "warm"), ("red", "cold")])
    ]
    lines = folder / "records.jsonl"
    lines.write_text("".join(f"{json.dumps(record)}\n" for record in records), "utf-8")
    dex = folder / "dex"
    assert main(["new", str(dex), str(lines), "--id", "id", "--name", "name"]) == 0
    assert main(["embed", str(dex), "--fields"]) == 0
    return dex


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run_it(verb: str, dex: Path, *arguments: str) -> tuple[int, str, str]:
        code = main([verb, str(dex), *arguments])
        out, err = capsys.readouterr()
        return code, " ".join(out.split()), " ".join(err.split())

    return run_it


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["why", "r0", "r0"], ["are one record, r0", "Name two different records"]),
        (["why", "r1", "blue"], ["'r1' and 'blue' are one record, r1"]),
        (["disagree"], ["has no pictures", "--by text", "--images"]),
        (["similar", "r0", "--by", "image"], ["has no pictures", "--by text", "--images"]),
        (["similar", "r0", "--by", "fused"], ["has no pictures", "--by text", "--images"]),
        (["tune", "--target", "kind"], ["2 values in 4 records, too few for 5 folds", "10 records", "--folds 2"]),
        (["tune", "--target", "note"], ["each in one record only", "two records that share one"]),
        (["clusters"], ["at least 5 records can be had of 4 records", "--least is from 2 to 4", "--least 2"]),
        (["clusters", "--method", "kmeans", "-n", "9"], ["9 clusters of 4 records", "-n is from 2 to 4"]),
        (["similar", "red"], ["2 records are called 'red'", "by its id: r0, r3"]),
        (["similar", "ho-oh-blue"], ["stands between spaces: 'ho-oh - blue'"]),
        (["similar", "ho-oh+r0 - blue"], ["stands between spaces: 'ho-oh + r0'"]),
        (["similar", "blue - blue"], ["cancel each other out", "Leave out what is both added and taken away"]),
        (["similar", "blue", "-k", "0"], ["k is 0", "For example: -k 10"]),
    ],
)
def test_what_cannot_be_answered_is_said_with_a_cure(
    run: Run, tiny: Path, arguments: list[str], said: list[str]
) -> None:
    code, _, told = run(arguments[0], tiny, *arguments[1:])
    assert code == 2
    for each in said:
        assert each in told


def test_the_quality_of_a_collection_without_groups_is_one_row_of_all(run: Run, tiny: Path) -> None:
    _, out, _ = run("quality", tiny, "--format", "csv")
    head, row = out.split(" all,")
    assert head == "group,records,characters,missing fields,median score"
    assert row.startswith("4,")
    _, _, caption = run("quality", tiny)
    assert "shift" not in caption


def test_few_pairs_have_exact_percentiles(run: Run, tiny: Path) -> None:
    _, out, _ = run("similar", tiny, "blue", "--calibrate", "--format", "json")
    told = json.loads(out)
    assert told["calibration"]["error"] == 0
    for hit in told["hits"]:
        pairs = hit["calibration"]["percentile"] * 6 / 100
        assert pairs == pytest.approx(round(pairs), abs=1e-3)


def test_disagreeing_pairs_have_their_ids(run: Run, museum: Museum) -> None:
    _, out, _ = run("disagree", museum.dex, "--format", "csv")
    assert out.startswith("close in,rank,first,first id,second,second id,text percentile,picture percentile,")


@pytest.mark.parametrize("by", ["image", "fused"])
def test_a_caption_counts_the_records_without_a_picture(run: Run, museum: Museum, by: str) -> None:
    _, out, err = run("similar", museum.dex, "M-01", "--by", by)
    assert "2 records without a picture" in out + err
    _, out, err = run("similar", museum.dex, "M-01")
    assert "without a picture" not in out + err


def test_each_family_of_encoders_says_what_follows_its_colon() -> None:
    told = {entry.name: entry.argument for entry in ENTRIES if entry.argument}
    folders = dict.fromkeys(("nomic:", "minilm:", "clip:"), "FOLDER")
    files = {"word-vectors:": "FILE", "features:": "FILE"}
    assert {name: told[name] for name in folders | files} == folders | files
    assert all(entry.name.endswith(":") == bool(entry.argument) for entry in ENTRIES)


def test_models_are_ready_with_what_follows_their_colon(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--format", "csv"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("features:,"))
    assert '"ready, with a FILE"' in line


def test_clusters_for_pipes_have_what_sets_them_apart(
    run: Run, museum: Museum, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn")
    assert main(["clusters", str(museum.dex), "--method", "kmeans", "-n", "4", "--by", "text", "--format", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "id,name,group,cluster,what sets it apart"
    assert any("%" in line for line in lines[1:])
