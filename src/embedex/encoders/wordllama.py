"""The embedded default for text: WordLlama's static token vectors, read from its installed package.

One vector a token, learned from a large model's input embeddings; a text's embedding is their mean. No transformer,
so a text may have any length and the order of its words does not count. Texts are lower-cased: records answer
questions better so (docs/choices.md). The package's own code is never imported: it would ask the network for its
tokenizer.

Source: https://github.com/dleemiller/WordLlama (MIT), ``l2_supercat_256``: 32,000 x 256 float16.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from embedex import weights
from embedex.encoders import field_parts
from embedex.encoders.base import EncoderDescription

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from embedex.documents import Span

VECTORS = weights.PackageFile(
    "wordllama",
    "0.4.0.post1",
    "wordllama/weights/l2_supercat_256.safetensors",
    "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
    "WordLlama's token vectors",
)
TOKENIZER = weights.PackageFile(
    "wordllama",
    "0.4.0.post1",
    "wordllama/tokenizers/l2_supercat_tokenizer_config.json",
    "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
    "WordLlama's tokenizer",
)

DESCRIPTION = EncoderDescription(
    name="wordllama",
    modality="text",
    space="wordllama-l2-supercat-256",
    dimension=256,
    revision=f"l2_supercat_256 of wordllama {VECTORS.version}",
    weights_sha256=VECTORS.sha256,
    preprocessing=f"WordLlama's tokenizer {TOKENIZER.sha256[:16]}, lower-cased, no special tokens; 1",
    pooling="mean over tokens",
)

UNKNOWN = 0
"""The token ``<unk>``, which stands for a text without any token, so that no text has a zero vector."""


class WordLlama:
    """Means of WordLlama token vectors; fits `embedex.encoders.base.QueryEncoder`.

    Raises:
        WeightsError: the package or one of its two files is missing or is not the pinned one.
    """

    description = DESCRIPTION

    def __init__(self) -> None:
        import numpy as np
        from safetensors.numpy import load
        from tokenizers import Tokenizer

        self._vectors = load(weights.read(VECTORS))["embedding.weight"].astype(np.float32)
        self._tokenizer = Tokenizer.from_buffer(weights.read(TOKENIZER))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def encode_documents(self, documents: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts of any length.

        Args:
            documents: n texts.

        Returns:
            float32, shape (n, 256). A text's vector depends on that text alone.
        """
        import numpy as np

        encodings = self._tokenizer.encode_batch_fast([text.lower() for text in documents], add_special_tokens=False)
        embedded = np.empty((len(encodings), DESCRIPTION.dimension), np.float32)
        for row, encoding in enumerate(encodings):
            total = self._sum(encoding.ids or [UNKNOWN])
            embedded[row] = total / np.linalg.norm(total)
        return embedded

    def encode_fields(
        self, documents: Sequence[str], fields: Sequence[Sequence[Span]]
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Vectors of texts and their fields' parts; see `embedex.encoders.base.FieldEncoder`."""
        import numpy as np

        lowered = [field_parts.lowered(text, each) for text, each in zip(documents, fields, strict=True)]
        encodings = self._tokenizer.encode_batch([text for text, _ in lowered], add_special_tokens=False)
        embedded = np.empty((len(encodings), DESCRIPTION.dimension), np.float32)
        parts = []
        for row, (encoding, (_, spans)) in enumerate(zip(encodings, lowered, strict=True)):
            total = self._sum(encoding.ids or [UNKNOWN])
            embedded[row] = total / np.linalg.norm(total)
            part = np.zeros((len(spans) + 1, DESCRIPTION.dimension))
            owner = field_parts.owners([start for start, _ in encoding.offsets], spans)
            ids = np.asarray(encoding.ids, np.int64)
            for each in np.unique(owner):
                part[each] = self._sum(ids[owner == each])
            if not len(ids):
                part[-1] = total
            parts.append(field_parts.to_unit(part))
        return embedded, parts

    def _sum(self, ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float64]:
        """The sum of tokens' vectors, shape (256,)."""
        import numpy as np

        # Each distinct token once, times how often it stands there: memory stays small for a text of any length.
        # Summed by numpy in float64, not by BLAS, whose threads would decide the last bits.
        counts = np.bincount(ids)
        used = np.flatnonzero(counts)
        total: NDArray[np.float64] = (counts[used, None] * self._vectors[used]).sum(axis=0)
        return total

    def encode_queries(self, questions: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of questions, as of any other text; shape (n, 256)."""
        return self.encode_documents(questions)
