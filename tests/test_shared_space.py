"""What embeds a question: made again from what is stored, or, for pictures, what shares their space."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from embedex.cli import main
from embedex.collection import Collection
from embedex.encoders import hub_files, nomic, registry
from embedex.encoders.base import EncoderDescription
from embedex.encoders.registry import Entry, Recipe
from embedex.errors import CollectionError, InputError, WeightsError
from embedex.records import Record
from encoders.nomic_small import pins, text_vector, write_model, write_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedex.results import Against

COLOURS = {"rose": (220, 20, 30), "fern": (20, 200, 30), "sky": (10, 40, 230), "dusk": (90, 60, 120)}
NAMES = [*COLOURS, "ghost"]


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    """Four records with a picture that is no square, and one without."""
    found = {}
    for number, (name, colour) in enumerate(COLOURS.items()):
        found[name] = tmp_path / f"{name}.png"
        noise = np.random.default_rng(number).integers(0, 30, (40, 90, 3))
        Image.fromarray(np.clip(noise + colour, 0, 255).astype(np.uint8)).save(found[name])
    records = [Record(name, {"name": name, "hum": "it hums in the reeds " * len(name)}) for name in NAMES]
    return Collection.create(tmp_path / "dex", records, title="T", origin="", id_path="id", pictures=found)


def vectors_of(collection: Collection, name: str) -> NDArray[np.float32]:
    stored = collection._holdings.store.read_embeddings(name)
    assert stored is not None
    return stored.vectors


def centred(vectors: NDArray[Any]) -> NDArray[np.float64]:
    moved = vectors.astype(np.float64) - vectors.astype(np.float64).mean(axis=0)
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True))


# ── stand-ins ───────────────────────────────────────────────────────────────────────────────────────

WORDS = ("red", "green", "blue")


class ColourWords:
    """Counts words for colours; `shift` is a setting that changes vectors, and every one made is remembered."""

    made: list[dict[str, Any]] = []  # noqa: RUF012 - the registry makes new ones
    precision = "f32 on paper"
    space = "words"
    weights = "1"

    def __init__(self, *, shift: int = 1, **settings: Any) -> None:
        self.made.append({"shift": shift, **settings})
        self.shift = shift
        chosen = {} if shift == 1 else {"shift": shift}
        space = "colours" if shift == 7 else self.space
        self.description = EncoderDescription(
            *("colour-words", "text", space, 3, self.weights, "", "none", "counts"),
            precision=self.precision,
            settings=chosen,
        )

    def encode_documents(self, documents: Sequence[str]) -> NDArray[np.float32]:
        rows = np.asarray([[self.shift + text.count(word) for word in WORDS] for text in documents], np.float32)
        return np.asarray(rows.reshape(-1, 3) / np.linalg.norm(rows.reshape(-1, 3), axis=1, keepdims=True))

    def encode_queries(self, questions: Sequence[str]) -> NDArray[np.float32]:
        return self.encode_documents(questions)


class MeanColour:
    """The mean colour, in the space in which colour words with a shift of seven are."""

    description = EncoderDescription("mean-colour", "image", "colours", 3, "1", "", "none", "mean")

    def encode_documents(self, documents: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        rows = np.asarray([picture.mean(axis=(0, 1)) + 1 for picture in documents], np.float32).reshape(-1, 3)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def entry(name: str, modality: Any, factory: str, settings: tuple[str, ...], asked_by: Recipe | None = None) -> Entry:
    return Entry(name, modality, 3, "", "", f"{__name__}:{factory}", lambda: "", settings, asked_by)


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = (
        entry("colour-words", "text", "ColourWords", ("shift", "threads")),
        entry("mean-colour", "image", "MeanColour", (), Recipe("colour-words", {"shift": 7})),
    )
    monkeypatch.setattr(registry, "ENTRIES", (*registry.ENTRIES, *entries))
    monkeypatch.setattr(ColourWords, "made", [])


@pytest.mark.usefixtures("stand_ins")
def test_a_question_is_embedded_with_the_settings_of_the_text(collection: Collection) -> None:
    collection.embed(text="colour-words", image=None, settings={"shift": 4, "threads": 2})
    assert ColourWords.made == [{"shift": 4, "threads": 2}]
    answers = Collection.open(collection.folder).ask("something green", against="records", centred=False)
    assert ColourWords.made[1:] == [{"shift": 4}], "threads are of one run"
    want = vectors_of(collection, "text") @ ColourWords(shift=4).encode_queries(["something green"])[0]
    assert {hit.item.id: hit.score for hit in answers.hits} == pytest.approx(dict(zip(NAMES, want, strict=True)))


@pytest.mark.usefixtures("stand_ins")
@pytest.mark.parametrize("raw", [False, True])
def test_pictures_are_asked_by_what_shares_their_space_whatever_embedded_the_text(
    collection: Collection, raw: bool
) -> None:
    """The text's own encoder, with other settings, and none at all."""
    for text, settings in (("colour-words", {"shift": 4}), ("wordllama", {}), (None, {})):
        collection.embed(text=text, image="mean-colour", settings=settings)
        answers = collection.ask("red " * 90, centred=False if raw else None)
        pictures = vectors_of(collection, "image")
        asked = ColourWords(shift=7).encode_queries(["red " * 90])[0]
        want = (pictures if raw else centred(pictures)) @ asked
        assert answers.against == "pictures"
        assert (answers.basis.by, answers.basis.encoder) == ("image", "mean-colour")
        scores = {hit.item.id: hit.score for hit in answers.hits}
        assert scores == pytest.approx(dict(zip(COLOURS, want, strict=True)), abs=1e-6)
        assert answers.hits[0].item.id == "rose"
        assert "1 record without a picture" in answers.basis.note


