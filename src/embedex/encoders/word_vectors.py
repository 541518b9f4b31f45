r"""Word vectors from a file of your own: word2vec (text and binary), GloVe and fastText's ``.vec``, gzipped or not.

What a file is, is seen in its first bytes, not in its name. A text's embedding is the mean over its words; `analogy`
calculates with words. fastText's ``.bin`` and pickled gensim models are not read.

The formats, as their authors' programs write them:

* word2vec and fastText, text: a line ``words dimension``, then a line a word: the word and its numbers, by spaces;
* GloVe: the same without the first line (some copies have one);
* word2vec, binary: the first line, then for each word its bytes, a space, and float32 numbers, little-endian.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from embedex.encoders import field_parts
from embedex.encoders.base import EncoderDescription
from embedex.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from embedex.documents import Span

_BLOCK = 1 << 26
"""Bytes by which the matrix grows. What the header promises is not believed: a damaged one would ask for any memory."""

_BUFFER = 1 << 20
"""Bytes read at a time; also the longest line there may be."""

_MAX_WORD_BYTES = 10_000
"""A longer word means that the file is not what it seems to be."""

_GZIP = b"\x1f\x8b"
_ELSEWHERE = {
    b"PK\x03\x04": ("a zip archive", "Unpack it first: unzip FILE"),
    b"\xba\x16\x4f\x2f": ("fastText's own .bin format", "Use the .vec file that is published beside it."),
    b"\x80": ("a pickle", "Pickles are never loaded. In gensim: model.save_word2vec_format(FILE, binary=True)"),
    b"\x89HDF": ("an HDF5 file", ""),
}
"""What begins so is something else."""

_HEADER = re.compile(rb"(\d+) (\d+) *\r?\n")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class WordVectors:
    """Words and their vectors, as a file has them.

    Attributes:
        words: each once, in the order of the file, which is by falling frequency as a rule.
        vectors: float32, shape (words, d), as they are in the file: not of unit length.
    """

    words: Sequence[str]
    vectors: NDArray[np.float32]

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each word."""
        return {word: row for row, word in enumerate(self.words)}

    @cached_property
    def lower_case(self) -> bool:
        """Whether no word has a capital letter, so that texts have to be lower-cased to meet the words."""
        return all(word == word.lower() for word in self.words)

    @cached_property
    def lengths(self) -> NDArray[np.float32]:
        """The length of each vector, shape (words,); 1 where a vector is zero."""
        import numpy as np

        lengths: NDArray[np.float32] = np.sqrt(np.einsum("ij,ij->i", self.vectors, self.vectors))
        lengths[lengths == 0] = 1
        return lengths

    def row(self, word: str) -> int:
        """Where a word stands.

        Raises:
            InputError: it is not among the words; close ones are named.
        """
        known = self.rows.get(word.lower() if self.lower_case else word)
        if known is None:
            close = self._close(word)
            raise InputError(
                f"There is no word {word!r} among the {len(self.words):,} word vectors.",
                allowed=f"Close to it: {', '.join(close)}" if close else "",
                cure="A word vector stands for one word; leave out spaces and punctuation.",
            )
        return known

    def analogy(self, positive: Sequence[str], negative: Sequence[str], k: int = 10) -> list[tuple[str, float]]:
        """The words closest to a sum of words: with the query's own words left out, as word2vec's program does.

        "man is to woman as king is to ...", which that program asks for as ``man woman king``, is
        ``analogy(["woman", "king"], ["man"])``. Every word counts with a vector of unit length (3CosAdd).

        Args:
            positive: words that are added.
            negative: words that are taken away.
            k: how many words to give.

        Returns:
            Up to k words with the cosine to the sum, best first; words of one score in the order of the file.

        Raises:
            InputError: a word is unknown, there is none, they cancel out, or k is below 1.

        Source:
            Mikolov et al., Efficient Estimation of Word Representations in Vector Space (2013); the name 3CosAdd is
            of Levy and Goldberg, Linguistic Regularities in Sparse and Explicit Word Representations (2014).
        """
        import numpy as np

        if k < 1:
            raise InputError(f"k is {k}.", allowed="k is at least 1.")
        if not positive and not negative:
            raise InputError("An analogy needs words.", cure='For one: analogy(["woman", "king"], ["man"])')
        signed = [(self.row(word), 1.0) for word in positive] + [(self.row(word), -1.0) for word in negative]
        asked = [row for row, _ in signed]
        signs = np.asarray([sign for _, sign in signed]) / self.lengths[asked]
        target = (signs[:, None] * self.vectors[asked]).sum(axis=0)
        length = float(np.linalg.norm(target))
        if length < 1e-6:
            raise InputError("These words cancel each other out.", cure="Leave out a word that is on both sides.")
        scores = (self.vectors @ (target / length).astype(np.float32)) / self.lengths
        scores[asked] = -np.inf
        k = min(k, len(self.words) - len(set(asked)))
        if k < 1:
            return []
        # Candidates in linear time; then the same order on every machine, ties by row.
        worst = np.partition(scores, -k)[-k]
        candidates = np.flatnonzero(scores >= worst)
        best = candidates[np.argsort(-scores[candidates], kind="stable")][:k]
        return [(self.words[row], float(scores[row])) for row in best]

    def _close(self, word: str) -> list[str]:
        """Known words that look like one that is not."""
        from difflib import get_close_matches

        folded = word.casefold()
        # difflib takes seconds over a whole vocabulary: only words that begin alike and are about as long.
        like = [
            known for known in self.words if known[:1].casefold() == folded[:1] and abs(len(known) - len(word)) <= 2
        ]
        same = [known for known in like if known.casefold() == folded]
        return list(dict.fromkeys(same + get_close_matches(word, like, n=5)))[:5]


