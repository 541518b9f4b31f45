"""Hand-made feature vectors, as one built them before there were embeddings: fields of a record, side by side.

Declared JSON paths become blocks of numbers: a number standardised, a boolean 0 or 1, a category or a list one-hot.
What that takes (means, scales, vocabularies) is fitted once over all documents by `fit` and then frozen in a file, so
that a vector depends on its own document alone and the file's hash says what it depends on. No weights, no words: a
question cannot be embedded.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from embedex.encoders.base import EncoderDescription
from embedex.errors import InputError
from embedex.files import atomic_bytes
from embedex.records import JSON, JsonPath, is_prose, label_text, leaves

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["number", "boolean", "category"]

MOST_VALUES = 1_000
"""The most values of a category that get a column: those of the most records."""

MOST_COUNTED = 50_000
"""A path with more distinct values than this is no category; counting on would only take memory."""

_FAR = 3.0
"""Numbers are cut off at so many standard deviations: one giant should not shrink all else that it has."""

_HUGE = 1e150
"""A number beyond this is taken for none: its square would be infinite."""

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Feature:
    """One path and the columns that it gives.

    Attributes:
        path: JSON path into a document; without list positions it takes all members of a list.
        kind: ``number``, ``boolean`` or ``category``.
        mean, scale: of a number over all documents that have one; a list of numbers counts with its mean.
        values: a category's vocabulary, the value of the most documents first.
        found: how many documents have a value here.
        left_out: how many of a category's values have no column, being rare.
    """

    path: str
    kind: Kind
    mean: float = 0.0
    scale: float = 1.0
    values: tuple[str, ...] = ()
    found: int = 0
    left_out: int = 0

    @property
    def columns(self) -> int:
        """How many columns it gives."""
        return len(self.values) if self.kind == "category" else 1


@dataclass(frozen=True)
class Features:
    """A fitted set of features; fits `embedex.encoders.base.Encoder`.

    A block for each path, each of about the same weight: a number counts by its standardised value, cut off at 3; a
    boolean by 0 or 1; a category's block has length 1, however many members a list has. What a document lacks is 0,
    which for a number is the mean. A constant 1 comes first, so that a document with nothing at all still has a
    direction. The whole is then brought to unit length.

    Attributes:
        features: at least one.
        documents: over how many documents they were fitted.
        place: the file that they were read from, or ``""``.
    """

    features: tuple[Feature, ...]
    documents: int = 0
    place: str = field(default="", compare=False)
    _paths: tuple[JsonPath, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_paths", tuple(JsonPath.parse(each.path) for each in self.features))

    @cached_property
    def description(self) -> EncoderDescription:
        """Every setting, with the hash of means, scales and vocabularies."""
        fitted = [[each.path, each.kind, each.mean, each.scale, each.values] for each in self.features]
        digest = hashlib.sha256(json.dumps(fitted, ensure_ascii=True).encode()).hexdigest()
        return EncoderDescription(
            name="features",
            modality="text",
            space=f"features-{digest[:16]}",
            dimension=1 + sum(each.columns for each in self.features),
            revision=str(_VERSION),
            weights_sha256=digest,
            preprocessing=f"JSON paths, numbers standardised and cut off at {_FAR:g}, lists of unit length; 1",
            pooling="side by side, with a constant 1",
            place=self.place,
        )

    @cached_property
    def _columns(self) -> list[dict[str, int]]:
        """Of each category the place of each value in its block."""
        return [{value: place for place, value in enumerate(each.values)} for each in self.features]

    def encode_documents(self, documents: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of documents, which are JSON objects; shape (n, d). Any other text has no feature."""
        import numpy as np

        vectors = np.zeros((len(documents), self.description.dimension), np.float64)
        for row, text in enumerate(documents):
            data, vector, start = _read(text), vectors[row], 1
            vector[0] = 1.0
            for feature, path, places in zip(self.features, self._paths, self._columns, strict=True):
                found = path.find_all(data)
                if feature.kind == "number":
                    numbers = _numbers(found)
                    if numbers:
                        far = (math.fsum(numbers) / len(numbers) - feature.mean) / feature.scale
                        vector[start] = min(max(far, -_FAR), _FAR)
                elif feature.kind == "boolean":
                    vector[start] = float(any(each is True for each in found))
                else:
                    held = {places[label] for each in found if (label := label_text(each)) in places}
                    for place in held:
                        vector[start + place] = len(held) ** -0.5
                start += feature.columns
            vector /= math.sqrt(math.fsum((vector * vector).tolist()))
        return vectors.astype(np.float32)

    @classmethod
    def read(cls, path: Path) -> Features:
        """The features of a file.

        Raises:
            InputError: there is no such file, or it is none that `embedex features` wrote.
        """
        return _from_file(path)

    def write(self, path: Path) -> None:
        """Write the features to a JSON file that `read` takes; only the fit is in it, no record."""
        value = {
            "embedex": "features",
            "version": _VERSION,
            "documents": self.documents,
            "features": [asdict(each) for each in self.features],
        }
        atomic_bytes(path, f"{json.dumps(value, indent=1, ensure_ascii=False)}\n".encode())