@pytest.mark.usefixtures("stand_ins")
def test_what_cannot_ask_here_says_what_to_do_instead(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    collection.embed(text="wordllama", image="mean-colour")

    def absent(self: ColourWords, **_: Any) -> None:
        raise WeightsError("words.bin is not here.", cure="Fetch it.")

    monkeypatch.setattr(ColourWords, "__init__", absent)
    with pytest.raises(CollectionError, match=r"cannot be had here: words\.bin is not here\.") as raised:
        collection.ask("something red", against="pictures")
    assert raised.value.cure == "Fetch it.\nOr leave the pictures out: --against passages"
    answers = collection.ask("something red")
    assert (answers.against, answers.basis.encoder) == ("passages", "wordllama")
    assert "not held against the pictures: words.bin is not here." in answers.basis.note
    assert collection.ask("something red", against="passages").against == "passages"
    assert collection.ask("something red", against="records").basis.encoder == "wordllama"


@pytest.mark.usefixtures("stand_ins")
def test_another_space_than_the_pictures_is_refused(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MeanColour, "description", replace(MeanColour.description, space="colours of old"))
    collection.embed(text=None, image="mean-colour")
    with pytest.raises(CollectionError, match="'colours' here; these pictures, embedded by 'mean-colour', are in"):
        collection.ask("something red")


@pytest.mark.usefixtures("stand_ins")
def test_another_precision_is_told_and_another_edition_refused(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.embed(text="colour-words", image=None)
    assert "asked in" not in collection.ask("red", against="records").basis.note
    monkeypatch.setattr(ColourWords, "precision", "bf16 on slate")
    note = collection.ask("red", against="records").basis.note
    assert note == "embedded in f32 on paper, asked in bf16 on slate"
    monkeypatch.setattr(ColourWords, "weights", "2")
    with pytest.raises(CollectionError, match="another edition of 'colour-words'") as raised:
        collection.ask("red", against="records")
    assert raised.value.cure == f"Run: embedex embed {collection.folder} --text colour-words", "not the default's"


class RoundedWords(ColourWords):
    """Computes in the precision that is asked for, where this machine has it."""

    here = ("f32", "bf16")

    def __init__(self, *, precision: str = "bf16", **settings: Any) -> None:
        if precision not in self.here:
            raise InputError(f"This processor has no {precision}.")
        super().__init__(**settings)
        self.description = replace(self.description, name="rounded-words", precision=f"{precision} on slate")


def test_a_question_is_asked_in_the_precision_of_what_it_is_held_against(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = (
        entry("rounded-words", "text", "RoundedWords", ("shift", "precision")),
        entry("mean-colour", "image", "MeanColour", (), Recipe("rounded-words", {"shift": 7})),
    )
    monkeypatch.setattr(registry, "ENTRIES", (*registry.ENTRIES, *entries))
    monkeypatch.setattr(MeanColour, "description", replace(MeanColour.description, precision="f32 on slate"))
    collection.embed(text="rounded-words", image="mean-colour", settings={"precision": "f32"})
    everywhere: tuple[Against, ...] = ("pictures", "passages", "records")
    for against in everywhere:
        assert "asked in" not in collection.ask("red", against=against).basis.note
    monkeypatch.setattr(RoundedWords, "here", ("bf16",))
    for against in everywhere:
        assert "embedded in f32 on slate, asked in bf16 on slate" in collection.ask("red", against=against).basis.note


@pytest.mark.parametrize(
    ("lacks", "service", "told"),
    [
        ("548 MB, fetched at first use", False, "'colour-words' needs 548 MB, fetched at first use"),
        ("", True, "'colour-words' is a paid service"),
    ],
)
def test_a_plain_question_neither_fetches_nor_pays_for_what_nobody_named(
    collection: Collection, monkeypatch: pytest.MonkeyPatch, lacks: str, service: bool, told: str
) -> None:
    words = replace(entry("colour-words", "text", "ColourWords", ("shift",)), missing=lambda: lacks, service=service)
    colours = entry("mean-colour", "image", "MeanColour", (), Recipe("colour-words", {"shift": 7}))
    monkeypatch.setattr(registry, "ENTRIES", (*registry.ENTRIES, words, colours))
    monkeypatch.setattr(ColourWords, "made", [])
    collection.embed(text=None, image="mean-colour")
    with pytest.raises(CollectionError, match=f"not held against the pictures: {told}") as raised:
        collection.ask("something red")
    assert raised.value.cure == "To do so all the same: --against pictures"
    collection.embed(text="wordllama", image=None)
    answers = collection.ask("something red")
    assert (answers.against, answers.basis.encoder) == ("passages", "wordllama")
    assert f"not held against the pictures: {told} (--against pictures)" in answers.basis.note
    assert ColourWords.made == []
    assert collection.ask("something red", against="pictures").against == "pictures"
    assert collection.ask("something red", encoder="colour-words").against == "pictures"
    collection.embed(text="colour-words", image=None, settings={"shift": 4})
    assert collection.ask("something red").against == "pictures", "it was named for the text"


@pytest.mark.usefixtures("stand_ins")
def test_an_encoder_can_be_named_or_handed_over(collection: Collection) -> None:
    collection.embed(text="colour-words", image="mean-colour", settings={"shift": 4})
    assert collection.ask("red", encoder="colour-words").against == "pictures"
    assert collection.ask("red", encoder=ColourWords(shift=7)).against == "pictures"
    assert collection.ask("red", encoder=ColourWords(shift=4)).against == "passages"
    with pytest.raises(CollectionError, match="another edition"):
        collection.ask("red", encoder=ColourWords(shift=5))
    with pytest.raises(CollectionError, match="embedded by 'colour-words', and 'wordllama' cannot ask it") as raised:
        collection.ask("red", encoder="wordllama")
    assert raised.value.cure == (
        f"Leave out --model, or embed the text anew: embedex embed {collection.folder} --text wordllama"
    )
    with pytest.raises(InputError, match="do not share a space"):
        collection.ask("red", encoder=ColourWords(shift=4), against="pictures")


@pytest.mark.usefixtures("stand_ins")
def test_a_setting_that_nobody_takes_is_refused_before_anything_is_made(collection: Collection) -> None:
    with pytest.raises(InputError, match="No encoder that was chosen has a setting overflow"):
        collection.embed(text="colour-words", image="descriptor", settings={"overflow": "error", "shift": 2})
    assert ColourWords.made == []


# ── nomic's two models, small and with random weights ───────────────────────────────────────────────

SMALL: dict[str, Any] = {}
"""Of each kind its `nomic.Model` and its folder."""


def small_text(**settings: Any) -> nomic.NomicTextEncoder:
    return nomic.NomicTextEncoder(*SMALL["text"], **{"precision": "f32", "backend": "openvino", **settings})


def small_vision(**settings: Any) -> nomic.NomicVisionEncoder:
    return nomic.NomicVisionEncoder(*SMALL["vision"], **{"precision": "f32", "backend": "openvino", **settings})


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Both models as entries of the registry; gives the text's tensors and its tokeniser."""
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'embedex[nomic]'")
    from tokenizers import Tokenizer

    text, vision = tmp_path / "small-text", tmp_path / "small-vision"
    text.mkdir()
    vision.mkdir()
    tensors = write_model(text, "text")
    write_tokenizer(text)
    write_model(vision, "vision", img_size=224, ref_feat_shape=[14, 14], n_layer=1)
    texts = hub_files.HubModel("nobody/small-text", "5" * 40, pins(text), "1 MB")
    pictures = hub_files.HubModel("nobody/small-vision", "6" * 40, pins(vision), "1 MB")
    SMALL["text"] = (nomic.Model("small", texts, "small-text", "small", (64, 32, 16)), text)
    SMALL["vision"] = (nomic.Model("small", pictures, "small", "small"), vision)
    settings = ("overflow", "dimensions", "context", "task", "precision", "threads")
    entries = (
        entry("small", "text", "small_text", settings),
        entry("small", "image", "small_vision", ("precision", "threads"), Recipe("small", {"dimensions": 64})),
    )
    monkeypatch.setattr(registry, "ENTRIES", (*registry.ENTRIES, *entries))
    tokenizer = Tokenizer.from_file(str(text / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return {"tensors": tensors, "tokenizer": tokenizer, "text": text, "vision": vision}


def by_hand(small: dict[str, Any], text: str, factor: float | None = 2.0, dimensions: int | None = None) -> Any:
    return text_vector(small["tensors"], small["tokenizer"].encode(text).ids, factor, dimensions)


@pytest.mark.parametrize("raw", [False, True])
def test_words_meet_pictures_after_the_layer_norm_while_texts_stay_the_plain_mean(
    small: dict[str, Any], collection: Collection, raw: bool
) -> None:
    collection.embed(text="small", image="small")
    pixels = []
    for name in COLOURS:
        with Image.open(collection.item(name).picture or "") as picture:
            stretched = picture.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
        pixels.append((np.asarray(stretched, np.float64) / 255 - nomic.PIXEL_MEAN) / nomic.PIXEL_STD)
    model = nomic.NomicVision.from_folder(small["vision"], "f32")
    pictures = model.encode_pixels(np.asarray(pixels, np.float32))
    np.testing.assert_allclose(vectors_of(collection, "image"), pictures, rtol=0, atol=2e-6)

    answers = collection.ask("it hums", centred=False if raw else None)
    asked = by_hand(small, "search_query: it hums", dimensions=64)
    want = (pictures.astype(np.float64) if raw else centred(pictures)) @ asked
    assert answers.against == "pictures"
    assert {hit.item.id: hit.score for hit in answers.hits} == pytest.approx(
        dict(zip(COLOURS, want, strict=True)), abs=1e-5
    )

    documents = [f'{{"name":"{name}","hum":"{"it hums in the reeds " * len(name)}"}}' for name in NAMES]
    texts = np.asarray([by_hand(small, f"search_document: {each}") for each in documents])
    np.testing.assert_allclose(vectors_of(collection, "text"), texts, rtol=0, atol=2e-6)
    answers = collection.ask("it hums", against="records", centred=False if raw else None)
    want = (texts if raw else centred(texts)) @ by_hand(small, "search_query: it hums")
    assert {hit.item.id: hit.score for hit in answers.hits} == pytest.approx(
        dict(zip(NAMES, want, strict=True)), abs=1e-5
    )


def test_every_setting_of_the_text_is_the_questions_too(small: dict[str, Any], collection: Collection) -> None:
    settings: dict[str, str | int] = {
        "overflow": "truncate",
        "dimensions": 32,
        "context": "plain",
        "task": "clustering",
    }
    collection.embed(text="small", image=None, settings={**settings, "precision": "f32", "threads": 1})
    stored = Collection.open(collection.folder).embeddings["text"]
    assert (stored.settings, stored.precision) == (settings, "f32 on OpenVINO")
    long = "it hums in the reeds " * 12
    answers = collection.ask(long, against="records", centred=False)
    asked = by_hand(small, f"clustering: {long}", None, 32)
    want = vectors_of(collection, "text").astype(np.float64) @ asked
    assert {hit.item.id: hit.score for hit in answers.hits} == pytest.approx(
        dict(zip(NAMES, want, strict=True)), abs=1e-5
    )


def test_a_model_of_ones_own_is_found_again_in_its_folder(
    small: dict[str, Any], collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small["text"].parent)
    arguments = ["--text", "nomic:small-text", "--image", "nomic:small-vision", "--threads", "1", "--dimensions", "16"]
    assert main(["embed", str(collection.folder), *arguments]) == 0
    described = Collection.open(collection.folder).embeddings
    assert described["text"].name == "nomic:small-text"
    assert described["text"].dimension == 16
    assert described["image"].place == str(small["vision"].resolve())
    monkeypatch.chdir("/")
    assert main(["ask", str(collection.folder), "it hums"]) == 0
    moved = small["text"].rename(small["text"].parent / "moved")
    assert main(["ask", str(collection.folder), "it hums"]) == 2
    assert main(["ask", str(collection.folder), "it hums", "--model", f"nomic:{moved}"]) == 0, "its weights decide"


def test_a_model_of_ones_own_that_was_renamed_embeds_nothing_anew(
    small: dict[str, Any], collection: Collection, tmp_path: Path
) -> None:
    other = Collection.create(
        tmp_path / "other", [collection.record(name) for name in NAMES], title="O", origin="", id_path="id"
    )
    settings: dict[str, str | int] = {"precision": "f32"}
    text, image = f"nomic:{small['text']}", f"nomic:{small['vision']}"
    collection.embed(text=text, image=image, settings=settings, fields=1)
    by_both = collection.fit_map(method="pca", by="fused")
    assert by_both.basis.note == ""
    text = f"nomic:{small['text'].rename(tmp_path / 'renamed-text')}"
    image = f"nomic:{small['vision'].rename(tmp_path / 'renamed-vision')}"
    reports = collection.embed(text=text, image=image, settings=settings, fields=1)
    assert {report.name: report.embedded for report in reports} == dict.fromkeys(
        ("text", "fields", "passages", "image"), 0
    )
    assert collection.embeddings["text"].place == str(tmp_path / "renamed-text"), "where it is found now"
    assert collection.read_map().basis.note == "", "the map is not stale"
    assert collection.ask("it hums", against="passages").hits
    reports = other.embed(text=text, image=None, settings=settings, reuse=collection.folder)
    assert [report.embedded for report in reports] == [0, 0]
    small_again = tmp_path / "renamed-text" / "tokenizer.json"
    small_again.write_text(small_again.read_text().replace('"hums"', '"hymn"'))
    assert other.embed(text=text, image=None, settings=settings)[0].embedded == len(NAMES), "another model"


def test_documents_beyond_the_context_are_counted(
    small: dict[str, Any], collection: Collection, capsys: pytest.CaptureFixture[str]
) -> None:
    reports = collection.embed(text="small", image="small")
    lengths = [len(small["tokenizer"].encode(f"search_document: {text}").ids) for text in texts_of(collection)]
    over = sum(length > 128 for length in lengths)
    assert reports[0].overlong == over
    assert reports[0].overlong_fate == "longer than 128 tokens: in windows, nothing left out"
    assert [report.overlong for report in collection.embed(text="small", image=None)] == [0, 0], "nothing is embedded"
    assert reports[2].overlong == 0
    capsys.readouterr()
    long = {"text": "it hums " * 100}
    Collection.create(collection.folder, [Record(name, long) for name in "ab"], title="T", origin="", id_path="id")
    for policy, fate in (("window", "in windows, nothing left out"), ("truncate", "cut after 128 tokens")):
        arguments = ["embed", str(collection.folder), "--text", "small", "--image", "none", "--overflow", policy]
        assert main(arguments) == 0
        printed = capsys.readouterr().err
        assert f"text: 1 document is longer than 128 tokens: {fate}" in printed
        assert f"passages: 1 document is longer than 128 tokens: {fate}" in printed
    arguments[-1] = "error"
    assert main(arguments) == 2
    assert "Document 1 of 1 has" in capsys.readouterr().err


def texts_of(collection: Collection) -> list[str]:
    return [document.text for document in collection._holdings.text_documents()]
