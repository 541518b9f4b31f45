"""Sentence Transformers models, against a stand-in for the library that cuts long texts as silently as it does."""

from __future__ import annotations

import hashlib
import json
import math
import re
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from embedex.encoders.base import QueryEncoder
from embedex.encoders.sentence_transformers import SentenceTransformers
from embedex.errors import EmbedexError, InputError, MissingExtraError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

DIMENSION = 16
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FastTokenizer:
    """Called as transformers' fast tokenizers are. Adds two tokens.

    A word's first piece has up to two letters and the following up to four, so that what is cut within a word can
    have more pieces than before. A character beyond ASCII is three tokens.
    """

    is_fast = True
    model_max_length = 10**30

    def __call__(
        self,
        text: str,
        *,
        truncation: bool,
        padding: bool,
        verbose: bool,
        add_special_tokens: bool = True,
        return_offsets_mapping: bool = False,
    ) -> dict[str, list[Any]]:
        assert not truncation
        assert not padding
        assert not verbose
        offsets = self.offsets(text)
        ids = [text[start:end].lower() for start, end in offsets]
        found: dict[str, list[Any]] = {"input_ids": ["<s>", *ids, "</s>"] if add_special_tokens else ids}
        if return_offsets_mapping:
            found["offset_mapping"] = offsets
        return found

    @staticmethod
    def offsets(text: str) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for match in re.finditer(r"[!-~]+|[^\x00-\x7f]", text):
            start, end = match.span()
            if not match[0].isascii():
                found += [(start, end)] * 3
                continue
            found.append((start, min(start + 2, end)))
            found += [(place, min(place + 4, end)) for place in range(start + 2, end, 4)]
        return found


def token_vector(token: str) -> NDArray[np.float64]:
    seed = int.from_bytes(hashlib.sha256(token.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).normal(size=DIMENSION)


class Library:
    """What `sentence_transformers.SentenceTransformer` does, as far as the encoder uses it."""

    max_length: ClassVar[float | None] = 12
    given_prompts: ClassVar[dict[str, str | None]] = {"query": "ask: ", "document": "say: "}
    default_prompt: ClassVar[str | None] = None
    tokenizer_class: ClassVar[type] = FastTokenizer
    zero_for: ClassVar[set[str]] = set()
    opened: ClassVar[list[tuple[str, dict[str, Any]]]] = []
    error: ClassVar[Exception | None] = None

    def __init__(self, model_name_or_path: str | None = None, **options: Any) -> None:
        if self.error:
            raise self.error
        self.opened.append((str(model_name_or_path), options))
        self.max_seq_length = self.max_length
        self.prompts = dict(self.given_prompts)
        self.default_prompt_name = self.default_prompt
        self.tokenizer = self.tokenizer_class()
        self.floats = False
        self.read: list[str] = []
        self.batches: list[int] = []

    def float(self) -> Library:
        self.floats = True
        return self

    def encode_query(self, inputs: Sequence[str], **options: Any) -> NDArray[np.float32]:
        return self._encode(inputs, "q", **options)

    def encode_document(self, inputs: Sequence[str], **options: Any) -> NDArray[np.float32]:
        return self._encode(inputs, "d", **options)

    def _encode(
        self,
        inputs: Sequence[str],
        task: str,
        *,
        prompt: str,
        batch_size: int,
        show_progress_bar: bool,
        convert_to_numpy: bool,
        normalize_embeddings: bool,
    ) -> NDArray[np.float32]:
        assert isinstance(inputs, list)
        assert self.floats
        assert not show_progress_bar
        assert convert_to_numpy
        assert normalize_embeddings
        self.batches.append(batch_size)
        rows = []
        for text in inputs:
            self.read.append(prompt + text)
            tokens = FastTokenizer()(prompt + text, truncation=False, padding=False, verbose=False)["input_ids"]
            if self.max_seq_length is not None and not math.isinf(self.max_seq_length):
                tokens = tokens[: int(self.max_seq_length)]  # and says nothing
            vector = sum(token_vector(task + token) for token in tokens) / len(tokens)
            rows.append(np.zeros(DIMENSION) if text in self.zero_for else vector / np.linalg.norm(vector))
        return np.asarray(rows, np.float32)


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> type[Library]:
    """A fresh one for each test, in place of the real one, whether that is installed or not."""

    class Fresh(Library):
        opened: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    module = ModuleType("sentence_transformers")
    module.SentenceTransformer = Fresh  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    return Fresh


MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
]