def read_word_vectors(path: Path, *, limit: int | None = None) -> WordVectors:
    """Read a file of word vectors, a piece at a time.

    Memory: the float32 matrix and the words, whatever the size of the file. A word that comes again is passed over:
    the first is the more frequent one. Bytes that are not UTF-8 become U+FFFD, because word2vec's program cuts long
    words within a character.

    Args:
        path: the file; gzip is unpacked on the way.
        limit: the most words to keep; the rest of the file is not looked at.

    Raises:
        InputError: the file cannot be read, is of another kind, is cut short, or has a malformed line, which is named.
    """
    import numpy as np

    if limit is not None and limit < 1:
        raise InputError(f"The limit is {limit} words.", allowed="It is at least 1.")
    words: dict[str, None] = {}
    matrix: NDArray[np.float32] | None = None
    try:
        with path.open("rb", buffering=_BUFFER) as file:
            for word, numbers in _entries(_unpacked(cast("io.BufferedReader", file)), path):
                if word in words:
                    continue
                block = max(1, _BLOCK // (4 * len(numbers)))
                if matrix is None:
                    matrix = np.empty((block, len(numbers)), np.float32)
                elif len(words) == len(matrix):
                    matrix.resize((len(matrix) + block, matrix.shape[1]), refcheck=False)
                matrix[len(words)] = numbers
                words[word] = None
                if len(words) == limit:
                    break
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    if matrix is None:
        raise InputError(f"{path} holds no word vectors.")
    matrix.resize((len(words), matrix.shape[1]), refcheck=False)
    return WordVectors(list(words), matrix)


_Entries = Iterator[tuple[str, "NDArray[np.float32]"]]


def _unpacked(file: io.BufferedReader) -> io.BufferedReader:
    if not file.peek(2).startswith(_GZIP):
        return file
    return io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=file)), _BUFFER)


