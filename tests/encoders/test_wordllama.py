"""WordLlama's vectors: means of the package's own, recomputed here in another way."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING

import numpy as np
import pytest

from embedex import weights
from embedex.encoders import registry, wordllama
from embedex.encoders.wordllama import WordLlama
from embedex.errors import WeightsError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.skipif(
    any(entry.missing() for entry in registry.ENTRIES if entry.name == "wordllama"),
    reason="the package wordllama is not installed",
)

TEXTS = [
    "glimfin",
    '{"id":25,"name":"glimfin","tags":["hums","in the reeds"],"x":null}',
    "Flabébé 🦊 進化 \u0301",
    "  two  spaces\nand a line ",
    "<s>",
    "reeds " * 2000,
]


@cache
def encoder() -> WordLlama:
    return WordLlama()


def recomputed(texts: list[str]) -> NDArray[np.float64]:
    """The same from the two files alone, in double precision and a token at a time."""
    from safetensors import safe_open
    from tokenizers import Tokenizer

    folder = distribution("wordllama").locate_file("wordllama")
    with safe_open(f"{folder}/weights/l2_supercat_256.safetensors", "np") as file:
        table = file.get_tensor("embedding.weight").astype(np.float64)
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizers/l2_supercat_tokenizer_config.json")
    tokenizer.no_truncation()
    rows = []
    for text in texts:
        total = np.zeros(256)
        for token in tokenizer.encode(text.lower(), add_special_tokens=False).ids:
            total += table[token]
        rows.append(total / np.linalg.norm(total))
    return np.asarray(rows)


def test_a_vector_is_the_mean_of_the_packages_token_vectors() -> None:
    try:
        distribution("wordllama")
    except PackageNotFoundError:
        pytest.skip("the files come from the cache, not from the package")
    np.testing.assert_allclose(encoder().encode_documents(TEXTS), recomputed(TEXTS), atol=1e-5)


def test_case_does_not_count() -> None:
    lower, upper, mixed, other = encoder().encode_documents(["élan in reeds", "ÉLAN IN REEDS", "Élan In Reeds", "moss"])
    np.testing.assert_array_equal(lower, upper)
    np.testing.assert_array_equal(lower, mixed)
    assert not np.allclose(lower, other)


def test_a_text_without_tokens_is_the_unknown_token() -> None:
    empty, unknown = encoder().encode_documents(["", "<unk>"])
    np.testing.assert_array_equal(empty, unknown)


def test_a_long_text_is_not_cut() -> None:
    begin = "reeds " * 5000
    one, other = encoder().encode_documents([begin, begin + "steel prices rose " * 5000])
    assert one @ other < 0.95


def test_no_token_has_a_vector_without_direction() -> None:
    lengths = np.linalg.norm(encoder()._vectors, axis=1)
    assert lengths.shape == (32_000,)
    assert lengths.min() > 0.1


def test_a_question_is_a_text_like_any_other() -> None:
    np.testing.assert_array_equal(encoder().encode_queries(TEXTS[:3]), encoder().encode_documents(TEXTS[:3]))


@pytest.mark.parametrize("which", ["VECTORS", "TOKENIZER"])
def test_files_that_are_not_the_pinned_ones_are_refused(which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = {"VECTORS": wordllama.VECTORS, "TOKENIZER": wordllama.TOKENIZER}[which]
    monkeypatch.setattr(wordllama, which, replace(pinned, sha256="0" * 64))
    with pytest.raises(WeightsError, match="is not WordLlama's") as raised:
        WordLlama()
    assert pinned.sha256 in raised.value.seen
    assert "0" * 64 in raised.value.allowed


def test_absent_files_are_refused_without_asking_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_pip(*command: object, **_: object) -> None:
        pytest.fail(f"nobody asked for a download: {command}")

    monkeypatch.setenv("EMBEDEX_CACHE", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", no_pip)
    monkeypatch.setattr(wordllama, "VECTORS", replace(wordllama.VECTORS, distribution="embedex-nothing"))
    with pytest.raises(WeightsError, match="WordLlama's token vectors is not on this machine"):
        WordLlama()


def test_the_description_pins_both_files() -> None:
    description = encoder().description
    assert description.weights_sha256 == wordllama.VECTORS.sha256
    assert wordllama.TOKENIZER.sha256[:16] in description.preprocessing
    assert wordllama.VECTORS.version in description.revision
    assert weights.find(wordllama.VECTORS) is not None


def test_the_packages_own_code_is_never_run() -> None:
    code = (
        "import sys; from embedex.encoders.wordllama import WordLlama; WordLlama().encode_documents(['a']); "
        "print([name for name in sys.modules if name.split('.')[0] == 'wordllama'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