def fill(folder: Path) -> Path:
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "modules.json").write_text(json.dumps(MODULES))
    (folder / "1_Pooling" / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "tiny-model")


def model_of(encoder: SentenceTransformers) -> Library:
    model: Any = encoder._model
    assert isinstance(model, Library)
    return model


def mean_of(text: str, prefix: str, task: str) -> NDArray[np.float64]:
    tokens = FastTokenizer()(prefix + text, truncation=False, padding=False, verbose=False)["input_ids"]
    total = np.sum([token_vector(task + token) for token in tokens], axis=0)
    return np.asarray(total / np.linalg.norm(total))


TEXTS = [
    "moss",
    "",
    "reeds hum",
    "abcdefghij" * 9,
    "a b c d e f g h i j k l m n o p",
    "進化の石" * 6,
    " \t",
    "a 進 b " * 20,
]


# ── texts ───────────────────────────────────────────────────────────────────────────────────────────


def test_short_texts_get_the_models_own_prompts(folder: Path) -> None:
    encoder = SentenceTransformers(folder)
    assert isinstance(encoder, QueryEncoder)
    np.testing.assert_allclose(encoder.encode_documents(["moss"])[0], mean_of("moss", "say: ", "d"), atol=1e-6)
    np.testing.assert_allclose(encoder.encode_queries(["moss"])[0], mean_of("moss", "ask: ", "q"), atol=1e-6)


@pytest.mark.parametrize(
    ("prompts", "default", "document", "query"),
    [
        ({}, None, "", ""),
        ({"query": "", "document": None}, None, "", ""),
        ({"query": "q: ", "passage": "p: "}, None, "p: ", "q: "),
        ({"corpus": "c: ", "document": "d: "}, None, "d: ", ""),
        ({"s2s": "s: "}, "s2s", "s: ", "s: "),
        ({"query": "q: ", "s2s": "s: "}, "s2s", "s: ", "q: "),
    ],
)
def test_prompts_are_found_under_the_names_that_models_use(
    library: type[Library], folder: Path, prompts: dict[str, str | None], default: str | None, document: str, query: str
) -> None:
    library.given_prompts, library.default_prompt = prompts, default
    encoder = SentenceTransformers(folder)
    assert (encoder.description.document_prefix, encoder.description.query_prefix) == (document, query)
    encoder.encode_documents(["moss"])
    encoder.encode_queries(["moss"])
    assert model_of(encoder).read[-2:] == [f"{document}moss", f"{query}moss"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("query", [False, True])
def test_windows_fit_and_leave_nothing_out(folder: Path, text: str, query: bool) -> None:
    encoder = SentenceTransformers(folder)
    read = model_of(encoder).read
    read.clear()
    prefix = encoder.description.query_prefix if query else encoder.description.document_prefix
    (encoder.encode_queries if query else encoder.encode_documents)([text])
    for window in read:
        assert encoder._count(window) <= 12
    pieces = [window.removeprefix(prefix) for window in read]
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_windows_count_by_their_tokens(folder: Path, library: type[Library]) -> None:
    library.given_prompts = {}
    encoder = SentenceTransformers(folder)
    text = "a b c d e f g h i j k l m n"  # ten tokens fit beside two of the tokenizer's own
    windows = ["a b c d e f g h i j", "k l m n"]
    (vector,) = encoder.encode_documents([text])
    assert model_of(encoder).read[1:] == windows
    total = 10 * window_vector(windows[0]) + 4 * window_vector(windows[1])
    np.testing.assert_allclose(vector, total / np.linalg.norm(total), atol=1e-6)


def window_vector(text: str) -> NDArray[np.float64]:
    tokens = ["<s>", *text.split(), "</s>"]
    total = np.sum([token_vector(f"d{token}") for token in tokens], axis=0)
    return np.asarray(total / np.linalg.norm(total))


def test_the_end_of_a_long_text_counts(folder: Path) -> None:
    one, other = SentenceTransformers(folder).encode_documents(["reeds " * 50, "reeds " * 49 + "steel "])
    assert one @ other < 0.9999


@pytest.mark.parametrize("length", [None, math.inf, 10**30])
def test_a_model_without_a_limit_reads_whole_texts(library: type[Library], folder: Path, length: float | None) -> None:
    library.max_length = length
    encoder = SentenceTransformers(folder)
    encoder.encode_documents(["reeds " * 500])
    assert model_of(encoder).read[-1] == "say: " + "reeds " * 500
    assert "any length" in encoder.description.preprocessing


def test_a_vector_depends_on_its_own_text_alone(folder: Path) -> None:
    encoder = SentenceTransformers(folder)
    together = encoder.encode_documents(TEXTS)
    assert together.shape == (len(TEXTS), DIMENSION)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together.astype(np.float64), axis=1), 1, atol=1e-6)
    for row, text in enumerate(TEXTS):
        np.testing.assert_array_equal(encoder.encode_documents([text])[0], together[row])
    np.testing.assert_array_equal(encoder.encode_documents(TEXTS[::-1])[::-1], together)
    assert set(model_of(encoder).batches) == {1}
    assert encoder.encode_documents([]).shape == encoder.encode_queries([]).shape == (0, DIMENSION)


