"""The list of encoders, and what describes each."""

from __future__ import annotations

import importlib
import inspect
import json
import operator
import subprocess
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

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
    precision="bf16 on an abacus",
    settings={"overflow": "truncate", "dimensions": 5},
    place="/models/stüb",
)
OLD = replace(DESCRIPTION, precision="", settings={}, place="")
"""As files from before settings were kept have it."""


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


def test_settings_reach_the_encoder_and_its_description_makes_it_again(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from .test_clip import LAYOUTS, make

    folder = make(tmp_path / "tiny", LAYOUTS["two files"])
    encoder = registry.load(f"clip:{folder}", "text", overflow="truncate", threads=1)
    assert encoder.description.settings == {"overflow": "truncate"}, "threads decide no vector"
    stored = EncoderDescription.from_json(encoder.description.to_json())
    again = registry.again(stored)
    assert again.description == encoder.description
    moved = folder.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="tiny has no"):
        registry.again(stored)
    found = registry.again(stored, f"clip:{moved}").description
    assert (found.settings, found.weights_sha256) == (stored.settings, stored.weights_sha256)


def test_each_setting_of_an_entry_is_an_argument_of_its_encoder() -> None:
    for entry in registry.ENTRIES:
        module, _, path = entry.factory.partition(":")
        factory = operator.attrgetter(path.partition(".")[0])(importlib.import_module(module))
        kind = getattr(factory, "func", factory)  # some are classes with arguments that are given already
        taken = {name for each in kind.__mro__ for name in inspect.signature(each.__init__).parameters}
        assert {*entry.settings} <= taken, entry.name


@pytest.mark.parametrize(
    ("name", "settings", "seen", "allowed"),
    [
        ("wordllama", {"overflow": "error"}, "'wordllama' has no setting overflow", "It has none."),
        ("nomic", {"folder": "/x"}, "'nomic' has no setting folder", "overflow, dimensions, context, task, precision"),
        ("nomic-v1", {"dimensions": 64}, "no setting dimensions", "overflow, context, task"),
        ("minilm", {"fetch": True, "task": "x"}, "no setting fetch, task", "threads"),
    ],
)
def test_a_setting_that_an_encoder_does_not_take_names_those_that_it_does(
    name: str, settings: dict[str, Any], seen: str, allowed: str
) -> None:
    with pytest.raises(InputError, match=seen) as raised:
        registry.load(name, "text", **settings)
    assert allowed in raised.value.allowed


def test_settings_go_to_the_encoders_that_take_them() -> None:
    chosen: dict[str, str | int] = {"overflow": "truncate", "threads": 3}
    assert registry.divide(chosen, {"text": "nomic", "image": "nomic"}) == {"text": chosen, "image": {"threads": 3}}
    assert registry.divide({}, {"image": "descriptor"}) == {"image": {}}
    with pytest.raises(InputError, match="No encoder that was chosen has a setting overflow") as raised:
        registry.divide(chosen, {"text": "wordllama", "image": "nomic"})
    assert raised.value.allowed == "Their settings are: wordllama (text): none; nomic (image): precision, threads"
    with pytest.raises(InputError, match="no text encoder 'gnomic'"):
        registry.divide(chosen, {"text": "gnomic"})


def test_who_asks_in_the_space_of_pictures() -> None:
    pictures = replace(OLD, modality="image")
    assert registry.asker(replace(pictures, name="descriptor")) is None
    assert registry.asker(replace(pictures, name="someone's own")) is None
    assert registry.asker(replace(pictures, name="nomic:mine", place="/models/mine")) is None
    nomic = registry.asker(replace(pictures, name="nomic", precision="bf16 on OpenVINO"))
    assert nomic == registry.Recipe("nomic", {"dimensions": 768}, "bf16"), "in the precision of the pictures"
    clip = registry.asker(replace(pictures, name="clip:tiny", place="/models/tiny"))
    assert clip == registry.Recipe("clip:/models/tiny")
    assert registry.asker(replace(pictures, name="clip:tiny")) == registry.Recipe("clip:tiny"), "an old file"
    google = registry.asker(replace(pictures, name="google", settings={"dimensions": 512}))
    assert google == registry.Recipe("google", {"dimensions": 512})


class Rounded:
    """Has two settings, and of the precisions only those that this machine has."""

    here = ("f32", "bf16")

    def __init__(self, *, shift: int = 0, precision: str = "bf16") -> None:
        if precision not in self.here:
            raise InputError(f"No {precision} here.")
        if shift < 0:
            raise InputError("A negative shift.")
        self.description = replace(OLD, name="rounded", precision=f"{precision} on paper", settings={"shift": shift})


