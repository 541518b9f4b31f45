"""Model files of the Hugging Face hub, each pinned by its revision and its sha256: found on this machine, or fetched.

A file is looked for in the hub's own cache (``HF_HOME``), then in embedex's; only then is the hub asked, unless
``HF_HUB_OFFLINE`` forbids it. What is fetched gets its name once its hash is right. Data is read, no code is run, and
the hub's client library is not needed. Nothing here knows what a file holds.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from embedex import weights
from embedex._version import __version__
from embedex.errors import WeightsError
from embedex.files import atomic_write

if TYPE_CHECKING:
    import httpx

HUB = "https://huggingface.co"
"""Where the hub is, unless ``HF_ENDPOINT`` says otherwise."""

AT_FIRST_USE = "fetched at first use"
"""Ends what is said of files that are not here and come by themselves."""

CONNECT_TIMEOUT = 5.0
"""Seconds to wait for a connection: what is lost where there is no network."""

READ_TIMEOUT = 60.0
"""Seconds to wait for the next bytes."""


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model of the hub, at one revision.

    Attributes:
        repository: ``"nomic-ai/nomic-embed-text-v1.5"``; without an owner it is of no hub, but a folder of one's own.
        revision: the commit.
        files: the names of the files that are needed, each with its sha256 as hex digits; ``""`` where only the
            revision pins it.
        size: of all of them, for messages: ``"547 MB"``.
    """

    repository: str
    revision: str
    files: Mapping[str, str]
    size: str

    @property
    def name(self) -> str:
        """The model's name without its owner's."""
        return self.repository.rpartition("/")[2]

    @property
    def cache(self) -> Path:
        """Where embedex's cache keeps its files."""
        return weights.cache_folder() / "hub" / self.name / self.revision[:12]

    @property
    def command(self) -> str:
        """What fetches the files into a folder of the model's name, on any machine with a network."""
        files = " ".join(map(shlex.quote, sorted(self.files)))
        return f"hf download {self.repository} {files} --revision {self.revision} --local-dir {self.name}"


def find(model: HubModel, folder: Path | None = None) -> dict[str, Path]:
    """The model's files on this machine, by name; those that are not here are left out. No hash is checked.

    Args:
        model: which one.
        folder: looked into alone; without it, the hub's cache and embedex's.
    """
    folders = [folder] if folder else [_hub_cache(model), model.cache]
    return {
        name: next(place / name for place in folders if (place / name).is_file())
        for name in model.files
        if any((place / name).is_file() for place in folders)
    }


def get(model: HubModel, folder: Path | None = None) -> dict[str, Path]:
    """All of the model's files, by name; what is not on this machine is fetched into embedex's cache.

    The hashes of files that were here already are not checked; `read` does, and so does whoever maps a large one.

    Args:
        model: which one.
        folder: looked into alone, and nothing is fetched then.

    Raises:
        WeightsError: a file is not here and may not or cannot be fetched, or is not the pinned one.
    """
    found = find(model, folder)
    absent = [name for name in model.files if name not in found]
    if not absent:
        return found
    if folder:
        raise _absent(model, absent, f"the folder {folder} lacks {_listed(absent)}", folder)
    if _is_offline():
        raise _absent(model, absent, "HF_HUB_OFFLINE forbids to ask the hub")
    for name in sorted(absent, key=lambda each: Path(each).suffix == ".safetensors"):  # the large ones last
        found[name] = _fetch(model, name, absent)
    return found


def read(path: Path, sha256: str) -> bytes:
    """A small file's bytes, checked against its pinned hash, where there is one.

    Raises:
        WeightsError: it cannot be read or is not the pinned one.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error}.") from error
    seen = hashlib.sha256(data).hexdigest()
    if sha256 and seen != sha256:
        raise WeightsError(
            f"{path} is not the pinned file: its sha256 is {seen}.",
            allowed=f"The pinned one is {sha256}.",
            cure="It is cut short, changed, or another model's. Fetch it again.",
        )
    return data


def _fetch(model: HubModel, name: str, absent: list[str]) -> Path:
    """Fetch one file into embedex's cache."""
    import httpx

    path = model.cache / name
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB
    address = f"{endpoint}/{model.repository}/resolve/{model.revision}/{name}"
    headers = {"User-Agent": f"embedex/{__version__}"}
    if token := os.environ.get("HF_TOKEN", "").strip():
        headers["Authorization"] = f"Bearer {token}"  # httpx does not hand it to the server of a redirection
    patience = httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            httpx.Client(headers=headers, timeout=patience, follow_redirects=True) as client,
            client.stream("GET", address) as answer,
        ):
            if answer.status_code != 200:
                status = f"{answer.status_code} {answer.reason_phrase}".rstrip()
                raise _absent(model, absent, f"{address} answered {status}")
            atomic_write(path, lambda file: _receive(file, _chunks(answer), address, model.files[name]))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        # Not chained: it carries the request, and with it the token.
        raise _absent(model, absent, f"{address} could not be fetched: {why.rstrip('.')}") from None
    except OSError as error:
        raise _absent(model, absent, f"{path} cannot be written: {error}") from error
    return path


def _chunks(answer: httpx.Response) -> Iterator[bytes]:
    return answer.iter_bytes(1 << 20)


def _receive(file: BinaryIO, chunks: Iterator[bytes], address: str, sha256: str) -> None:
    """Write what comes, and refuse it where it is not the pinned file."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        file.write(chunk)
    if sha256 and digest.hexdigest() != sha256:
        raise WeightsError(
            f"{address} gave another file than the pinned one: its sha256 is {digest.hexdigest()}.",
            allowed=f"The pinned one is {sha256}.",
            cure="Nothing was kept. Try again, or on another network: this one may answer with a page of its own.",
        )


def _absent(model: HubModel, absent: list[str], why: str, folder: Path | None = None) -> WeightsError:
    pins = [f"{name}{f' (sha256 {model.files[name]})' if model.files[name] else ''}" for name in absent]
    place = folder or model.cache
    if "/" not in model.repository:  # of no hub
        return WeightsError(
            f"{model.name} is not there: {why}.",
            allowed=f"It wants {_listed(pins)}.",
            cure=f"Put the files into {place}",
        )
    return WeightsError(
        f"{model.name} is not on this machine: {why}.",
        allowed=f"It wants {_listed(pins)} of {model.repository}, {model.size}.",
        cure=f"On a machine with a network: {model.command}\nThen put the files into {place}",
    )


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _hub_cache(model: HubModel) -> Path:
    """The folder in which the hub's own client keeps this model, whether it is there or not."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or Path(home, "hub")).expanduser()
    return cache / f"models--{model.repository.replace('/', '--')}" / "snapshots" / model.revision


def _is_offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in ("1", "on", "yes", "true")