def test_a_text_in_which_the_model_sees_nothing_gets_a_stand_in(library: type[Library], folder: Path) -> None:
    library.zero_for = {"", " "}
    vectors = SentenceTransformers(folder).encode_documents(["", " ", ".", "moss"])
    np.testing.assert_array_equal(vectors[0], vectors[2])
    np.testing.assert_array_equal(vectors[1], vectors[2])
    library.zero_for = {"", "."}
    with pytest.raises(EmbedexError, match="gave a vector of length 0"):
        SentenceTransformers(folder).encode_documents([""])


def test_a_prompt_without_room_for_a_text_is_refused(library: type[Library], folder: Path) -> None:
    library.given_prompts = {"document": "a b c d e f g h i j"}
    encoder = SentenceTransformers(folder)
    with pytest.raises(InputError, match="leaves no room for a text"):
        encoder.encode_documents(["k l"])
    library.given_prompts, library.max_length = {}, 4
    with pytest.raises(InputError, match="reads 4 tokens, which is too few for '進'"):
        SentenceTransformers(folder).encode_documents(["a 進"])


def test_a_tokenizer_that_cannot_say_where_to_cut_is_refused(library: type[Library], folder: Path) -> None:
    library.tokenizer_class = SimpleNamespace
    with pytest.raises(InputError, match="does not say where a longer text can be cut"):
        SentenceTransformers(folder)
    library.max_length = math.inf
    assert SentenceTransformers(folder).encode_documents(["moss"]).shape == (1, DIMENSION)


# ── the model ───────────────────────────────────────────────────────────────────────────────────────


def test_the_library_is_kept_from_code_pickles_and_the_network(library: type[Library], folder: Path) -> None:
    SentenceTransformers(folder, device="cpu")
    assert library.opened == [
        (
            str(folder),
            {
                "device": "cpu",
                "trust_remote_code": False,
                "local_files_only": True,
                "model_kwargs": {"use_safetensors": True},
            },
        )
    ]


def test_a_folder_is_described_by_what_is_in_it(folder: Path, tmp_path: Path) -> None:
    description = SentenceTransformers(folder).description
    assert description.name == "sentence-transformers:tiny-model"
    assert description.revision == "a folder"
    assert description.weights_sha256 == hashlib.sha256(b"weights").hexdigest()
    assert "windows of 12 tokens" in description.preprocessing
    assert (description.dimension, description.context) == (DIMENSION, None)
    (tmp_path / "copies").mkdir()
    assert SentenceTransformers(fill(tmp_path / "copies" / "tiny-model")).description == description
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    assert SentenceTransformers(folder).description.preprocessing != description.preprocessing
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.bin").write_bytes(b"another format, which is not looked at")
    assert SentenceTransformers(folder).description.weights_sha256 == description.weights_sha256


