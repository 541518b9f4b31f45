"""Hand-made features: what each kind becomes, that it is frozen, and that any text gets a unit vector."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from embedex.encoders import features, registry
from embedex.encoders.base import Encoder
from embedex.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

RECORDS: list[dict[str, Any]] = [
    {"id": 1, "size": 10, "rare": True, "kind": {"name": "fire"}, "tags": [{"t": "a"}, {"t": "b"}], "note": "x"},
    {"id": 2, "size": 20, "rare": False, "kind": {"name": "ice"}, "tags": [{"t": "a"}], "note": "y"},
    {"id": 3, "size": 60, "rare": False, "kind": {"name": "fire"}, "tags": [], "note": "z"},
    {"id": 4, "size": None, "rare": False, "kind": None, "tags": [{"t": "b"}, {"t": "b"}], "note": "w"},
    {"id": 5, "size": 30, "rare": True, "kind": {"name": "ice"}, "tags": [{"t": "once"}], "note": "v"},
]
TEXTS = [json.dumps(record) for record in RECORDS]
PATHS = ["size", "rare", "kind.name", "tags.t"]


def blocks(text: str, fitted: features.Features) -> list[float]:
    """A vector with its length taken back: the constant is 1 again."""
    vector = fitted.encode_documents([text])[0]
    return [round(float(value), 5) for value in vector / vector[0]]


def test_each_kind_gets_its_columns() -> None:
    fitted = features.fit(TEXTS, PATHS)
    size, rare, kind, tags = fitted.features
    assert (size.kind, size.mean, size.found) == ("number", 30.0, 4)
    assert size.scale == pytest.approx(np.std([10, 20, 60, 30]))
    assert (rare.kind, rare.columns) == ("boolean", 1)
    assert (kind.kind, kind.values, kind.found) == ("category", ("fire", "ice"), 4)
    assert (tags.values, tags.left_out) == (("a", "b"), 1)  # "once" is shared by no two records
    assert fitted.description.dimension == 1 + 1 + 1 + 2 + 2
    half = 2**-0.5
    deviation = float(np.std([10, 20, 60, 30]))
    assert blocks(TEXTS[0], fitted) == pytest.approx([1, -20 / deviation, 1, 1, 0, half, half], abs=1e-4)
    assert blocks(TEXTS[1], fitted) == pytest.approx([1, -10 / deviation, 0, 0, 1, 1, 0], abs=1e-4)
    assert blocks(TEXTS[3], fitted) == pytest.approx([1, 0, 0, 0, 0, 0, 1], abs=1e-4)


def test_a_giant_is_cut_off_at_three_deviations() -> None:
    fitted = features.fit(TEXTS, PATHS)
    assert blocks(json.dumps({"size": 10**9}), fitted)[1] == 3
    assert blocks(json.dumps({"size": -(10**9)}), fitted)[1] == -3
    assert blocks(json.dumps({"size": 10**400}), fitted)[1] == 0  # no float, so no number


@pytest.mark.parametrize("text", ["", "no JSON", "[1, 2]", "3", "{}", '{"size": "text", "kind": []}', "[" * 100_000])
def test_a_text_without_any_feature_still_has_a_direction(text: str) -> None:
    vector = features.fit(TEXTS, PATHS).encode_documents([text])[0]
    assert vector.tolist() == [1, 0, 0, 0, 0, 0, 0]


def test_it_is_an_encoder_whose_vectors_depend_on_their_own_document() -> None:
    fitted = features.fit(TEXTS, PATHS)
    assert isinstance(fitted, Encoder)
    together = fitted.encode_documents(TEXTS)
    assert together.dtype == np.float32
    assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-6)
    for row, text in enumerate(TEXTS):
        assert (fitted.encode_documents([text])[0] == together[row]).all()
    assert fitted.encode_documents([]).shape == (0, 7)


def test_the_description_changes_with_the_fit_and_with_nothing_else() -> None:
    fitted = features.fit(TEXTS, PATHS)
    assert fitted.description == features.fit(iter(TEXTS), PATHS).description
    other = json.dumps({**RECORDS[0], "size": 11})
    assert fitted.description.fingerprint != features.fit([other, *TEXTS[1:]], PATHS).description.fingerprint
    assert fitted.description.fingerprint != features.fit(TEXTS, PATHS[::-1]).description.fingerprint


def test_without_paths_all_that_suit_are_taken() -> None:
    texts = [
        json.dumps({"id": n, "name": f"n{n}", "size": n % 3, "same": "x", "kind": "ab"[n % 2], "a.b": n,
                    "text": "Some words that people read aloud", "on": n > 3, "key": f"k{n}"})
        for n in range(8)
    ]  # fmt: skip
    fitted = features.fit(texts, leave_out=["id", "name"])
    assert [(each.path, each.kind) for each in fitted.features] == [
        ("size", "number"),
        ("kind", "category"),
        ("on", "boolean"),
    ]


def test_a_path_may_be_written_with_the_prefix_or_without() -> None:
    texts = [json.dumps({"kind": {"name": "fire"}})] * 2
    for path in ("v2_kind.name", "kind.name", "v2_kind.v2_name"):
        assert features.fit(texts, [path], prefix="v2_").features[0].path == "kind.name"


def test_a_kind_can_be_declared() -> None:
    fitted = features.fit([*TEXTS, TEXTS[0]], ["size"], kinds={"size": "category"})
    assert fitted.features[0].values == ("10",)


@pytest.mark.parametrize(
    ("paths", "kinds", "told"),
    [
        (["sise"], {}, "leads to nothing"),
        (["note"], {}, "No two documents share"),
        (["note"], {"note": "number"}, "no number"),
        (["kind.name"], {"kind.name": "boolean"}, "other than true and false"),
        (["size"], {"kind": "number"}, "not among the paths"),
        (["a..b"], {}, "not a path"),
    ],
)
def test_what_cannot_be_fitted_is_told(paths: list[str], kinds: dict[str, features.Kind], told: str) -> None:
    with pytest.raises(InputError, match=told):
        features.fit(TEXTS, paths, kinds=kinds)


def test_a_file_gives_the_same_encoder_again(tmp_path: Path) -> None:
    fitted = features.fit(TEXTS, PATHS)
    fitted.write(tmp_path / "f.json")
    again = registry.load(f"features:{tmp_path / 'f.json'}", "text")
    assert again.description == fitted.description
    assert (again.encode_documents(TEXTS) == fitted.encode_documents(TEXTS)).all()


@pytest.mark.parametrize(
    "damage",
    [
        None,
        b"",
        b"\xff",
        b"[]",
        b'{"embedex":"features","version":2}',
        b'{"embedex":"features","version":1,"documents":3,"features":[]}',
        b'{"embedex":"features","version":1,"documents":3,"features":[{"path":"a"}]}',
        b'{"embedex":"features","version":1,"documents":3,"features":[{"path":"a","kind":"wish","values":[]}]}',
        b'{"embedex":"features","version":1,"documents":3,"features":[{"path":"a","kind":"number","scale":0,"values":[]}]}',
    ],
)
def test_what_is_no_file_of_features_is_refused(damage: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    if damage is not None:
        path.write_bytes(damage)
    with pytest.raises(InputError, match=r"f\.json") as error:
        features.Features.read(path)
    assert "embedex features" in error.value.cure
