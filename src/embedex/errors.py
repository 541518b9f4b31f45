"""The exceptions embedex raises on purpose, all below one root.

    EmbedexError                what was seen, what is allowed, what to do next
    ├── InputError              a value, a file or a record that cannot be used
    │   ├── UnknownRecordError  a name or id that the collection does not hold
    │   └── NothingToCompareError  a record that lacks what it is to be compared by
    ├── CollectionError         a folder that is no collection, or a damaged or unfinished one
    ├── SourceError             a place records or pictures come from did not deliver
    ├── WeightsError            a model file is absent, or is not the one that is pinned
    └── MissingExtraError       an optional dependency is not installed

Anything else that escapes is a defect of embedex. Foreign errors are turned into these where they arise; the
command line prints them without a stack trace and exits with 2.
"""

from __future__ import annotations


class EmbedexError(Exception):
    """The root of every error embedex raises on purpose.

    Args:
        seen: what was met, with its place (file, line, value).
        allowed: what would have been right, when that is not plain from `seen`.
        cure: what to do next, as a command or a sentence.

    `str(error)` gives the parts, one a line.
    """

    exit_code = 2

    def __init__(self, seen: str, *, allowed: str = "", cure: str = "") -> None:
        self.seen, self.allowed, self.cure = seen, allowed, cure
        super().__init__("\n".join(part for part in (seen, allowed, cure) if part))


class InputError(EmbedexError):
    """A value, a file or a record that cannot be used as it is."""


class UnknownRecordError(InputError):
    """A name or id that the collection does not hold."""


class NothingToCompareError(InputError):
    """A record that lacks what it is to be compared by: a picture, a place in the map."""


class CollectionError(EmbedexError):
    """A folder that is no collection, or a damaged or unfinished one."""


class SourceError(EmbedexError):
    """A place that records or pictures come from did not deliver."""


class WeightsError(EmbedexError):
    """A model file is absent, or is not the one that is pinned."""


class TooFewError(InputError):
    """There are fewer records than a method needs; another one may do with them."""


class MissingExtraError(EmbedexError):
    """An optional dependency is not installed.

    Args:
        what: what needs the extra, such as ``"UMAP maps"``.
        extra: the extra's name in ``pip install 'embedex[extra]'``.
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the extra '{extra}', which is not installed.",
            cure=f"Install it with: pip install 'embedex[{extra}]'",
        )