def hub(monkeypatch: pytest.MonkeyPatch, answer: Path | Exception) -> list[tuple[str, dict[str, Any]]]:
    """A model hub that gives one folder."""
    asked: list[tuple[str, dict[str, Any]]] = []

    def snapshot_download(name: str, **options: Any) -> str:
        asked.append((name, options))
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    module = ModuleType("huggingface_hub")
    module.snapshot_download = snapshot_download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    return asked


def test_a_name_is_fetched_without_code_and_known_by_its_commit(
    library: type[Library], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = fill(tmp_path / "models--org--tiny" / "snapshots" / COMMIT)
    asked = hub(monkeypatch, snapshot)
    description = SentenceTransformers("org/tiny", revision="v1").description
    assert description.name == "sentence-transformers:org/tiny"
    assert description.revision == COMMIT
    name, options = asked[0]
    assert (name, options["revision"]) == ("org/tiny", "v1")
    assert not {"*.bin", "*.py", "*.pt", "*"} & {*options["allow_patterns"]}
    assert library.opened[0][0] == str(snapshot)
    assert SentenceTransformers("tiny").description.name == "sentence-transformers:sentence-transformers/tiny"


def test_a_model_that_cannot_be_had_says_how_to_bring_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hub(monkeypatch, OSError("no network\nand more"))
    with pytest.raises(WeightsError) as raised:
        SentenceTransformers("org/tiny")
    assert raised.value.seen == "The model org/tiny cannot be had from the Hugging Face Hub: no network"
    assert "hf download org/tiny --local-dir FOLDER" in raised.value.cure
    for absent in (tmp_path / "absent", "./absent", str(tmp_path / "absent")):
        with pytest.raises(WeightsError, match="There is no folder"):
            SentenceTransformers(absent)


def test_a_model_with_code_of_its_own_is_refused(library: type[Library], folder: Path) -> None:
    """Some editions of the library run a folder's own modules whatever `trust_remote_code` says."""
    (folder / "modules.json").write_text(json.dumps([{**MODULES[0], "type": "custom_st.Transformer"}]))
    with pytest.raises(InputError, match=r"brings code of its own: custom_st\.Transformer"):
        SentenceTransformers(folder)
    for broken in ("{", "[1]", "[{}]", "5"):
        (folder / "modules.json").write_text(broken)
        with pytest.raises(InputError, match=r"modules\.json cannot be used"):
            SentenceTransformers(folder)
    assert library.opened == []


def test_pickles_are_refused(library: type[Library], folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"beside safetensors it is never looked at")
    assert SentenceTransformers(folder)
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "pytorch_model.bin").write_bytes(b"")
    library.opened.clear()
    with pytest.raises(WeightsError, match=r"2_Dense/pytorch_model\.bin is a pickle"):
        SentenceTransformers(folder)
    (folder / "2_Dense" / "pytorch_model.bin").unlink()
    (folder / "pytorch_model.bin").unlink()
    (folder / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="has no safetensors"):
        SentenceTransformers(folder)
    assert library.opened == []


def test_what_the_library_says_comes_through(library: type[Library], folder: Path) -> None:
    library.error = ValueError("Unrecognized model")
    with pytest.raises(WeightsError, match=r"cannot open .*tiny-model: Unrecognized model"):
        SentenceTransformers(folder)
    with pytest.raises(InputError, match="batch_size is 0"):
        SentenceTransformers(folder, batch_size=0)
    with pytest.raises(InputError, match="is a folder and has no revision 'v1'"):
        SentenceTransformers(folder, revision="v1")


def test_without_the_library_the_cure_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtraError, match="needs the extra 'sentence-transformers'"):
        SentenceTransformers(folder)
