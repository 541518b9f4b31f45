"""The documents agree with the code: help texts, commands, links, pictures and Python snippets.

``python tests/test_docs.py --write`` writes each verb's help text anew; ``--run`` also runs the shown commands and
writes their output anew. In a page, these comments say what a reader does not see:

    <!-- help: VERB -->      the help text of a verb stands between this and <!-- /help -->
    <!-- file: NAME -->      the next block is this file
    <!-- before: COMMAND --> an embedex command that the page takes for granted
    <!-- by hand -->         the next block is not run: it needs the network or takes long
    <!-- prints -->          the next block is what the snippet before it prints
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import embedex
from embedex.cli.parser import build_parser

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
SNIPPETS = [page for page in PAGES if "```python\n" in page.read_text(encoding="utf-8")]

_HELP = re.compile(r"<!-- help: (?P<verb>[\w-]+) -->\n```text\n(?P<text>.*?)```\n<!-- /help -->", re.DOTALL)
_BLOCK = re.compile(r"^```(?P<kind>\w*)\n(?P<body>.*?)^```$|^<!-- (?P<note>.*?) -->$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?P<to>[^)\s]+)\)|<(?:img|a)[^>]*(?:src|href)=\"(?P<tag>[^\"]+)\"")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """A block of a page that matters here, or a command that it takes for granted."""

    kind: str
    body: str
    name: str = ""
    start: int = 0  # of the body in the page


def steps(text: str) -> Iterator[Step]:
    """The files, commands, snippets and what they print, in the page's order."""
    note = ""
    for found in _BLOCK.finditer(text):
        if found["note"] is not None:
            note = found["note"]
            if note.startswith("before: "):
                yield Step("before", note.removeprefix("before: "))
            continue
        body, start = found["body"], found.start("body")
        if note.startswith("file: "):
            yield Step("file", body, note.removeprefix("file: "), start)
        elif note == "prints":
            yield Step("prints", body, "", start)
        elif found["kind"] == "console":
            yield Step("by hand" if note == "by hand" else "console", body, "", start)
        elif found["kind"] == "python":
            yield Step("python", body, "", start)
        note = ""


