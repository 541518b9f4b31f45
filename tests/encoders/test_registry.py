"""The list of encoders, and what describes each."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, fields, replace

import pytest

from embedex import weights
from embedex.encoders import registry
from embedex.encoders.base import Encoder, EncoderDescription, QueryEncoder
from embedex.errors import CollectionError, InputError

USABLE = [
    entry
    for entry in registry.ENTRIES
    # Those that need a file named are tested on their own; no test asks a service that is paid by the call.
    if not entry.name.endswith(":") and "paid" not in entry.source and not entry.missing()
]

DESCRIPTION = EncoderDescription(
    name="stüb",
    modality="text",
    space="stub-1",
    dimension=5,
    revision="1",
    weights_sha256="ab" * 32,
    preprocessing="none; 1",
    pooling="mean",
    context=512,
    document_prefix="document: ",
    query_prefix="query: ",
)


# ── the registry ────────────────────────────────────────────────────────────────────────────────────


def test_a_name_and_modality_mean_one_encoder() -> None:
    keys = [(entry.name, entry.modality) for entry in registry.ENTRIES]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("modality", ["text", "image"])
def test_every_modality_has_a_default_that_needs_no_network(modality: str) -> None:
    name = {str(each): name for each, name in registry.DEFAULTS.items()}[modality]
    assert (name, modality) in [(entry.name, entry.modality) for entry in USABLE]


@pytest.mark.parametrize("entry", USABLE, ids=lambda entry: entry.name)
def test_an_entry_tells_the_truth_about_its_encoder(entry: registry.Entry) -> None:
    encoder = registry.load(entry.name, entry.modality)
    assert isinstance(encoder, Encoder)
    description = encoder.description
    assert (description.name, description.modality, description.dimension) == (
        entry.name,
        entry.modality,
        entry.dimension,
    )
    assert isinstance(encoder, QueryEncoder) or entry.modality == "image"
    assert description.revision
    assert description.preprocessing
    assert description.space


@pytest.mark.parametrize(("name", "modality"), [("gnomic", "text"), ("wordllama", "image"), ("", "image")])
def test_an_unknown_name_lists_what_there_is(name: str, modality: str) -> None:
    with pytest.raises(InputError, match=f"^There is no {modality} encoder '{name}'") as raised:
        registry.load(name, "text" if modality == "text" else "image")
    listed = [entry.name for entry in registry.ENTRIES if entry.modality == modality]
    assert raised.value.allowed == f"There are: {', '.join(listed)}"
    assert "embedex models" in raised.value.cure


def test_an_encoder_without_its_files_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find", lambda file: None)
    missing = {entry.name: entry.missing() for entry in registry.ENTRIES}
    assert missing["wordllama"].startswith("pip install --force-reinstall wordllama==")
    assert missing["descriptor"] == ""


def test_the_list_of_encoders_loads_no_encoder() -> None:
    code = (
        "import sys; from embedex.encoders import registry; "
        "print(len(registry.ENTRIES), {'numpy', 'tokenizers', 'safetensors'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{len(registry.ENTRIES)} set()\n"


# ── descriptions ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("description", [DESCRIPTION, replace(DESCRIPTION, context=None, modality="image")])
def test_a_description_comes_back_from_json(description: EncoderDescription) -> None:
    text = description.to_json()
    assert EncoderDescription.from_json(text) == description
    assert EncoderDescription.from_json(text).fingerprint == description.fingerprint
    assert "\n" not in text
    assert json.loads(text) == asdict(description)
    assert list(json.loads(text)) == sorted(json.loads(text)), "canonical: whatever the order of the fields"


def test_a_setting_that_is_not_known_is_refused() -> None:
    text = json.dumps({**asdict(DESCRIPTION), "quantised": "int8", "extra": 1})
    with pytest.raises(CollectionError, match="does not know: extra, quantised") as raised:
        EncoderDescription.from_json(text)
    assert "pip install -U embedex" in raised.value.cure


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "5", "{}", '{"name": "stub"}', '["name"]'])
def test_what_is_no_description_is_refused(text: str) -> None:
    with pytest.raises(CollectionError, match=r"description cannot be read|does not know"):
        EncoderDescription.from_json(text)


@pytest.mark.parametrize("name", [field.name for field in fields(EncoderDescription)])
def test_a_fingerprint_changes_with_every_setting(name: str) -> None:
    value = getattr(DESCRIPTION, name)
    other = EncoderDescription(**{**asdict(DESCRIPTION), name: value + 1 if isinstance(value, int) else f"{value}x"})
    assert other.fingerprint != DESCRIPTION.fingerprint
    assert other != DESCRIPTION


def test_a_fingerprint_stays_the_same() -> None:
    """It names the shards of a killed run, which another process finds again."""
    assert DESCRIPTION.fingerprint == replace(DESCRIPTION).fingerprint
    assert DESCRIPTION.fingerprint == "41fc07a5f04b064d"
    assert replace(DESCRIPTION, context=None).fingerprint != replace(DESCRIPTION, context=0).fingerprint
