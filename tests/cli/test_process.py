"""The command line as a process: how it ends, what pipes and terminals see of it."""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from embedex._version import __version__
from embedex.cli import main, verbs
from embedex.cli.parser import build_parser

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from conftest import Museum

EMBEDEX = [sys.executable, "-m", "embedex"]


def embedex(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*EMBEDEX, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_an_answer_goes_to_standard_output_and_ends_with_0(museum: Museum) -> None:
    done = embedex("similar", museum.dex, "M-01", "-k", "2", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)["hits"]) == 2


def test_a_mistake_goes_to_standard_error_and_ends_with_2(museum: Museum) -> None:
    done = embedex("similar", museum.dex, "M-99")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("embedex similar: No record has the id or name 'M-99'.")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_terminal_that_is_not_utf8_shows_what_it_can(museum: Museum, form: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    command = [*EMBEDEX, "similar", str(museum.dex), "M-01", "-k", "40", "--format", form]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()
    if form == "json":
        assert "Kovács" in json.dumps(json.loads(done.stdout), ensure_ascii=False)
    else:
        assert b"Kov?cs" in done.stdout
    done = subprocess.run(
        [*EMBEDEX, "similar", str(museum.dex), "é"], capture_output=True, env=environment, check=False
    )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_reader_that_has_gone_is_no_error_worth_a_word(museum: Museum, form: str) -> None:
    """As with `embedex … | head -1`, only that here the reader is gone before the first line for certain."""
    process = subprocess.Popen(
        [*EMBEDEX, "similar", str(museum.dex), "M-01", "-k", "40", "--format", form],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait() == 0


@pytest.mark.skipif(os.name == "nt", reason="there is no head")
def test_the_first_line_of_a_pipe_is_the_first_line_of_the_answer(museum: Museum) -> None:
    command = f"'{sys.executable}' -m embedex similar '{museum.dex}' M-01 -k 40 --format csv | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("group,rank,name,id,score\n", "")


def test_control_c_ends_with_130_and_says_that_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(parsed: Namespace) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setitem(verbs.VERBS, "models", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        assert main(["models"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    printed = capsys.readouterr()
    assert "the same command goes on from there" in printed.err
    assert "Traceback" not in printed.err


def test_a_defect_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(parsed: Namespace) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(verbs.VERBS, "models", broken)
    with pytest.raises(ZeroDivisionError):
        main(["models"])


def test_every_verb_of_the_parser_is_run_by_a_function_and_the_other_way_round() -> None:
    (chosen,) = [action for action in build_parser()._actions if action.dest == "verb"]
    assert chosen.choices is not None
    assert set(chosen.choices) == set(verbs.VERBS)


def test_python_dash_m_is_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["embedex", "models", "--format", "csv"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("embedex", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("model,embeds,dimensions")


def test_no_words_at_all_ask_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "embedex demo" in capsys.readouterr().out


def test_the_version_is_the_packages_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"embedex {__version__}\n"


@pytest.mark.parametrize("arguments", [["similar"], ["frobnicate"], ["similar", "dex", "x", "--by", "smell"]])
def test_a_command_line_that_is_none_shows_how_it_goes_and_ends_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: embedex" in capsys.readouterr().err
