"""Probes find what was put into vectors, find nothing in noise, and never see what they are asked."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from embedex import probes
from embedex.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedex.results import Readout

COUNT = 300
RANDOM = np.random.default_rng(4)
NOISE = RANDOM.normal(size=(COUNT, 12)).astype(np.float32)
LABELS = [("big", "small", "rare")[0 if n % 10 < 6 else 1 if n % 10 < 9 else 2] for n in range(COUNT)]
NUMBERS = RANDOM.normal(size=COUNT)


def unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, np.float32)


def telling(values: NDArray[Any], strength: float) -> NDArray[np.float32]:
    """Noise in which the values stand along one axis, or along one for each class."""
    told = NOISE.copy()
    if values.dtype.kind == "i":
        told[np.arange(len(values)), values] += strength
    else:
        told[:, 0] += strength * values
    return unit(told)


def by(readouts: list[Readout]) -> dict[tuple[str, str], Readout]:
    return {(each.name, each.method): each for each in readouts}


def test_the_kind_is_told_by_the_values() -> None:
    assert probes.target(LABELS).kind == "category"
    assert probes.target(list(range(50))).kind == "number"
    assert probes.target([n % 3 for n in range(50)]).kind == "category"
    assert probes.target([n % 2 == 0 for n in range(50)]).classes == [("false", 25), ("true", 25)]
    assert probes.target([n % 3 for n in range(50)], kind="number").kind == "number"
    assert probes.target([n // 5 for n in range(100)], kind="category").kind == "category"


def test_rare_classes_and_records_without_a_value_are_left_out_and_counted() -> None:
    values = [None, *["a"] * 6, *["b"] * 5, *["c"] * 4, "d"]
    target = probes.target(values)
    assert target.classes == [("a", 6), ("b", 5)]
    assert target.rare == [("c", 4), ("d", 1)]
    assert target.without == 1
    assert target.rows.tolist() == list(range(1, 12))
    assert target.values.tolist() == [0] * 6 + [1] * 5


@pytest.mark.parametrize(
    ("values", "kind", "told"),
    [
        ([None, None], None, "No record has a value"),
        ([["a"], "b"], None, "leads to a list"),
        ([{"name": "a"}, "b"], None, "leads to an object"),
        (["a", "b", 3], "number", "not always a number"),
        ([1, 2, 3], "number", "too few"),
        ([7] * 20, "number", "nothing to read"),
        ([*["a"] * 20, "b"], None, "at least two classes"),
        ([str(n // 5) for n in range(5 * 501)], None, "501 classes"),
    ],
)
def test_what_is_no_target_is_told(values: list[Any], kind: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        probes.target(values, kind=kind)


def test_folds_are_stratified_and_the_seeds_own() -> None:
    target = probes.target(LABELS)
    fold = probes.folds(target, 0)
    for number in range(3):
        sizes = np.bincount(fold[target.values == number], minlength=probes.FOLDS)
        assert sizes.max() - sizes.min() <= 1
    assert (fold == probes.folds(target, 0)).all()
    assert (fold != probes.folds(target, 1)).any()
    numbers = probes.target(NUMBERS.tolist())
    fold = probes.folds(numbers, 0)
    assert np.bincount(fold).tolist() == [COUNT // 5] * 5
    means = [numbers.values[fold == number].mean() for number in range(5)]
    assert np.ptp(means) < 0.1  # each fold has its share of every range


def test_a_class_that_vectors_hold_is_read_and_noise_is_not() -> None:
    pytest.importorskip("sklearn")
    target = probes.target(LABELS)
    sides = {"told": (telling(target.values, 4), "e", False), "noise": (unit(NOISE), "e", False)}
    found = by(probes.readouts(sides, target))
    baseline = found["baseline", "baseline"]
    assert [round(score.value, 6) for score in baseline.scores] == [round(1 / 3, 6), 0.25, 0.6]
    for method in ("neighbours", "linear"):
        told, noise = found["told", method], found["noise", method]
        assert told.beats
        assert told.scores[0].value > 0.9
        assert not noise.beats
        assert noise.scores[0].low < 0.45
        assert told.scores[0].low <= told.scores[0].value <= told.scores[0].high
        assert told.gains[0].value == pytest.approx(told.scores[0].value - 1 / 3)


def test_a_number_that_vectors_hold_is_read_and_noise_is_not() -> None:
    target = probes.target(NUMBERS.tolist())
    sides = {"told": (telling(NUMBERS, 3), "e", False), "noise": (unit(NOISE), "e", False)}
    found = by(probes.readouts(sides, target))
    assert found["told", "linear"].scores[0].value > 0.6
    assert found["told", "linear"].beats
    assert found["told", "linear"].gains[1].value > 0  # a smaller error is a gain
    assert not found["noise", "linear"].beats
    assert abs(found["noise", "linear"].scores[0].value) < 0.15  # the penalty keeps noise from being learned
    assert abs(found["baseline", "baseline"].scores[0].value) < 0.02


def test_measures_are_those_of_their_definitions() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    true, guess = RANDOM.integers(0, 4, 200), RANDOM.integers(0, 5, 200)
    measured = probes._measures(true, [guess.astype(float)], None, "category", 5)[0]
    assert measured[0] == pytest.approx(np.mean([(guess[true == n] == n).mean() for n in range(4)]))
    assert measured[1] == pytest.approx(metrics.f1_score(true, guess, average="macro"))
    assert measured[2] == pytest.approx((true == guess).mean())
    numbers = probes._measures(NUMBERS, [NUMBERS + 0.5], None, "number", 0)[0]
    assert numbers.tolist() == pytest.approx([metrics.r2_score(NUMBERS, NUMBERS + 0.5), 0.5])


def test_neighbours_are_the_exact_ones() -> None:
    target = probes.target(NUMBERS.tolist())
    vectors = unit(NOISE)
    train, test = np.arange(0, 250), np.arange(250, COUNT)
    guessed = probes._neighbours(vectors, target, 5, False, train, test)
    for place, row in enumerate(test):
        near = np.argsort(-(vectors[train] @ vectors[row]))[:5]
        assert guessed[place] == pytest.approx(NUMBERS[near].mean())
    places = NOISE[:, :2]
    guessed = probes._neighbours(places, target, 3, True, train, test)
    for place, row in enumerate(test):
        near = np.argsort(np.linalg.norm(places[train] - places[row], axis=1))[:3]
        assert guessed[place] == pytest.approx(NUMBERS[near].mean(), abs=1e-6)


def test_of_equal_votes_the_nearer_class_wins() -> None:
    vectors = unit(np.array([[1, 0], [0.9, 0.3], [0.9, 0.4], [0.2, 1], [0.1, 1], [0, 1.0]] * 2))
    target = probes.target(["a", "b"] * 6)
    assert probes._neighbours(vectors, target, 2, False, np.array([3, 4]), np.array([0])).tolist() == [1]


def test_ridge_is_the_one_of_the_textbook() -> None:
    target = probes.target(NUMBERS.tolist())
    vectors = telling(NUMBERS, 3)
    train, test = np.arange(0, 250), np.arange(250, COUNT)
    guessed = probes._ridge(vectors, target, train, test)
    known = vectors[train].astype(np.float64)
    known -= known.mean(axis=0)
    wanted = NUMBERS[train] - NUMBERS[train].mean()
    mean = np.trace(known.T @ known) / known.shape[1]
    each = []
    for ridge in probes._RIDGES:
        weights = np.linalg.solve(known.T @ known + ridge * mean * np.eye(known.shape[1]), known.T @ wanted)
        each.append((vectors[test] - vectors[train].mean(axis=0)) @ weights + NUMBERS[train].mean())
    assert min(np.abs(guessed - one).max() for one in each) < 1e-5


def test_more_columns_than_records_change_nothing_but_the_time() -> None:
    wide = RANDOM.normal(size=(40, 90)).astype(np.float32)
    scaled = probes._scaled(wide)
    assert scaled.shape == (40, 40)
    centred = wide - wide.mean(axis=0)
    kernel = centred @ centred.T
    np.testing.assert_allclose(scaled @ scaled.T, kernel * 90 * 40 / np.trace(kernel), atol=1e-2)


def test_the_same_seed_gives_the_same_numbers() -> None:
    target = probes.target(NUMBERS.tolist())
    sides = {"told": (telling(NUMBERS, 3), "e", False)}
    assert probes.readouts(sides, target) == probes.readouts(sides, target)


def test_more_neighbours_than_records_are_refused() -> None:
    target = probes.target(NUMBERS.tolist())
    with pytest.raises(InputError, match=r"241 neighbours of 240"):
        probes.readouts({"told": (unit(NOISE), "e", False)}, target, neighbours=241)


def test_without_scikit_learn_a_category_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match=r"embedex\[learn\]"):
        probes.readouts({"told": (unit(NOISE), "e", False)}, probes.target(LABELS))
