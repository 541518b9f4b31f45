"""What becomes of a text that is longer than an encoder's context: an error, its beginning, or all of it in windows.

For encoders behind a web service, which take text; `embedex.encoders.token_windows` is for models that run here.
Nothing is ever left out silently.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, get_args

from embedex.encoders.base import Overflow
from embedex.errors import InputError

if TYPE_CHECKING:
    import tiktoken

NOTHING = " "
"""Sent for an empty text, which services refuse; a record without text has a vector too."""


class Counter(Protocol):
    """Says where tokens are. No tokenizer makes more tokens of a text than it has bytes."""

    @property
    def name(self) -> str:
        """The tokenizer's name."""
        ...

    def starts(self, text: str) -> list[int]:
        """Where each token starts, in characters."""
        ...

    def count(self, text: str) -> int:
        """How many tokens there are."""
        ...


@dataclass(frozen=True, slots=True)
class BytePairs:
    """Counts as one of OpenAI's encodings does."""

    encoding: tiktoken.Encoding

    @property
    def name(self) -> str:
        """The encoding's name."""
        return self.encoding.name

    def starts(self, text: str) -> list[int]:
        """Where each token starts; one that starts inside a character counts from that character."""
        return self.encoding.decode_with_offsets(self.encoding.encode_ordinary(text))[1]

    def count(self, text: str) -> int:
        """How many tokens there are; special tokens' names count as plain text."""
        return len(self.encoding.encode_ordinary(text))


@dataclass(frozen=True, slots=True)
class Estimate:
    """Counts without a tokenizer: a token for up to three letters, any other ASCII character, any byte of others.

    That is about 1.3 times what cl100k_base makes of English prose, 2.2 times for JSON, 2.5 to 5 times for other
    scripts; only letters in random order, as in base64, can have more tokens than this says.
    """

    name: str = "an estimate"

    def starts(self, text: str) -> list[int]:
        """Where each token starts."""
        found: list[int] = []
        for match in _PIECE.finditer(text):
            found += [match.start()] * (1 if match[0].isascii() else len(match[0].encode(errors="surrogatepass")))
        return found

    def count(self, text: str) -> int:
        """How many tokens there are."""
        return len(self.starts(text))


_PIECE = re.compile(r" ?[A-Za-z]{1,3}|.", re.DOTALL)


class Window(NamedTuple):
    """A text that fits, with its prefix, and how many tokens it has."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Fitting:
    """Fits texts into a context.

    Attributes:
        counter: counts tokens.
        context: the most tokens that a text may have, its prefix counted.
        overflow: what becomes of a longer one: ``error`` refuses it, ``truncate`` keeps its beginning, ``window``
            splits it into as few windows of equal length as will do, whose vectors are averaged.

    Raises:
        InputError: there is no such overflow, or no room in the context.
    """

    counter: Counter
    context: int
    overflow: Overflow

    def __post_init__(self) -> None:
        if self.overflow not in get_args(Overflow):
            raise InputError(f"overflow={self.overflow!r}", allowed=f"There are: {', '.join(get_args(Overflow))}")
        if self.context < 1:
            raise InputError(f"A context of {self.context} tokens.", allowed="At least one is needed.")

    @property
    def description(self) -> str:
        """What it does to a long text, for an identity. Where nothing is cut, the counter decides no vector."""
        if self.overflow == "error":
            return "whole texts"
        what = "cut to" if self.overflow == "truncate" else "mean over windows of"
        return f"{what} {self.context} tokens by {self.counter.name}"

    def windows(self, texts: Sequence[str], prefix: str, what: str) -> list[list[Window]]:
        """The windows of each text: one, unless it is long and `overflow` is ``window``.

        Args:
            texts: n texts.
            prefix: put before each window.
            what: what a text is, for messages: ``"document"``.

        Raises:
            InputError: a text is too long and `overflow` is ``error``, or the prefix leaves no room.
        """
        found = []
        for number, text in enumerate(texts):
            whole = (prefix + text) or NOTHING
            tokens = self.counter.count(whole)
            if tokens <= self.context:
                found.append([Window(whole, tokens)])
            elif self.overflow == "error":
                raise self.too_long(texts, number, what, tokens)
            else:
                found.append(self._cut(text, prefix))
        return found

    def overlong(self, texts: Sequence[str], prefix: str, fitted: Sequence[Sequence[Window]]) -> int:
        """How many texts did not fit as they were: those whose first window is not all of it."""
        firsts = zip(texts, fitted, strict=True)
        return sum(windows[0].text != ((prefix + text) or NOTHING) for text, windows in firsts)

    def too_long(self, texts: Sequence[str], number: int, what: str, tokens: int, said: str = "") -> InputError:
        """The error that names a text, with its size, and says what the service said, if it was asked."""
        first = " ".join(texts[number][:60].split())
        return InputError(
            f"{what.capitalize()} {number + 1} of {len(texts)} is too long: {tokens:,} tokens by {self.counter.name},"
            f" {len(texts[number]):,} characters, beginning {first!r}.",
            allowed=f"The service said: {said}" if said else f"The context is {self.context:,} tokens.",
            cure="Embed fewer fields, or make the encoder with overflow='window' (all of it, averaged over windows)"
            " or overflow='truncate' (its beginning)"
            + (", and a smaller context than now." if said and self.overflow != "error" else "."),
        )

    def _cut(self, text: str, prefix: str) -> list[Window]:
        starts = self.counter.starts(text)
        room = self.context - self.counter.count(prefix)
        if room < 1:
            raise InputError(
                f"The prefix {prefix!r} has {self.counter.count(prefix)} tokens.",
                allowed=f"The context is {self.context} tokens, prefix and text together.",
            )
        if self.overflow == "truncate":
            return [self._beginning(text, prefix, starts, room)]
        # A window's own tokens can be a few more than its share, because the cut changes how they are merged.
        for number in range(-(-len(starts) // room), len(starts) + 1):
            edges = [starts[len(starts) * each // number] for each in range(number)] + [len(text)]
            parts = [text[start:end] for start, end in itertools.pairwise(edges) if start < end]
            windows = [Window(prefix + part, self.counter.count(prefix + part)) for part in parts]
            if all(window.tokens <= self.context for window in windows):
                return windows
        raise InputError(f"A context of {self.context} tokens has no room for a single character of the text.")

    def _beginning(self, text: str, prefix: str, starts: Sequence[int], room: int) -> Window:
        while room > 0:
            kept = (prefix + text[: starts[room]] if room < len(starts) else prefix + text) or NOTHING
            tokens = self.counter.count(kept)
            if tokens <= self.context:
                return Window(kept, tokens)
            room -= tokens - self.context
        return Window(prefix or NOTHING, self.counter.count(prefix or NOTHING))
