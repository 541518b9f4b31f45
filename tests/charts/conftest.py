from __future__ import annotations

from collections.abc import Iterator

import pytest

from embedex.charts import lettering


@pytest.fixture(autouse=True)
def no_other_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No chart depends on which fonts the machine has."""
    monkeypatch.setattr(lettering, "FALLBACKS", ())
    for kept in (lettering._shape, lettering._fallback, lettering._advance):
        kept.cache_clear()
    yield
    for kept in (lettering._shape, lettering._fallback, lettering._advance):
        kept.cache_clear()
