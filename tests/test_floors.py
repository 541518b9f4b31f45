"""The architecture as a test: a module imports only from floors below it, and only the top floor talks to people."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import embedex

ROOT = Path(embedex.__file__).parent

FLOORS = {
    "errors": 0,
    "_version": 0,
    "files": 1,
    "processors": 1,
    "http": 1,
    "records": 1,
    "results": 1,
    "weights": 1,
    "documents": 2,
    "tokens": 2,
    "sources": 3,
    "encoders": 3,
    "store": 4,
    "attribution": 5,
    "clusters": 5,
    "embedding": 5,
    "fidelity": 5,
    "similarity": 5,
    "calibration": 5,
    "disagreement": 5,
    "quality": 5,
    "arithmetic": 5,
    "probes": 5,
    "projection": 5,
    "selection": 5,
    "parts": 5,
    "tuning": 5,
    "creation": 6,
    "holdings": 6,
    "progress": 6,
    "questions": 7,
    "vectors": 7,
    "collection": 8,
    "charts": 9,
    "explorer": 9,
    "gallery": 9,
    "cli": 10,
    "__main__": 10,
}
"""The floor of each module, or of each package folder. A new module has to be given one."""

SAME_FLOOR = {
    ("tokens", "documents"),  # tokens are counted in a document's text
    ("weights", "files"),  # a fetched file is written whole
    ("clusters", "similarity"),  # how close clusters are, from the means of their pairs
    ("clusters", "projection"),  # density is sought in a few principal components
    ("probes", "similarity"),  # nearest neighbours come in blocks of the same size
    ("projection", "similarity"),  # nearest neighbours come from blocks of scores
    ("fidelity", "projection"),  # a map's neighbourhoods are found as those that it was fitted to
    ("fidelity", "similarity"),  # the size of a block
    ("calibration", "similarity"),  # neighbours come from blocks of scores
    ("disagreement", "calibration"),  # two sides are compared by percentiles
    ("disagreement", "similarity"),
    ("arithmetic", "selection"),  # a term may be a record's name
    ("tuning", "similarity"),  # neighbours come from blocks of scores
    ("gallery", "charts"),  # what is worth showing, and how it is drawn
    ("__main__", "cli"),
}
"""Who may import from the same floor: (importer, imported). Still no circle: none of them is there both ways."""

DOORS = {
    ("collection", "explorer"): "a notebook has nothing but the collection: `collection.explore()` is all one types",
}
"""Who may import from above, (importer, imported), and why: only inside a function, so that nobody loads it unasked."""

PARQUET = {"store", "sources.table_files"}
"""Who may read or write Parquet: the collection's files, and a person's own."""

FACADE = "__init__"

HEAVY = {
    "numpy",
    "torch",
    "pyarrow",
    "matplotlib",
    "duckdb",
    "rich",
    "httpx",
    "PIL",
    "pandas",
    "umap",
    "sklearn",
    "fastapi",
    "uvicorn",
}


def modules() -> dict[str, ast.Module]:
    """Every module by its dotted name below `embedex`."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == FACADE and len(parts) > 1 else parts)
        found[name] = ast.parse(path.read_text("utf-8"), str(path))
    return found


MODULES = modules()
CHECKED = [name for name in MODULES if name != FACADE]


def imports(tree: ast.Module) -> list[tuple[int, str]]:
    """Every import with its line, those inside functions and under TYPE_CHECKING too."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative imports hide what is imported"
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


def room(module: str) -> str:
    """The module itself, or the package folder it is in."""
    return module.partition(".")[0]


def own_imports(tree: ast.Module) -> list[tuple[int, str]]:
    """Rooms of embedex that a module imports from, with the line."""
    found = []
    for line, name in imports(tree):
        parts = name.split(".")
        if parts[0] == "embedex":
            imported = parts[1] if len(parts) > 1 and parts[1] in map(room, MODULES) else FACADE
            found.append((line, imported))
    return found


def inside_functions(tree: ast.Module) -> ast.Module:
    """What runs only when a function is called."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return ast.Module([line for node in ast.walk(tree) if isinstance(node, functions) for line in node.body], [])


def for_types(tree: ast.Module) -> ast.Module:
    """What only a type checker reads."""
    asked = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return ast.Module([line for node in asked for line in node.body], [])


@pytest.mark.parametrize("module", CHECKED)
def test_every_module_has_a_floor(module: str) -> None:
    assert room(module) in FLOORS, f"give {module} a floor in {Path(__file__).name}"


def test_no_floor_is_given_to_what_is_gone() -> None:
    assert set(FLOORS) == {room(module) for module in CHECKED}


@pytest.mark.parametrize("module", CHECKED)
def test_a_module_imports_only_from_floors_below_it(module: str) -> None:
    above = [
        f"line {line}: {imported}"
        for line, imported in own_imports(MODULES[module])
        if imported != room(module)
        and (room(module), imported) not in {*SAME_FLOOR, *DOORS}
        and (imported == FACADE or FLOORS[imported] >= FLOORS[room(module)])
    ]
    assert not above, f"{module} imports from its own floor or from above"


def test_imports_within_a_floor_never_run_both_ways() -> None:
    assert not {(imported, importer) for importer, imported in SAME_FLOOR} & SAME_FLOOR
    assert all(FLOORS[importer] == FLOORS[imported] for importer, imported in SAME_FLOOR)
    seen = {(room(name), imported) for name in CHECKED for _, imported in own_imports(MODULES[name])}
    assert seen >= SAME_FLOOR, "an exception that nobody uses is one too many"


@pytest.mark.parametrize(("importer", "imported"), DOORS)
def test_a_door_upwards_is_used_and_opens_only_when_it_is_asked_for(importer: str, imported: str) -> None:
    assert FLOORS[importer] < FLOORS[imported]
    for name in (each for each in CHECKED if room(each) == importer):
        everywhere = [line for line, each in own_imports(MODULES[name]) if each == imported]
        asked = [line for line, each in own_imports(inside_functions(MODULES[name])) if each == imported]
        typed = [line for line, each in own_imports(for_types(MODULES[name])) if each == imported]
        assert asked, "an exception that nobody uses is one too many"
        assert set(everywhere) == {*asked, *typed}
    loaded = f"import sys, embedex.{importer}; print([name for name in sys.modules if name.startswith('embedex')])"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert f"embedex.{importer}" in done.stdout
    assert f"embedex.{imported}" not in done.stdout


@pytest.mark.parametrize("module", [name for name in CHECKED if FLOORS.get(room(name), 0) < FLOORS["cli"]])
def test_below_the_command_line_nothing_prints_prompts_or_exits(module: str) -> None:
    talk = {"print", "input", "exit", "quit", "breakpoint", "SystemExit"}
    streams = {("sys", "exit"), ("sys", "stdout"), ("sys", "stderr"), ("sys", "stdin"), ("os", "_exit")}
    found = [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(MODULES[module])
        if (isinstance(node, ast.Name) and node.id in talk)
        or (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in streams
        )
    ]
    assert not found


@pytest.mark.parametrize("module", CHECKED)
def test_only_the_store_and_a_persons_own_files_touch_parquet(module: str) -> None:
    reads = any(f"{name}.".startswith("pyarrow.parquet.") for _, name in imports(MODULES[module]))
    assert not reads or module in PARQUET


def test_help_answers_without_loading_anything_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "embedex", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "embedex" in loaded
    assert not loaded & HEAVY
    assert "usage: embedex" in done.stdout
