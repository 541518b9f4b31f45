"""Which encoders there are: a list of data. `load` makes one; nothing is imported before that."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from embedex import weights
from embedex.encoders.base import Encoder, Modality
from embedex.errors import InputError


@dataclass(frozen=True, slots=True)
class Entry:
    """One encoder that can be asked for by name.

    Attributes:
        name: what a person types.
        modality: what it embeds.
        dimension: length of its vectors.
        context: how long a document may be.
        source: where it comes from, with its licence.
        factory: ``module:name`` of what makes it.
        missing: says what it lacks here and now, with the cure, or ``""`` when it can be used.
    """

    name: str
    modality: Modality
    dimension: int
    context: str
    source: str
    factory: str
    missing: Callable[[], str]


def _wordllama_missing() -> str:
    from embedex.encoders import wordllama

    absent = [file for file in (wordllama.VECTORS, wordllama.TOKENIZER) if weights.find(file) is None]
    return f"pip install --force-reinstall wordllama=={wordllama.VECTORS.version}" if absent else ""


def _nothing_missing() -> str:
    return ""


ENTRIES = (
    Entry(
        "wordllama",
        "text",
        256,
        "any length",
        "static token vectors, MIT, in its package",
        "embedex.encoders.wordllama:WordLlama",
        _wordllama_missing,
    ),
    Entry(
        "descriptor",
        "image",
        576,
        "224 x 224 px",
        "colour and edge histograms, no weights",
        "embedex.encoders.descriptor:Descriptor",
        _nothing_missing,
    ),
)

DEFAULTS: dict[Modality, str] = {"text": "wordllama", "image": "descriptor"}
"""The encoders that need no network, one for each modality."""


def load(name: str, modality: Modality) -> Encoder:
    """Make the encoder of that name.

    Raises:
        InputError: there is none of that name for that modality.
        WeightsError: its model file is missing or is not the pinned one.
    """
    for entry in ENTRIES:
        if (entry.name, entry.modality) == (name, modality):
            module, _, attribute = entry.factory.partition(":")
            encoder: Encoder = getattr(importlib.import_module(module), attribute)()
            return encoder
    names = ", ".join(entry.name for entry in ENTRIES if entry.modality == modality)
    raise InputError(
        f"There is no {modality} encoder {name!r}.",
        allowed=f"There are: {names}",
        cure="embedex models lists them with what each needs.",
    )
