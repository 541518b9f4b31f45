"""A Pokédex for any collection: raw JSON records and pictures in; similar, unusual, questions and maps out.

    from embedex import Collection

    collection = Collection.open("pokedex")
    collection.similar("pikachu", k=3, per_group=True)

What stands in `__all__` is the public interface; every other module may change.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from embedex._version import __version__

if TYPE_CHECKING:
    from embedex.collection import Collection
    from embedex.encoders.base import Encoder, EncoderDescription, FieldEncoder, QueryEncoder
    from embedex.errors import (
        CollectionError,
        EmbedexError,
        InputError,
        MissingExtraError,
        NothingToCompareError,
        SourceError,
        UnknownRecordError,
        WeightsError,
    )
    from embedex.records import Record
    from embedex.results import (
        Answers,
        Calibration,
        Clusters,
        Comparison,
        Disagreement,
        Fidelity,
        Hit,
        Item,
        Map,
        Pairs,
        Probe,
        Quality,
        Similar,
        TokenReport,
        Tuned,
        Unusual,
        Why,
    )

_HOMES = {
    "Answers": "results",
    "Calibration": "results",
    "Clusters": "results",
    "Collection": "collection",
    "CollectionError": "errors",
    "Comparison": "results",
    "Disagreement": "results",
    "EmbedexError": "errors",
    "Encoder": "encoders.base",
    "EncoderDescription": "encoders.base",
    "Fidelity": "results",
    "FieldEncoder": "encoders.base",
    "Hit": "results",
    "InputError": "errors",
    "Item": "results",
    "Map": "results",
    "MissingExtraError": "errors",
    "NothingToCompareError": "errors",
    "Pairs": "results",
    "Quality": "results",
    "Probe": "results",
    "QueryEncoder": "encoders.base",
    "Record": "records",
    "Similar": "results",
    "SourceError": "errors",
    "TokenReport": "results",
    "Tuned": "results",
    "UnknownRecordError": "errors",
    "Unusual": "results",
    "WeightsError": "errors",
    "Why": "results",
}

__all__ = [
    "Answers",
    "Calibration",
    "Clusters",
    "Collection",
    "CollectionError",
    "Comparison",
    "Disagreement",
    "EmbedexError",
    "Encoder",
    "EncoderDescription",
    "Fidelity",
    "FieldEncoder",
    "Hit",
    "InputError",
    "Item",
    "Map",
    "MissingExtraError",
    "NothingToCompareError",
    "Pairs",
    "Probe",
    "Quality",
    "QueryEncoder",
    "Record",
    "Similar",
    "SourceError",
    "TokenReport",
    "Tuned",
    "UnknownRecordError",
    "Unusual",
    "WeightsError",
    "Why",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import embedex` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'embedex' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"embedex.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