def _entries(file: io.BufferedReader, path: Path) -> _Entries:
    """Words and their vectors, by the format that the first bytes show."""
    first = file.readline(_BUFFER)
    for start, (what, cure) in _ELSEWHERE.items():
        if first.startswith(start):
            allowed = "Word vectors are read from text and from word2vec's binary format."
            raise InputError(f"{path} is {what}.", allowed=allowed, cure=cure)
    header = _HEADER.fullmatch(first)
    if header and not (int(header[1]) and 0 < int(header[2]) <= _BUFFER // 4):
        raise InputError(f"{path}:1: promises {int(header[1]):,} words of {int(header[2]):,} numbers.")
    if not header:
        # GloVe: no word of its first line has a space, so all the rest are numbers.
        dimension = first.rstrip().count(b" ")
        if first and (not dimension or _CONTROL.search(first)):
            raise _malformed(path, 1, first, "a word and its numbers, divided by spaces")
        return _text(file, path, first, dimension, None)
    promised, dimension = int(header[1]), int(header[2])
    ahead = file.peek()
    line, end, _ = ahead.partition(b"\n")
    if _CONTROL.search(ahead) and not (end and _parsed(line, dimension)):
        return _binary(file, path, promised, dimension)
    return _text(file, path, None, dimension, promised)


def _text(file: io.BufferedReader, path: Path, first: bytes | None, dimension: int, promised: int | None) -> _Entries:
    """A word a line. `first` is a line that has been read already; `promised` comes from the header that was read."""
    number = 1 if promised is None else 2
    count = 0
    line = file.readline(_BUFFER) if first is None else first
    while line:
        entry = _parsed(line, dimension)
        if entry is None:
            # Empty lines are let pass at the end only.
            if line.strip() or any(rest.strip() for rest in iter(lambda: file.read(_BUFFER), b"")):
                raise _malformed(path, number, line, f"a word and {dimension} numbers, divided by spaces")
            break
        count += 1
        if promised is not None and count > promised:
            raise _malformed(path, number, line, f"nothing, for line 1 promises {promised:,} words")
        yield entry
        number += 1
        line = file.readline(_BUFFER)
    if promised is not None and count < promised:
        raise InputError(f"{path} is cut short: it has {count:,} of the {promised:,} words that line 1 promises.")


def _parsed(line: bytes, dimension: int) -> tuple[str, NDArray[np.float32]] | None:
    """A line's word and numbers, or None where it is no such line. A word may have spaces in it."""
    import numpy as np

    word, *fields = line.rstrip().rsplit(b" ", dimension)
    if len(fields) != dimension or not word:
        return None
    _, space, last = word.rpartition(b" ")
    if space and _is_number(last):  # one number too many
        return None
    try:
        with np.errstate(over="ignore"):
            numbers = np.array(fields, np.float32)
    except ValueError:
        return None
    return (word.decode("utf-8", "replace"), numbers) if np.isfinite(numbers).all() else None


def _binary(file: io.BufferedReader, path: Path, promised: int, dimension: int) -> _Entries:
    """For each word its bytes, a space and its numbers; word2vec's program adds a line feed, others do not."""
    import numpy as np

    size = 4 * dimension
    buffer, start = b"", 0
    for number in range(1, promised + 1):
        while (space := buffer.find(b" ", start)) < 0 or len(buffer) < space + 1 + size:
            seen = (len(buffer) if space < 0 else space) - start
            more = file.read(_BUFFER) if seen <= _MAX_WORD_BYTES else b""
            if not more:
                where = "is cut short or no word vectors" if seen <= _MAX_WORD_BYTES else "has no word that ends"
                raise InputError(f"{path} {where}, at word {number:,} of the {promised:,} that line 1 promises.")
            buffer, start = buffer[start:] + more, 0
        word = buffer[start:space].lstrip(b"\n")
        numbers = np.frombuffer(buffer, "<f4", dimension, space + 1)
        if not word or not np.isfinite(numbers).all():
            raise InputError(f"{path}: word {number:,}, {_shown(word)}, has no name or a number that is not finite.")
        yield word.decode("utf-8", "replace"), numbers
        start = space + 1 + size


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _shown(line: bytes) -> str:
    text = line[:60].decode("utf-8", "replace").rstrip()
    return repr(f"{text} ..." if len(line) > 60 else text)


def _malformed(path: Path, number: int, line: bytes, due: str) -> InputError:
    return InputError(f"{path}:{number}: not a line of word vectors: {_shown(line)}", allowed=f"Here stands {due}.")


class WordVectorMean:
    r"""Means of a file's word vectors; fits `embedex.encoders.base.QueryEncoder`.

    A text's words are what the regular expression ``\w+`` finds, lower-cased where the file's words are; words that
    the file does not have are passed over. A text without a known word gets the mean of all vectors: it is as far
    from every word as can be, and no vector is zero. The order of words does not count, and a text may have any length.

    Args:
        path: a file that `read_word_vectors` reads.
        limit: the most words to read.

    Raises:
        InputError: see `read_word_vectors`.
    """

    def __init__(self, path: Path, *, limit: int | None = None) -> None:
        import numpy as np

        self.word_vectors = read_word_vectors(path, limit=limit)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        vectors = self.word_vectors.vectors
        cased = ", lower-cased" if self.word_vectors.lower_case else ""
        average = _direction(vectors.mean(axis=0, dtype=np.float64))
        # Where all vectors cancel out: the direction that prefers none of their numbers.
        self._fallback = np.full(vectors.shape[1], vectors.shape[1] ** -0.5, np.float32) if average is None else average
        self.description = EncoderDescription(
            name=f"word-vectors:{path.name}",
            modality="text",
            space=f"word-vectors-{sha256[:16]}",
            dimension=vectors.shape[1],
            revision=f"the first {len(vectors)} words" if limit else f"{len(vectors)} words",
            weights_sha256=sha256,
            preprocessing=f"words by the regular expression \\w+{cased}, unknown ones passed over; 1",
            pooling="mean over words; the mean of all vectors where no word is known",
            place=str(path.resolve()),
        )

    def encode_documents(self, documents: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts of any length.

        Args:
            documents: n texts.

        Returns:
            float32, shape (n, d). A text's vector depends on that text alone.
        """
        import numpy as np

        embedded = np.empty((len(documents), self.description.dimension), np.float32)
        for row, text in enumerate(documents):
            embedded[row] = self._embed(text)
        return embedded

    def encode_queries(self, questions: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of questions, as of any other text; shape (n, d)."""
        return self.encode_documents(questions)

    def encode_fields(
        self, documents: Sequence[str], fields: Sequence[Sequence[Span]]
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Vectors of texts and their fields' parts; see `embedex.encoders.base.FieldEncoder`.

        The vector of a text without a known word belongs to no field.
        """
        import numpy as np

        known = self.word_vectors.rows
        embedded = self.encode_documents(documents)
        parts = []
        for row, (document, spans) in enumerate(zip(documents, fields, strict=True)):
            text, moved = field_parts.lowered(document, spans) if self.word_vectors.lower_case else (document, spans)
            found = [word for word in _WORD.finditer(text) if word[0] in known]
            owner = field_parts.owners([word.start() for word in found], moved)
            part = np.zeros((len(spans) + 1, self.description.dimension))
            for each in np.unique(owner):
                counts = Counter(known[word[0]] for word, own in zip(found, owner, strict=True) if own == each)
                part[each] = self._sum(counts)
            if not np.any(part.sum(axis=0)):  # the fallback
                part[:] = 0
                part[-1] = embedded[row]
            parts.append(field_parts.to_unit(part))
        return embedded, parts

    def _embed(self, text: str) -> NDArray[np.float32]:
        known = self.word_vectors.rows
        words = _WORD.findall(text.lower() if self.word_vectors.lower_case else text)
        counts = Counter(known[word] for word in words if word in known)
        if not counts:
            return self._fallback
        direction = _direction(self._sum(counts))
        return self._fallback if direction is None else direction

    def _sum(self, counts: Counter[int]) -> NDArray[np.float64]:
        """The sum of the vectors of some rows, each as often as it counts; shape (d,)."""
        import numpy as np

        # Each word once, times how often it stands there, in float64 and by numpy: no thread decides the last bits.
        rows = sorted(counts)
        times = np.asarray([counts[row] for row in rows], np.float64)
        total: NDArray[np.float64] = (times[:, None] * self.word_vectors.vectors[rows]).sum(axis=0)
        return total


def _direction(vector: NDArray[np.float64]) -> NDArray[np.float32] | None:
    """The unit vector, or None where a vector is zero."""
    import numpy as np

    length = float(np.linalg.norm(vector))
    return (vector / length).astype(np.float32) if length > 0 else None
