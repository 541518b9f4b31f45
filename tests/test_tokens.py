"""Token counts: those of the tokenizers themselves, and where in the records the tokens are."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from embedex import tokens, weights
from embedex.documents import TextSettings, text_document
from embedex.errors import WeightsError
from embedex.records import Record
from embedex.results import TokenCounts

if TYPE_CHECKING:
    from collections.abc import Iterator

POKEMON = Path(__file__).parents[2] / "shared" / "data" / "pokemon-2024-06.jsonl"

needs_wordpiece = pytest.mark.skipif(
    weights.find(tokens.WORDPIECE) is None,
    reason=f"the vocabulary of bert-base-uncased ({tokens.WORDPIECE.distribution}) is not on this machine",
)
needs_bpe = pytest.mark.skipif(
    weights.find(tokens.BPE) is None,
    reason=f"the ranks of o200k_base ({tokens.BPE.distribution}) are not on this machine",
)
needs_pokemon = pytest.mark.skipif(not POKEMON.is_file(), reason=f"{POKEMON} is not on this machine")

TEXTS = [
    "",
    "x",
    '{"name":"glimfin","tags":["hums","in the reeds"]}',
    "Flabébé 🦊 進化 \u0301\u200d naïve",
    "[CLS] <|endoftext|> [SEP]",
    "a" * 300,
    "reeds " * 1000,
]

RECORDS = [
    Record("1", {"p_name": "glimfin", "p_tags": [{"p_of": "reeds"}, {"p_of": "ponds"}], "p_size": 3}),
    Record("2", {}),
    Record("3", {"p_name": "Flabébé 🦊 \u0301 進化", "p_none": None, "p_deep": {"p_er": {"p_est": [[1, 2], []]}}}),
    Record("4", {"p_text": "It hums, softly, in the reeds. " * 40}),
]


@cache
def wordpiece() -> tokens.WordPiece:
    return tokens.WordPiece.load(fetch=False)


@cache
def byte_pair() -> tokens.BytePair:
    return tokens.BytePair.load(fetch=False)


@cache
def pokemon() -> list[Record]:
    with POKEMON.open(encoding="utf-8") as file:
        return [Record(str(row), json.loads(line)) for row, line in enumerate(file)]


# ── the tokenizers ──────────────────────────────────────────────────────────────────────────────────


@needs_wordpiece
def test_wordpiece_counts_what_the_tokenizer_gives_uncut() -> None:
    from tokenizers import Tokenizer

    own = Tokenizer.from_buffer(weights.read(tokens.WORDPIECE))
    own.no_truncation()
    own.no_padding()
    expected = [len(own.encode(text).ids) for text in TEXTS]
    assert wordpiece().count(TEXTS) == expected
    assert expected[:2] == [2, 3], "[CLS] and [SEP] are counted"
    assert expected[-1] == 2002, "a long text is not cut"
    assert wordpiece().count([]) == []


@needs_wordpiece
def test_wordpiece_knows_where_tokens_start() -> None:
    assert wordpiece().starts(["", "glimfin Élan 🦊 x"])[0] == []
    text = "reeds ÉLAN 🦊 x"
    starts = wordpiece().starts([text])[0]
    assert {0, 6, 11, 13} <= set(starts), "in characters, not in bytes"
    assert len(starts) + 2 == wordpiece().count([text])[0]


@needs_bpe
def test_byte_pairs_are_counted_as_tiktoken_does() -> None:
    import tiktoken

    ranks = byte_pair().encoding._mergeable_ranks
    reference = byte_pair().encoding
    own = tiktoken.Encoding(
        "own", pat_str=reference._pat_str, mergeable_ranks=ranks, special_tokens=reference._special_tokens
    )
    assert byte_pair().count(TEXTS) == [len(own.encode(text, disallowed_special=())) for text in TEXTS]
    assert byte_pair().count(["", "hello world", "hello"]) == [0, 2, 1]
    assert byte_pair().count([]) == []
    assert len(ranks) == 199_998
    assert own.encode("hello world") == [24912, 2375], "the ids that OpenAI's o200k_base gives"


@needs_bpe
def test_loading_leaves_tiktokens_own_setting_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    tokens.BytePair.load(fetch=False)
    assert "TIKTOKEN_CACHE_DIR" not in os.environ
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "/elsewhere")
    tokens.BytePair.load(fetch=False)
    assert os.environ["TIKTOKEN_CACHE_DIR"] == "/elsewhere"


@needs_bpe
@pytest.mark.parametrize("content", [None, b"cut short"])
def test_ranks_that_are_absent_or_damaged_in_the_cache_are_unpacked_again(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left to itself, tiktoken would ask the network for them."""
    import tiktoken.registry

    packed = weights.read(tokens.BPE)
    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})  # what a new process finds
    monkeypatch.setenv("EMBEDEX_CACHE", str(tmp_path))
    tokens.BPE.cached.parent.mkdir(parents=True)
    tokens.BPE.cached.write_bytes(packed)
    ranks = tmp_path / "tiktoken" / "fb374d419588a4632f3f557e76b4b70aebbca790"
    if content is not None:
        ranks.parent.mkdir()
        ranks.write_bytes(content)
    assert tokens.BytePair.load(fetch=False).count(["hello world"]) == [2]
    assert hashlib.sha256(ranks.read_bytes()).hexdigest() == (
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
    )


