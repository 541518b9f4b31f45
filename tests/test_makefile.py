"""The Makefile's set-up: from nothing, after a failure, and for another Python; and its check of the explorer's page.

Its pythons, and what else it runs, are shell scripts.
"""

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

    def program(self, name: str, text: str) -> None:
        """Puts a shell script on the path, which notes how it is called."""
        path = self.folder / "bin" / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>"{self.folder / "log"}"\n{text}\n')
        path.chmod(0o755)

    def python(self, name: str, *, whole: bool = True, bare: bool = True) -> None:
        """Puts a python on the path, which may lack ensurepip (`whole`) or be no good at all (`bare`)."""
        does = {True: "true", False: "false"}
        path = self.folder / "bin" / name
        log = self.folder / "log"
        path.write_text(PYTHON.format(log=log, version=f"{name} of 2026", whole=does[whole], bare=does[bare]))
        path.chmod(0o755)

    def alone(self, *words: str) -> tuple[int, list[str], str]:
        """The exit code of a command, what was run and what was printed, where nothing is on the path but this."""
        log = self.folder / "log"
        log.write_text("")
        for name in ("sh", "make", "touch", "test", "cat"):
            if not (self.folder / "bin" / name).exists():
                (self.folder / "bin" / name).symlink_to(shutil.which(name) or name)
        done = subprocess.run(
            words,
            cwd=self.folder,
            env={"PATH": str(self.folder / "bin")},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, log.read_text().splitlines(), done.stdout + done.stderr

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


@pytest.fixture
def page(checkout: Checkout) -> Checkout:
    """A checkout with a page to check, and a Node of the machine's own where there is one."""
    (checkout.folder / "web/node_modules").mkdir(parents=True)
    (checkout.folder / "web/package-lock.json").write_text("{}")
    checkout.program("npm", "true")
    return checkout


NEEDS_NODE = pytest.mark.skipif(not shutil.which("node"), reason="Node is not installed")


def test_without_node_the_page_is_not_checked_and_that_is_said(page: Checkout) -> None:
    told = "The explorer's page is not checked: that needs npm and Node 20.19, or 22.12 or later.\n"
    assert page.alone("make", "page") == (0, [], told)
    page.program("node", "exit 1")  # as of a Node that is too old
    code, ran, printed = page.alone("make", "page")
    assert (code, [line.split()[0] for line in ran], printed) == (0, ["node"], told)


@NEEDS_NODE
@pytest.mark.parametrize(
    ("version", "serves"),
    [("20.18.3", False), ("20.19.0", True), ("21.7.0", False), ("22.11.0", False), ("24.0.0", True)],
)
def test_which_node_serves(page: Checkout, version: str, serves: bool) -> None:
    node = shutil.which("node")
    page.program(
        "node", f"exec {node} -e \"Object.defineProperty(process.versions, 'node', {{value: '{version}'}}); $2\""
    )
    _, ran, _ = page.alone("make", "page")
    assert ("npm ci" in " ".join(ran)) is serves


def test_the_page_s_packages_are_fetched_once_and_again_when_others_are_locked(page: Checkout) -> None:
    page.program("node", "exit 0")
    checks = [f"npm run --silent {check}" for check in ("check", "test", "verify")]
    code, ran, _ = page.alone("make", "page")
    assert code == 0
    assert ran[1].startswith("npm ci ")
    assert ran[2:] == checks
    assert page.alone("make", "page")[1][1:] == checks
    lock, ready = page.folder / "web/package-lock.json", page.folder / "web/node_modules/ready"
    later = ready.stat().st_mtime + 5
    os.utime(lock, (later, later))
    assert page.alone("make", "page")[1][1].startswith("npm ci ")


@pytest.mark.parametrize("failing", ["ci", "check", "test", "verify"])
def test_what_fails_in_the_page_fails(page: Checkout, failing: str) -> None:
    page.program("node", "exit 0")
    page.program("npm", f'case "$*" in *" {failing}"|"{failing} "*) exit 1 ;; esac')
    assert page.alone("make", "page")[0] == 2
    assert (page.folder / "web/node_modules/ready").exists() is (failing != "ci")


SYSTEM = str(ROOT / ".ci/system")


@pytest.mark.parametrize("lacks", [True, False])
def test_root_gets_chromium_where_it_is_missing(checkout: Checkout, lacks: bool) -> None:
    checkout.program("id", "echo 0")
    checkout.program("apt-get", "true")
    if not lacks:
        checkout.program("google-chrome", "true")
    code, ran, printed = checkout.alone("sh", SYSTEM, "chromium")
    installed = ["apt-get update", "apt-get satisfy --yes --no-install-recommends chromium, fonts-liberation"]
    assert (code, ran[1:]) == (0, installed if lacks else [])
    assert ("Installing chromium" in printed) is lacks


def test_what_cannot_be_installed_fails_nothing(checkout: Checkout) -> None:
    checkout.program("id", "echo 0")
    checkout.program("apt-get", "echo much; exit 100")
    code, _, printed = checkout.alone("sh", SYSTEM, "chromium", "nodejs")
    assert code == 0
    assert printed.splitlines()[1:] == ["That failed; what needs it is left out."]


def test_nobody_but_root_installs_anything(checkout: Checkout) -> None:
    checkout.program("id", "echo 1000")
    checkout.program("apt-get", "true")
    assert checkout.alone("sh", SYSTEM, "chromium", "nodejs") == (0, ["id -u"], "")