class Snippets:
    """Runs the snippets of one page, which share their names."""

    def __init__(self, page: Path) -> None:
        self.page = page
        self.names: dict[str, object] = {"__name__": "__main__"}

    def run(self, code: str) -> str:
        """What the snippet prints."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, shown(self.page), "exec"), self.names)
        return printed.getvalue()


def commands(body: str) -> list[str]:
    """The commands of a console block: the lines after ``$``, or all lines where none has one."""
    lines = body.splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")] or lines


def arguments(command: str) -> list[str]:
    """What the command line gets of a command: no pipe, no redirection, no comment."""
    words = shlex.split(command, comments=True)
    end = next((place for place, word in enumerate(words) if word in ("|", ">", "2>&1")), len(words))
    return words[1:end]


def verbs() -> dict[str, argparse.ArgumentParser]:
    """Each verb with its parser."""
    actions = build_parser()._actions
    return dict(next(each.choices for each in actions if isinstance(each, argparse._SubParsersAction)))


def help_text(parser: argparse.ArgumentParser) -> str:
    """The help of a verb; Python 3.14 may colour it."""
    return re.sub(r"\x1b\[[\d;]*m", "", parser.format_help())


def anchors(page: Path) -> set[str]:
    """What a link may name after ``#``."""
    headings = _HEADING.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def shown(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_every_verb_has_one_section_with_its_help() -> None:
    found: dict[str, list[str]] = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in _HELP.finditer(text):
            found.setdefault(block["verb"], []).append(block["text"])
            assert f"\n## embedex {block['verb']}\n" in text[: block.start()], shown(page)
    expected = {verb: [help_text(parser)] for verb, parser in verbs().items()}
    assert found == expected, "Write them anew with: python tests/test_docs.py --write"


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_shown_commands_can_be_parsed(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = build_parser()
    for step in steps(page.read_text(encoding="utf-8")):
        for command in [step.body] if step.kind == "before" else commands(step.body):
            if not command.startswith("embedex ") or step.kind not in ("before", "console", "by hand"):
                continue
            try:
                parser.parse_args(arguments(command))
            except SystemExit as stop:
                assert stop.code == 0, f"{command}\n{capsys.readouterr().err}"  # noqa: PT017 - 0 is --help's own


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_and_pictures_exist(page: Path) -> None:
    text = _FENCED.sub("", page.read_text(encoding="utf-8"))
    for found in _LINK.finditer(text):
        target = found["to"] or found["tag"]
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), target
        assert not anchor or anchor in anchors(place), target


def test_every_public_name_is_documented() -> None:
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", text[text.index("## Every public name") :], re.MULTILINE)
    assert sorted(listed) == sorted(embedex.__all__)
    table = text[text.index("## Collection") : text.index("## Every public name")]
    members = {name for name in vars(embedex.Collection) if not name.startswith("_")}
    assert not members - {*re.findall(r"\w+", table)}


def test_every_picture_is_shown() -> None:
    linked = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    for picture in (ROOT / "docs" / "images").iterdir():
        assert f"images/{picture.name}" in linked
        assert picture.stat().st_size < 400_000, picture.name


@pytest.mark.parametrize("page", SNIPPETS, ids=shown)
def test_snippets_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from embedex.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    snippets, printed = Snippets(page), ""
    for step in steps(page.read_text(encoding="utf-8")):
        if step.kind == "file":
            Path(step.name).write_text(step.body, encoding="utf-8")
        elif step.kind == "before":
            assert main(arguments(step.body)) == 0, step.body
        elif step.kind == "python":
            printed = snippets.run(step.body)
        elif step.kind == "prints":
            assert printed == step.body


def write_help() -> None:
    """Write each verb's help text anew."""
    parsers = verbs()

    def anew(block: re.Match[str]) -> str:
        return f"<!-- help: {block['verb']} -->\n```text\n{help_text(parsers[block['verb']])}```\n<!-- /help -->"

    for page in PAGES:
        page.write_text(_HELP.sub(anew, page.read_text(encoding="utf-8")), encoding="utf-8")


def write_outputs(page: Path) -> None:
    """Run the commands and snippets of a page in a folder of its own and write their output anew."""
    text = page.read_text(encoding="utf-8")
    changes: list[tuple[Step, str]] = []
    snippets, printed = Snippets(page), ""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        programs = Path(name) / ".bin"
        programs.mkdir()
        program = programs / "embedex"
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m embedex "$@"\n', encoding="utf-8")
        program.chmod(0o755)
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
        for step in steps(text):
            if step.kind == "file":
                Path(step.name).write_text(step.body, encoding="utf-8")
            elif step.kind == "before":
                run_command(step.body, environment)
            elif step.kind == "python":
                printed = snippets.run(step.body)
            elif step.kind == "prints":
                changes.append((step, printed))
            elif step.kind == "console" and any(each.startswith("embedex ") for each in commands(step.body)):
                outputs = [f"$ {each}\n{run_command(each, environment)}" for each in commands(step.body)]
                changes.append((step, "".join(outputs)))
    for step, output in reversed(changes):
        text = text[: step.start] + output + text[step.start + len(step.body) :]
    page.write_text(text, encoding="utf-8")


def run_command(command: str, environment: dict[str, str]) -> str:
    """What a person sees of a command, without the blank lines around it."""
    done = subprocess.run(
        ["bash", "-c", command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip("\n")
    return re.sub(r"\n{3,}", "\n\n", lines) + "\n" * bool(lines)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="Write what the documents show of the program anew.")
    options.add_argument("--write", action="store_true", help="the help texts")
    options.add_argument(
        "--run", nargs="*", metavar="PAGE", help="the output of the commands of these pages, or of all"
    )
    parsed = options.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        if parsed.write or parsed.run is not None:
            write_help()
        if parsed.run is not None:
            for each in [Path(name).resolve() for name in parsed.run] or PAGES:
                write_outputs(each)