def test_a_tokenizer_that_is_not_on_this_machine_names_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDEX_CACHE", str(tmp_path))
    monkeypatch.setattr(weights, "_installed", lambda file: None)
    with pytest.raises(WeightsError, match=r"^The WordPiece tokenizer of bert-base-uncased is not on this machine"):
        tokens.WordPiece.load(fetch=False)
    with pytest.raises(WeightsError, match=r"^The byte-pair encoding o200k_base is not on this machine"):
        tokens.BytePair.load(fetch=False)
    assert list(tmp_path.iterdir()) == []


# ── the report ──────────────────────────────────────────────────────────────────────────────────────


@needs_wordpiece
@needs_bpe
@pytest.mark.parametrize("settings", [TextSettings(), TextSettings("p_"), TextSettings("p_", ascii=True)])
@pytest.mark.parametrize("batch", [1, 3, 64])
def test_a_report_counts_every_records_document(
    settings: TextSettings, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "BATCH", batch)
    told: list[int] = []
    report = tokens.report("Creatures", iter(RECORDS), settings, fetch=False, progress=told.append)
    texts = [text_document(record, settings).text for record in RECORDS]
    assert (report.collection, report.ids) == ("Creatures", ["1", "2", "3", "4"])
    assert [(each.tokenizer, each.kind) for each in report.tokenizers] == [
        ("bert-base-uncased", "WordPiece"),
        ("o200k_base", "BPE"),
    ]
    assert [each.counts.dtype for each in report.tokenizers] == [np.int64, np.int64]
    assert [each.counts.tolist() for each in report.tokenizers] == [wordpiece().count(texts), byte_pair().count(texts)]
    assert told == {1: [1, 2, 3, 4], 3: [3, 4], 64: [4]}[batch]


@needs_wordpiece
@needs_bpe
@pytest.mark.parametrize("settings", [TextSettings("p_"), TextSettings("p_", ascii=True)])
def test_tokens_by_path_add_up_to_all_but_the_added_ones(settings: TextSettings) -> None:
    report = tokens.report("", RECORDS, settings, fetch=False)
    assert sum(count for _, count in report.by_path) == report.tokenizers[0].counts.sum() - 2 * len(RECORDS)
    assert [path for path, _ in report.by_path] == sorted(
        dict(report.by_path), key=lambda path: (-dict(report.by_path)[path], path)
    )
    assert {path for path, _ in report.by_path} == {
        "", "name", "tags.of", "size", "none", "deep.er.est", "text",
    }  # fmt: skip


@needs_wordpiece
@needs_bpe
def test_a_token_belongs_to_the_field_it_starts_in() -> None:
    record = Record("1", {"a": "🦊🦊 reeds", "b": ["x", "yz"], "c": {"d": 1}})
    settings = TextSettings()
    text = '{"a":"🦊🦊 reeds","b":["x","yz"],"c":{"d":1}}'
    assert text_document(record, settings).text == text
    edges = {"a": 0, "b": text.index(',"b"'), "c.d": text.index('],"c"')}
    expected = Counter(
        max((path for path in edges if edges[path] <= start), key=lambda path: edges[path])
        for start in wordpiece().starts([text])[0]
    )
    assert dict(tokens.report("", [record], settings, fetch=False).by_path) == expected


@needs_wordpiece
@needs_bpe
def test_a_report_of_no_records_is_empty() -> None:
    report = tokens.report("Nothing", [], TextSettings(), fetch=False)
    assert (list(report.ids), list(report.by_path)) == ([], [])
    for counted in report.tokenizers:
        assert counted.counts.shape == (0,)
        assert (counted.median, counted.share_over(1)) == (0.0, 0.0)


def test_a_share_over_a_limit_is_of_those_that_would_be_cut() -> None:
    counted = TokenCounts("x", "BPE", np.asarray([1, 2, 3, 10]))
    assert (counted.share_over(2), counted.share_over(3), counted.share_over(10)) == (0.5, 0.25, 0)
    assert counted.median == 2.5


# ── a real collection ───────────────────────────────────────────────────────────────────────────────

REAL_SETTINGS = TextSettings("pokemon_v2_", ascii=True)


@needs_wordpiece
@needs_bpe
@needs_pokemon
def test_the_first_pokemon_have_the_counts_that_are_known() -> None:
    report = tokens.report("Pokémon", pokemon()[:60], REAL_SETTINGS, fetch=False)
    words, pairs = (each.counts for each in report.tokenizers)
    known = [5052, 4940, 5260, 5678, 5439, 6401, 5648, 5416, 5912, 3984]
    assert np.minimum(words, 8192)[:10].tolist() == known
    assert pairs[:10].tolist() == [2827, 2855, 2944, 3164, 3014, 3470, 3085, 3020, 3240, 2421]
    assert sum(count for _, count in report.by_path) == words.sum() - 2 * 60


@needs_wordpiece
@needs_bpe
@needs_pokemon
def test_slow_all_pokemon_have_the_medians_that_are_known() -> None:
    """The slowest test of this file: it counts all 1,302 documents twice, which takes some seconds."""

    def texts() -> Iterator[str]:
        for record in pokemon():
            yield text_document(record, REAL_SETTINGS).text

    every = list(texts())
    assert np.median(np.minimum(wordpiece().count(every), 8192)) == 3781
    assert np.median(byte_pair().count(every)) == 2010.5
