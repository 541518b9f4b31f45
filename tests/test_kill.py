"""A process that is killed at any moment leaves nothing that the next run does not put right, to the last byte."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from embedex.cli import main
from embedex.collection import Collection
from embedex.errors import CollectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from conftest import Museum

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")

KILLS = 10

PLACED = re.compile(r"/(embeddings/\w+\.parquet|index\.parquet|records\.jsonl|collection\.json)$")
"""The files of a collection that are not pictures."""

RUNNER = """
import contextlib, io, json, os, signal, sys
import PIL.Image, pyarrow.parquet, rich.table, safetensors.numpy, tokenizers
from embedex import embedding
from embedex.cli import main, making, tables, verbs
from embedex.encoders import descriptor, registry, wordllama
from embedex.sources import files, sample

embedding.BATCH = 4
embedding.SHARD_SECONDS = 0
sample.FAMILIES = sample.FAMILIES[:7]
loaded = {"wordllama": wordllama.WordLlama(), "descriptor": descriptor.Descriptor()}
registry.load = lambda name, modality: loaded[name]
STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}

def run(last, folder, command):
    steps = []

    def hook(event, arguments):
        paths = [os.fspath(each) for each in arguments if isinstance(each, (str, os.PathLike))]
        if event in STEPS and any(path.startswith(folder) for path in paths):
            steps.append([event, paths[-1]])
            if len(steps) == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    with contextlib.redirect_stdout(io.StringIO()):
        code = main(command)
    return code, steps

for line in sys.stdin:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, json.dumps(run(*json.loads(line))).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        said = pipe.read()
    killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(said or json.dumps([killed, []]), flush=True)
"""
"""Runs commands, each in a process of its own that kills itself at its nth dealing with a folder's files.

Imports are done and encoders are read before the processes part, shards are small and the sample is short, so that
a run takes no time.
"""


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class Runner:
    """Runs a command until its nth step; to its end when that is 0. Gives its exit code and its steps."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", RUNNER]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, step: int, folder: Path, command: Sequence[str]) -> tuple[int, list[tuple[str, str]]]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([step, str(folder), list(command)]) + "\n")
        self.process.stdin.flush()
        code, steps = json.loads(self.process.stdout.readline())
        return code, [(event, path) for event, path in steps]


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    made = Runner()
    with made.process:
        yield made


def kill_and_repeat(
    runner: Runner,
    tmp_path: Path,
    command_for: Callable[[Path], Sequence[str]],
    prepare: Callable[[Path], object],
    kills: int,
) -> None:
    """Kill a command at steps spread over its whole course, and compare what its repetition leaves.

    Besides so many random moments it is killed right before each file of the collection itself is put in its place.
    """
    whole = tmp_path / "undisturbed"
    prepare(whole)
    code, steps = runner(0, whole, command_for(whole))
    assert code == 0
    renamed = [n for n, (event, path) in enumerate(steps, 1) if event == "os.rename" and PLACED.search(path)]
    assert len(renamed) >= 3
    parts = [len(steps) * number // kills for number in range(kills + 1)]
    expected = content(whole)
    chance = random.Random(1)
    disturbed = False
    for moment in sorted({*renamed, *(chance.randrange(start, end) + 1 for start, end in pairwise(parts))}):
        folder = tmp_path / f"killed at {moment}"
        prepare(folder)
        assert runner(moment, folder, command_for(folder)) == (-signal.SIGKILL, [])
        disturbed = disturbed or content(folder) != expected
        code, _ = runner(0, folder, command_for(folder))
        assert code == 0, f"killed at step {moment} of {len(steps)}"
        assert content(folder).keys() == expected.keys(), f"killed at step {moment} of {len(steps)}"
        assert content(folder) == expected, f"killed at step {moment} of {len(steps)}"
    assert disturbed


def test_embed_killed_between_any_two_writes_ends_as_if_undisturbed(
    runner: Runner, tmp_path: Path, museum: Museum
) -> None:
    left_out = shutil.ignore_patterns("embeddings", "maps", "M-[23]*.png")  # half of the pictures will do
    made = shutil.copytree(museum.dex, tmp_path / "made", ignore=left_out)
    kill_and_repeat(
        runner, tmp_path, lambda folder: ["embed", str(folder)], lambda folder: shutil.copytree(made, folder), 7
    )


def test_embed_of_changed_records_killed_between_any_two_writes_ends_as_if_undisturbed(
    runner: Runner, tmp_path: Path, museum: Museum
) -> None:
    """Where embeddings are there already, some of them still good."""
    made = shutil.copytree(museum.dex, tmp_path / "made")
    lines = tmp_path / "pieces.jsonl"
    changed = [{**record, "year": 1999} if number % 3 else record for number, record in enumerate(museum.records)]
    lines.write_text("".join(f"{json.dumps(record)}\n" for record in changed), "utf-8")
    command = museum.making(made)
    command[2] = str(lines)
    assert main(command) == 0
    kill_and_repeat(
        runner, tmp_path, lambda folder: ["embed", str(folder)], lambda folder: shutil.copytree(made, folder), 2
    )


def test_new_killed_between_any_two_writes_ends_as_if_undisturbed(
    runner: Runner, tmp_path: Path, museum: Museum
) -> None:
    kill_and_repeat(runner, tmp_path, museum.making, lambda folder: folder.mkdir(), 3)


def test_sample_killed_between_any_two_writes_ends_as_if_undisturbed(runner: Runner, tmp_path: Path) -> None:
    kill_and_repeat(runner, tmp_path, lambda folder: ["sample", str(folder)], lambda folder: folder.mkdir(), 1)


def test_a_collection_whose_making_was_killed_says_that_it_is_unfinished(
    runner: Runner, tmp_path: Path, museum: Museum
) -> None:
    folder = tmp_path / "dex"
    folder.mkdir()
    assert runner(12, folder, museum.making(folder)) == (-signal.SIGKILL, [])
    with pytest.raises(CollectionError, match="unfinished"):
        Collection.open(folder)


def test_embed_killed_at_random_moments_ends_as_if_undisturbed(tmp_path: Path) -> None:
    chance = random.Random(2)
    words = ["".join(chance.choices("aeioulmnrst", k=7)) for _ in range(500)]
    lines = tmp_path / "records.jsonl"
    with lines.open("w") as file:
        for number in range(800):
            notes = [" ".join(chance.sample(words, 25)) for _ in range(2)]
            file.write(json.dumps({"id": number, "notes": notes}) + "\n")
    assert main(["new", str(tmp_path / "made"), str(lines)]) == 0

    def start(folder: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "embedex", "embed", str(folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    whole = shutil.copytree(tmp_path / "made", tmp_path / "undisturbed")
    begun = time.monotonic()
    assert start(whole).wait() == 0
    duration = time.monotonic() - begun
    expected = content(whole)

    def once(number: int) -> tuple[int, int]:
        folder = shutil.copytree(tmp_path / "made", tmp_path / str(number))
        process = start(folder)
        time.sleep(delays[number])
        process.kill()
        return process.wait(), start(folder).wait()

    delays = [(number + chance.random()) / KILLS * duration for number in range(KILLS)]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(once, range(KILLS)))
    assert -signal.SIGKILL in [killed for killed, _ in results]
    assert [again for _, again in results] == [0] * KILLS
    for number in range(KILLS):
        after = content(tmp_path / str(number))
        assert after.keys() == expected.keys(), f"killed after {delays[number] / duration:.0%}"
        assert after == expected, f"killed after {delays[number] / duration:.0%}"