def test_an_encoder_is_made_again_in_its_precision_where_this_machine_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ("shift", "precision")
    entry = registry.Entry("rounded", "text", 5, "", "", f"{__name__}:Rounded", lambda: "", settings)
    monkeypatch.setattr(registry, "ENTRIES", (*registry.ENTRIES, entry))
    made = registry.load("rounded", "text", shift=3, precision="f32").description
    assert registry.recipe(made) == registry.Recipe("rounded", {"shift": 3}, "f32")
    assert registry.again(made).description == made
    monkeypatch.setattr(Rounded, "here", ("bf16",))
    assert registry.again(made).description == replace(made, precision="bf16 on paper"), "the default's"
    with pytest.raises(InputError, match="negative"):
        registry.again(replace(made, settings={"shift": -1}))
    coarse = replace(made, settings={"shift": 3, "precision": "w8"}, precision="w8 on paper")
    with pytest.raises(InputError, match="No w8 here"):
        registry.again(coarse)


def test_what_is_paid_or_not_all_here_is_not_used_unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {entry.name for entry in registry.ENTRIES if entry.service} == {
        entry.name for entry in registry.ENTRIES if "paid" in entry.source
    }
    lacking = registry.Entry("lacking", "text", 5, "", "", "", lambda: "548 MB, fetched at first use")
    monkeypatch.setattr(registry, "ENTRIES", (*registry.ENTRIES, lacking))
    assert registry.objection("lacking", "text") == "'lacking' needs 548 MB, fetched at first use"
    assert registry.objection("google", "text") == "'google' is a paid service"
    assert registry.objection("descriptor", "image") == ""


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
    assert EncoderDescription.from_json(text).place == description.place, "which equality does not tell"
    assert "\n" not in text
    assert json.loads(text) == asdict(description)
    assert list(json.loads(text)) == sorted(json.loads(text)), "canonical: whatever the order of the fields"


def test_a_description_from_before_settings_were_kept_is_read_and_stays_the_same() -> None:
    values = {name: value for name, value in asdict(OLD).items() if name not in ("precision", "settings", "place")}
    old = json.dumps(values, sort_keys=True, ensure_ascii=False)
    assert EncoderDescription.from_json(old) == OLD
    assert OLD.to_json() == old


def test_precision_and_place_do_not_keep_encoders_apart_but_every_setting_does() -> None:
    moved = replace(DESCRIPTION, place="/elsewhere")
    assert (moved, moved.fingerprint) == (DESCRIPTION, DESCRIPTION.fingerprint), "a model that was moved is the same"
    rounded = replace(DESCRIPTION, precision="f32 on paper")
    assert rounded != DESCRIPTION, "its vectors are kept apart"
    assert rounded.agrees(DESCRIPTION), "but may be compared"
    assert not replace(rounded, settings={"dimensions": 5}).agrees(DESCRIPTION)
    assert not replace(rounded, revision="2").agrees(DESCRIPTION)
    assert replace(moved, name="own:elsewhere").agrees(DESCRIPTION), "one's own is named after its folder"
    assert not replace(OLD, name="another").agrees(OLD)
    assert len({DESCRIPTION, moved}) == 1


def test_a_setting_that_is_not_known_is_refused() -> None:
    text = json.dumps({**asdict(DESCRIPTION), "quantised": "int8", "extra": 1})
    with pytest.raises(CollectionError, match="does not know: extra, quantised") as raised:
        EncoderDescription.from_json(text)
    assert "pip install -U embedex" in raised.value.cure


SETTINGS_OF_NO_KIND = json.dumps({**asdict(DESCRIPTION), "settings": ["overflow"]})


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "5", "{}", '{"name": "stub"}', '["name"]', SETTINGS_OF_NO_KIND]
)
def test_what_is_no_description_is_refused(text: str) -> None:
    with pytest.raises(CollectionError, match=r"description cannot be read|does not know"):
        EncoderDescription.from_json(text)


@pytest.mark.parametrize("name", [field.name for field in fields(EncoderDescription) if field.compare])
def test_a_fingerprint_changes_with_every_setting(name: str) -> None:
    listed = replace(DESCRIPTION, place="")
    value = getattr(listed, name)
    changed = {**value, "dimensions": 6} if name == "settings" else value + 1 if isinstance(value, int) else f"{value}x"
    other = EncoderDescription(**{**asdict(listed), name: changed})
    assert other.fingerprint != listed.fingerprint
    assert other.identity != listed.identity


def test_a_model_of_ones_own_is_the_same_under_another_name_and_elsewhere() -> None:
    moved = replace(DESCRIPTION, name="own:elsewhere", place="/elsewhere")
    assert (moved.identity, moved.fingerprint) == (DESCRIPTION.identity, DESCRIPTION.fingerprint)
    other = replace(moved, weights_sha256="cd" * 32)
    assert other.identity != DESCRIPTION.identity, "its weights decide"
    assert other.fingerprint != DESCRIPTION.fingerprint
    assert not other.agrees(DESCRIPTION)
    assert replace(OLD, name="another").identity != OLD.identity, "one of the list is its name"


def test_a_fingerprint_stays_the_same() -> None:
    """It names the shards of a killed run, which another process finds again."""
    assert DESCRIPTION.fingerprint == replace(DESCRIPTION).fingerprint
    assert OLD.fingerprint == "41fc07a5f04b064d", "shards from before are found as well"
    assert DESCRIPTION.fingerprint == "d1446cec32fd8bed"
    assert replace(DESCRIPTION, context=None).fingerprint != replace(DESCRIPTION, context=0).fingerprint
