"""What `import embedex` gives: one sorted list of names, each found where it is said to be, at no cost."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import embedex


def test_the_public_names_are_sorted_and_there_is_no_other() -> None:
    assert embedex.__all__ == sorted(embedex.__all__)
    assert set(embedex.__all__) == {*embedex._HOMES, "__version__"}
    assert dir(embedex) == embedex.__all__


@pytest.mark.parametrize("name", sorted(embedex._HOMES))
def test_a_public_name_is_the_one_of_its_home(name: str) -> None:
    home = importlib.import_module(f"embedex.{embedex._HOMES[name]}")
    assert getattr(embedex, name) is getattr(home, name)
    assert getattr(embedex, name).__module__ == home.__name__
    assert getattr(embedex, name).__doc__


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="no attribute 'similarities'"):
        embedex.similarities  # noqa: B018 - to be asked for is all it takes


def test_importing_embedex_loads_no_dependency() -> None:
    code = "import sys, embedex; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "pyarrow", "matplotlib", "duckdb", "rich", "httpx", "PIL", "tokenizers"}
    assert not set(done.stdout.split()) & heavy
