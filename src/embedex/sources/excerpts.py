"""What a message shows of a value or a list that is too long for it."""

from __future__ import annotations

from collections.abc import Iterable

SHOWN = 5
"""How many problems, keys or names a message lists."""


def shorten(value: object) -> str:
    """A value as Python writes it, cut after 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def listed(names: Iterable[str]) -> str:
    """The first names, and how many more there are.

    Example:
        >>> listed("abcdefg")
        'a, b, c, d, e and 2 more'
    """
    each = list(names)
    return ", ".join(each[:SHOWN]) + (f" and {len(each) - SHOWN:,} more" if len(each) > SHOWN else "")
