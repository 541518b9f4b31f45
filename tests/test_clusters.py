"""Clusters that were made are found again, numbered by size, and told apart by what was put into them."""

from __future__ import annotations

import builtins
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from embedex import clusters
from embedex.cli import main
from embedex.collection import Collection
from embedex.errors import CollectionError, InputError, MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from conftest import Museum

SIZES = (40, 25, 15)


def bunches(dimension: int = 30) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Three bunches of unit vectors, mixed, and which one each is of."""
    random = np.random.default_rng(5)
    truth = random.permutation(np.repeat(np.arange(3), SIZES))
    vectors = np.eye(dimension)[truth] + random.normal(scale=0.05, size=(len(truth), dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), truth


def test_both_methods_find_what_was_made() -> None:
    pytest.importorskip("sklearn")
    vectors, truth = bunches()
    for found in (clusters.kmeans(vectors, 3, seed=1), clusters.hdbscan(vectors, 10)):
        numbered = clusters.by_size(found)
        clear = numbered >= 0
        assert clear.mean() > 0.9
        assert (numbered[clear] == truth[clear]).all()
    assert (clusters.kmeans(vectors, 5, seed=1) == clusters.kmeans(vectors, 5, seed=1)).all()


def test_records_far_from_all_bunches_are_left_alone() -> None:
    pytest.importorskip("sklearn")
    vectors, _ = bunches(2 + 10)
    strays = np.random.default_rng(0).normal(size=(3, 12)).astype(np.float32) * 3
    found = clusters.hdbscan(np.concatenate([vectors, strays]), 10)
    assert (found[-3:] == -1).all()


def test_clusters_are_numbered_by_size() -> None:
    labels = np.array([4, 4, -1, 1, 1, 1, 7, 7, 0])
    assert clusters.by_size(labels).tolist() == [1, 1, -1, 0, 0, 0, 2, 2, 3]
    assert clusters.by_size(np.array([-1, -1])).tolist() == [-1, -1]


def test_the_typical_ones_are_nearest_to_the_middle() -> None:
    places = np.array([[0, 0], [10, 0], [4, 0], [5, 0], [99, 0]], np.float32)
    assert clusters.typical(places, np.array([0, 0, 0, 0, 1]), 0).tolist() == [3, 2, 0, 1]


def test_cohesion_is_the_mean_of_all_pairs() -> None:
    vectors, truth = bunches()
    labels = np.where(np.arange(len(truth)) % 9 == 0, -1, truth)
    scores = vectors.astype(np.float64) @ vectors.T
    for number, (inside, apart) in enumerate(clusters.cohesions(vectors, labels, in_map=False)):
        mine = labels == number
        own = scores[np.ix_(mine, mine)]
        assert inside == pytest.approx((own.sum() - np.trace(own)) / (len(own) * (len(own) - 1)), abs=1e-5)
        assert apart == pytest.approx(scores[np.ix_(mine, ~mine)].mean(), abs=1e-5)
    whole = clusters.cohesions(vectors, np.zeros(len(truth), np.int64), in_map=False)
    assert math.isnan(whole[0][1])
    in_map = clusters.cohesions(np.array([[0, 0], [2, 0], [0, 5], [2, 5]], np.float32), np.array([0, 0, 1, 1]), True)
    assert in_map == [(1.0, 5.0), (1.0, 5.0)]


def records() -> tuple[list[dict[str, Any]], list[int]]:
    """A cluster of fire and of heavy ones, and the others."""
    random = np.random.default_rng(2)
    labels = [0 if n < 20 else 1 if n < 60 else -1 for n in range(100)]
    made = [
        {
            "id": n,
            "type": [{"name": "fire" if n < 18 or n == 90 else "water"}, {"name": "all"}],
            "weight": float(random.normal(100 if 20 <= n < 60 else 10)),
            "chance": int(random.integers(0, 5)),
            "note": "A long text that no two of them share, and that says " + "ab"[n % 2],
            "own": f"key-{n}",
        }
        for n in range(100)
    ]
    return made, labels


def test_traits_are_what_was_put_in() -> None:
    made, labels = records()
    fire, heavy = clusters.traits(made, labels, leave_out=["id"])
    assert (fire[0].path, fire[0].value) in {("type.name", "fire"), ("weight", None)}
    trait = next(each for each in fire if each.value == "fire")
    assert (trait.inside, trait.outside) == (0.9, 1 / 80)
    share = 0.19
    cells = (18 + share, 2 + 1 - share, 1 + share, 79 + 1 - share)
    effect = math.log(cells[0] / cells[1] * cells[3] / cells[2])
    assert trait.effect == pytest.approx(effect)
    assert trait.strength == pytest.approx(effect / math.sqrt(sum(1 / each for each in cells)))
    assert (heavy[0].path, heavy[0].value) == ("weight", None)
    assert heavy[0].effect > 1.5
    assert heavy[0].inside == pytest.approx(100, abs=1)
    for found in (fire, heavy):
        assert [abs(each.strength) for each in found] == sorted((abs(each.strength) for each in found), reverse=True)
        assert not {each.path for each in found} & {"id", "note", "own"}  # prose, identities, what is left out
        assert not any(each.value == "all" for each in found)  # what all have sets none apart
        assert all(sum(other.path == each.path for other in found) <= 2 for each in found)


def test_one_cluster_of_all_has_no_trait() -> None:
    made, _ = records()
    assert clusters.traits(made, [0] * len(made)) == [[]]
    assert clusters.traits([], []) == []


@pytest.mark.parametrize("value", [0, 1, 81])
def test_numbers_of_clusters_are_checked(value: int) -> None:
    vectors, _ = bunches()
    with pytest.raises(InputError, match="-n is from 2 to 80"):
        clusters.kmeans(vectors, value)
    with pytest.raises(InputError, match="--least is from 2 to 80"):
        clusters.hdbscan(vectors, value)


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    vectors, _ = bunches()
    with pytest.raises(MissingExtraError, match=r"embedex\[learn\]"):
        clusters.kmeans(vectors, 3)
    with pytest.raises(MissingExtraError, match=r"embedex\[learn\]"):
        clusters.hdbscan(vectors, 5)


def test_a_collection_falls_into_its_wings(museum: Museum) -> None:
    pytest.importorskip("sklearn")
    result = Collection.open(museum.dex).clusters(method="kmeans", by="fused", count=4)
    assert sum(len(each.items) for each in result.clusters) == result.basis.count
    assert [each.number for each in result.clusters] == [1, 2, 3, 4]
    for each in result.clusters:
        assert len({item.group for item in each.items} - {None}) == 1
        assert each.cohesion > each.separation
        assert each.traits
        assert all(trait.path not in ("accession", "label.title") for trait in each.traits)
    assert result.places is not None
    assert result.parameters == {"method": "kmeans", "clusters": 4, "seed": 0}


def test_the_command_line_prints_and_draws(museum: Museum, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    command = ["clusters", str(museum.dex), "--method", "kmeans", "-n", "4", "--by", "image"]
    assert main([*command, "--chart", str(tmp_path / "c.png")]) == 0
    assert "what sets it apart" in capsys.readouterr().out
    assert (tmp_path / "c.png").stat().st_size > 10_000
    assert main([*command, "--format", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "id,name,group,cluster,what sets it apart"
    assert main([*command, "--format", "json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert len(lines) - 1 == sum(len(each["items"]) for each in whole["clusters"])
    assert {"path", "value", "inside", "outside", "effect", "strength"} == set(whole["clusters"][0]["traits"][0])
    assert main(["clusters", str(museum.dex), "--least", "5"]) == 0
    assert "spread" in capsys.readouterr().out  # in the map, distances
    for wrong in (
        ["-n", "4"],
        ["--method", "kmeans", "--least", "4"],
        ["--method", "kmeans", "-n", "1"],
        ["--by", "map", "--raw"],
    ):
        assert main(["clusters", str(museum.dex), *wrong]) == 2
    with pytest.raises(CollectionError, match="no map 'none'"):
        Collection.open(museum.dex).clusters(map_name="none")