def _from_file(path: Path) -> Features:
    cure = "Fit features to a collection with: embedex features DIR --as FILE"
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"There is no file {path}.", cure=cure) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as features: {error}.", cure=cure) from error
    if not isinstance(value, dict) or value.get("embedex") != "features":
        raise InputError(f"{path} holds no features.", cure=cure)
    if value.get("version") != _VERSION:
        raise InputError(f"{path} is of another edition, {value.get('version')!r}.", allowed=f"{_VERSION}", cure=cure)
    try:
        features = tuple(_feature(each) for each in value["features"])
        documents = int(value["documents"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: {error}.", cure=cure) from error
    if not features:
        raise InputError(f"{path} lists no feature.", cure=cure)
    return Features(features, documents, str(path.resolve()))


def _feature(value: Mapping[str, Any]) -> Feature:
    feature = Feature(**{**value, "values": tuple(value["values"])})
    numbers = (feature.mean, feature.scale)
    if feature.kind not in get_args(Kind):
        raise ValueError(f"the kind {feature.kind!r}")
    if not all(isinstance(each, (int, float)) and math.isfinite(each) for each in numbers) or feature.scale <= 0:
        raise ValueError(f"the scale of {feature.path!r}")
    if not all(isinstance(each, str) for each in feature.values):
        raise ValueError(f"the values of {feature.path!r}")
    return feature


class _Seen:
    """What the documents have at one path."""

    def __init__(self) -> None:
        self.documents = 0
        self.numbers: list[float] = []
        self.others = self.prose = 0
        self.booleans = True
        self.labels: Counter[str] = Counter()
        self.full = False

    def add(self, found: Sequence[JSON]) -> None:
        """Take the values of one document."""
        if not found:
            return
        self.documents += 1
        numbers = _numbers(found)
        if numbers:
            self.numbers.append(math.fsum(numbers) / len(numbers))
        self.others += len(found) - len(numbers)
        self.booleans &= all(isinstance(each, bool) for each in found)
        self.prose += any(isinstance(each, str) and is_prose(each) for each in found)
        if not self.full:
            self.labels.update({label for each in found if (label := label_text(each)) is not None})
            if len(self.labels) > MOST_COUNTED:
                self.full = True
                self.labels.clear()

    @property
    def kind(self) -> Kind:
        """The kind that the values suggest."""
        return "boolean" if self.booleans else "number" if not self.others else "category"

    @property
    def tells_nothing(self) -> bool:
        """Whether the values are prose, the same everywhere, or mostly another in each document."""
        if self.kind == "number":
            return len(set(self.numbers)) < 2
        if self.kind == "boolean":
            return len(self.labels) < 2
        counts = self.labels.values()
        repeated = sum(count for count in counts if count > 1)
        everywhere = all(count == self.documents for count in counts)
        return self.full or 2 * self.prose > self.documents or everywhere or 2 * repeated < self.labels.total()

    def feature(self, path: str, kind: Kind | None) -> Feature:
        """The feature at this path.

        Raises:
            InputError: the values are not of that kind, or too many.
        """
        kind = kind or self.kind
        if kind == "number":
            if not self.numbers:
                raise InputError(f"{path!r} has no number in any document.", cure="Declare it as a category.")
            mean = math.fsum(self.numbers) / len(self.numbers)
            spread = math.sqrt(math.fsum((each - mean) ** 2 for each in self.numbers) / len(self.numbers))
            return Feature(path, kind, mean, spread or 1.0, found=self.documents)
        if kind == "boolean":
            if not self.booleans:
                raise InputError(f"{path!r} has values other than true and false.", cure="Declare it as a category.")
            return Feature(path, kind, found=self.documents)
        if self.full:
            raise InputError(
                f"{path!r} has more than {MOST_COUNTED:,} distinct values: it is no category.",
                cure="Leave it out, or declare it as a number.",
            )
        often = [(-count, label) for label, count in self.labels.items() if count > 1]
        values = tuple(label for _, label in sorted(often)[:MOST_VALUES])
        if not values:
            raise InputError(
                f"No two documents share a value at {path!r}.", cure="Leave it out, or declare it as a number."
            )
        return Feature(path, kind, values=values, found=self.documents, left_out=len(self.labels) - len(values))


def fit(
    documents: Iterable[str],
    paths: Sequence[str] = (),
    *,
    kinds: Mapping[str, Kind] | None = None,
    prefix: str = "",
    leave_out: Sequence[str] = (),
    progress: Any = None,
) -> Features:
    """Features of documents: their means, scales and vocabularies.

    Args:
        documents: texts that are JSON objects; read once.
        paths: which paths, in the order of their columns; without any, all that suit: numbers, booleans, and texts
            that are not prose and that documents share.
        kinds: the kind of a path where its values should not decide it.
        prefix: what was stripped from the documents' keys, so that a path may be written with or without it.
        leave_out: paths not to be taken where none are declared, such as that of the id.
        progress: called with the number of documents read so far.

    Raises:
        InputError: a path leads nowhere, its values are not of its kind, or nothing is left.
    """
    kinds = kinds or {}
    written = {path: (JsonPath.parse(path), JsonPath.parse(_without(path, prefix))) for path in paths}
    if unknown := [path for path in kinds if path not in written]:
        raise InputError(
            f"The kind of {unknown[0]!r} is given, but it is not among the paths.", allowed=f"Paths: {', '.join(paths)}"
        )
    seen: dict[str, _Seen] = {}
    dropped = {_without(path, prefix) for path in leave_out}
    count = 0
    for text in documents:
        data = _read(text)
        count += 1
        if paths:
            for as_written, short in written.values():
                for way in {as_written.text: as_written, short.text: short}.values():
                    seen.setdefault(way.text, _Seen()).add(way.find_all(data))
        else:
            found: dict[str, list[JSON]] = {}
            for keys, leaf in leaves(data):
                if all(key and not set(key) & set(".[]") for key in keys):  # others cannot be written as a path
                    found.setdefault(".".join(keys), []).append(leaf)
            for path_text, values in found.items():
                seen.setdefault(path_text, _Seen()).add(values)
        if progress:
            progress(count)
    features = []
    if paths:
        for path, (as_written, short) in written.items():
            there = as_written.text if seen and seen[as_written.text].documents else short.text
            if not seen or not seen[there].documents:
                raise InputError(
                    f"The path {path!r} leads to nothing in any document.",
                    cure="Without --paths all that suit are taken, and listed.",
                )
            features.append(seen[there].feature(there, kinds.get(path)))
    else:
        suited = {path: each for path, each in seen.items() if path not in dropped and not each.tells_nothing}
        features = [each.feature(path, None) for path, each in suited.items()]
    if not features:
        raise InputError(
            "No path of these documents suits as a feature.", cure="Declare some: --paths height,kind.name"
        )
    return Features(tuple(features), count)


def _without(path: str, prefix: str) -> str:
    """A path with the prefix stripped from its keys."""
    if not prefix:
        return path
    body = path.removeprefix("$").removeprefix(".")
    return ".".join(key.removeprefix(prefix) for key in body.split("."))


def _read(text: str) -> JSON:
    """The object that a text is, or an empty one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _numbers(values: Iterable[JSON]) -> list[float]:
    """The finite numbers among the values; true and false are none."""
    numbers = [each for each in values if isinstance(each, (int, float)) and not isinstance(each, bool)]
    return [float(each) for each in numbers if abs(each) < _HUGE]
