"""The Makefile's set-up: from nothing, after a failure, and for another Python. Its pythons are shell scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt" or not shutil.which("make"), reason="there is no make")

ROOT = Path(__file__).parents[1]

PYTHON = """#!/bin/sh
here=$(dirname "$0")
echo "$*" >>"{log}"
case "$*" in
  -VV) echo "{version}" ;;
  "-m venv --without-pip "*) {bare} && mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
  "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && {whole} && touch "$3/bin/pip" ;;
  "-m pip --python "*" install pip") touch "$4/bin/pip" ;;
  "-m pip "*) test -e "$here/pip" ;;
esac
"""


class Checkout:
    """The files that set-up needs, and pythons that note what they are asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("Makefile", "pyproject.toml", "requirements.lock"):
            shutil.copy(ROOT / name, folder)
        (folder / "bin").mkdir()

    def python(self, name: str, *, whole: bool = True, bare: bool = True) -> None:
        """Puts a python on the path, which may lack ensurepip (`whole`) or be no good at all (`bare`)."""
        does = {True: "true", False: "false"}
        path = self.folder / "bin" / name
        log = self.folder / "log"
        path.write_text(PYTHON.format(log=log, version=f"{name} of 2026", whole=does[whole], bare=does[bare]))
        path.chmod(0o755)

    def make(self, *words: str) -> tuple[int, list[str], str]:
        """The exit code, what pythons were asked to set up, and what was printed."""
        log = self.folder / "log"
        log.write_text("")
        kept = {key: value for key, value in os.environ.items() if key not in ("PYTHON", "MAKEFLAGS", "MAKELEVEL")}
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        command = ["make", ".venv/demo.ready", *words]
        done = subprocess.run(
            command, cwd=self.folder, env={**kept, "PATH": path}, capture_output=True, text=True, check=False
        )
        asked = [line for line in log.read_text().splitlines() if "venv" in line or "install" in line]
        return done.returncode, asked, done.stdout + done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path)
    made.python("python3")
    return made


def test_set_up_is_done_once(checkout: Checkout) -> None:
    code, asked, printed = checkout.make()
    assert (code, asked[0], len(asked)) == (0, "-m venv .venv", 3)
    assert "Setting up" in printed
    assert checkout.make()[:2] == (0, [])


@pytest.mark.parametrize("gone", [".venv/bin", ".venv/bin/pip", ".venv/made.by"])
def test_what_is_half_made_is_made_anew(checkout: Checkout, gone: str) -> None:
    checkout.make()
    path = checkout.folder / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    code, asked, _ = checkout.make()
    assert (code, asked[0], len(asked)) == (0, "-m venv .venv", 3)


def test_another_python_makes_it_anew_and_is_then_the_one(checkout: Checkout) -> None:
    checkout.make()
    checkout.python("python3.99")
    code, asked, _ = checkout.make("PYTHON=python3.99")
    assert (code, len(asked)) == (0, 3)
    assert (checkout.folder / ".venv/made.by").read_text() == "python3.99\n"
    assert checkout.make()[:2] == (0, [])
    assert checkout.make("PYTHON=python3")[1][0] == "-m venv .venv"


def test_without_ensurepip_pip_makes_itself_at_home(checkout: Checkout) -> None:
    checkout.python("python3", whole=False)
    code, asked, _ = checkout.make()
    assert code == 0
    assert asked[1] == "-m venv --without-pip .venv"
    assert asked[2].startswith("-m pip --python .venv ")
    assert checkout.make()[:2] == (0, [])


def test_where_no_environment_can_be_made_the_cure_is_told_and_nothing_is_left(checkout: Checkout) -> None:
    checkout.python("python3", whole=False, bare=False)
    code, _, printed = checkout.make()
    assert code == 2
    assert "apt install python3-venv" in printed
    assert not (checkout.folder / ".venv").exists()


def test_the_locks_name_no_folder_of_one_machine() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        assert "--find-links" not in (ROOT / name).read_text("utf-8")
