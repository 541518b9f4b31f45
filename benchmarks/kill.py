"""Kills `embedex pull` and `embedex embed` in the middle, runs each again, and compares every byte of the folder.

Each command is killed (SIGKILL) at random moments of its running time and then run to its end; the folder must equal
that of a run nobody disturbed. Pulls have a cache of their own, of which a different part is missing each time, so that
downloads are killed too; the artwork's 97 MB are downloaded three times at most. Needs npm and its registry.

    python benchmarks/kill.py
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import dex
from embedex.sources import npm

LOST: dict[str, list[str]] = {
    "nothing": [],
    "the unpacked tables": [f"{npm.TABLES.name}-{npm.TABLES.version}"],
    "the tables": [f"{npm.TABLES.name}-{npm.TABLES.version}", f"{npm.TABLES.name}-{npm.TABLES.version}.tgz"],
    "the artwork": [f"{npm.ARTWORK.name}-{npm.ARTWORK.version}.tgz"],
}
"""What is taken from the pull's cache before a kill."""

DOWNLOADED = ("the tables", "the artwork")
"""Those that npm brings again."""

Start = Callable[[Path, str], None]
"""Makes a folder, and the cache, what they were before the command; the string is a key of `LOST`."""


@dataclass(frozen=True)
class Command:
    """A command to kill: its words for a folder, what is there before it, and its cache."""

    name: str
    words: Callable[[Path], list[str]]
    start: Start
    cache: Path | None


def digests(folder: Path) -> dict[str, str]:
    """Every file of a folder, hidden ones too, with its sha256."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def launch(command: Command, folder: Path) -> subprocess.Popen[bytes]:
    environment = dict(os.environ, **({"EMBEDEX_CACHE": str(command.cache)} if command.cache else {}))
    words = [sys.executable, "-m", "embedex", *command.words(folder)]
    return subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def to_the_end(command: Command, folder: Path) -> float:
    """Run the command undisturbed; gives its seconds."""
    begun = time.monotonic()
    process = launch(command, folder)
    _, told = process.communicate()
    if process.returncode:
        raise SystemExit(f"embedex {command.name} failed:\n{told.decode()}")
    return time.monotonic() - begun


def trial(command: Command, folder: Path, lost: str, moment: float, wanted: dict[str, str]) -> list[object]:
    """Kill the command at a moment, counted from the download's start if there is one; run it again, and compare."""
    command.start(folder, lost)
    process = launch(command, folder)
    begun = time.monotonic()
    try:
        if command.cache and lost in DOWNLOADED:
            while process.poll() is None and not any(command.cache.glob("pokemon/.npm-*")):
                time.sleep(0.005)
        process.wait(moment)
    except subprocess.TimeoutExpired:
        process.kill()
    process.communicate()
    at = time.monotonic() - begun
    there = len(digests(folder))
    downloads = list(command.cache.glob("pokemon/.npm-*")) if command.cache else []
    again = to_the_end(command, folder)
    found = digests(folder)
    different = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    verdict = "identical" if not different else f"{len(different)} differ: {', '.join(different[:3])}"
    state = "had ended" if process.returncode >= 0 else "killed downloading" if downloads else "killed"
    for left in downloads:  # else the next trial would take it for its own
        shutil.rmtree(left, ignore_errors=True)
    return [command.name, lost, f"{at:.2f}", state, there, f"{again:.1f}", verdict]


def main() -> None:
    parser = dex.arguments(__doc__, folder=False)
    parser.add_argument("--kills", type=int, default=10, metavar="N", help="of each command (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (%(default)s)")
    parser.add_argument("--dir", type=Path, metavar="DIR", help="kill `embed` only, on copies of this collection")
    parsed = parser.parse_args()
    draw = random.Random(parsed.seed)
    rows: list[list[object]] = []
    with TemporaryDirectory(prefix="embedex-kill-", ignore_cleanup_errors=True) as place:
        work = Path(place)
        cache, pulled, folder = work / "cache", work / "pulled", work / "folder"

        def start_pull(to: Path, lost: str) -> None:
            shutil.rmtree(to, ignore_errors=True)
            for name in LOST[lost]:
                gone = cache / "pokemon" / name
                shutil.rmtree(gone) if gone.is_dir() else gone.unlink(missing_ok=True)

        def start_embed(to: Path, _: str) -> None:
            shutil.rmtree(to, ignore_errors=True)
            unwanted = shutil.ignore_patterns("embeddings", "maps", "charts")
            shutil.copytree(pulled, to, ignore=unwanted)

        pull = Command("pull", lambda to: ["pull", "pokemon", "--from", "npm", "--to", str(to)], start_pull, cache)
        embed = Command("embed", lambda to: ["embed", str(to)], start_embed, None)
        commands: list[tuple[Command, list[str]]] = [(pull, list(LOST)), (embed, ["nothing"])]
        if parsed.dir:
            pulled, commands = parsed.dir, commands[1:]
        for command, states in commands:
            first = command is pull
            lengths: dict[str, float] = {}
            wanted: dict[str, str] = {}
            if first:
                lengths["the artwork"] = to_the_end(command, pulled)  # with an empty cache
                wanted = digests(pulled)
            for lost in [*(each for each in states if each not in lengths), "nothing"]:
                command.start(folder, lost)
                seconds = to_the_end(command, folder)
                lengths[lost] = min(seconds, lengths.get(lost, seconds))
                wanted = wanted or digests(folder)
                if digests(folder) != wanted:
                    raise SystemExit(f"Two undisturbed runs of embedex {command.name} differ.")
            told = ", ".join(f"{seconds:.1f} s with {lost} missing" for lost, seconds in lengths.items())
            print(f"embedex {command.name} undisturbed: {told}; {len(wanted):,} files", flush=True)
            missing = ["the artwork", "the tables", "the unpacked tables"] if first else []
            killed = 0
            for number in range(3 * parsed.kills):  # a run that ended before its moment came does not count as killed
                lost = missing[number] if number < len(missing) else "nothing"
                span = lengths[lost]
                if lost in DOWNLOADED:
                    span = max(0.5 * (span - lengths["nothing"]), 0.3)
                rows.append(trial(command, folder, lost, draw.uniform(0.02, 1) * span, wanted))
                killed += str(rows[-1][3]).startswith("killed")
                print(".", end="", flush=True)
                if killed == parsed.kills:
                    break
            print()
    columns = ("command", "missing from the cache", "killed at, s", "state", "files then", "again, s", "verdict")
    dex.show("Folders after a kill and a second run, against an undisturbed run", columns, rows)
    killed = sum(str(row[3]).startswith("killed") for row in rows)
    identical = sum(row[-1] == "identical" for row in rows)
    print(f"\n{identical} of {len(rows)} identical; {killed} were killed before they ended")
    sys.exit(identical < len(rows))


if __name__ == "__main__":
    main()
