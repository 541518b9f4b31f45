"""Kills an embedding run of the nomic architecture ten times, and counts what was embedded twice.

The model has two layers and random weights, drawn here; the records are those of a collection, or 1,302 drawn ones with
the same spread of lengths. One run is undisturbed. The other is killed (SIGKILL) at random moments, started again each
time, and in the end runs through: its files must equal those of the undisturbed run to the last byte, and no document
that was finished, that is in a shard on disk, may be embedded again. Needs the extra `nomic`.

    python benchmarks/kill_nomic.py [DIR]
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import string
import subprocess
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from embedex.encoders.nomic import Windows

CONFIG = {
    "activation_function": "swiglu",
    "layer_norm_epsilon": 1e-12,
    "max_trained_positions": 128,
    "n_embd": 64,
    "n_head": 2,
    "n_inner": 128,
    "n_layer": 2,
    "n_positions": 512,
    "rotary_emb_base": 1000,
    "type_vocab_size": 2,
    "vocab_size": 128,
}


def write_model(folder: Path) -> None:
    """A small text model of the architecture with random weights, and a tokeniser that knows letters."""
    import numpy as np
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    from embedex.encoders.nomic_weights import text_config

    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    draw = np.random.default_rng(0)
    tensors = {
        name: (0.1 * draw.standard_normal(shape) + ("norm" in name and name.endswith("weight"))).astype(np.float32)
        for name, shape in text_config(folder).shapes().items()
    }
    save_file(tensors, str(folder / "model.safetensors"))
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(string.ascii_lowercase + string.digits + "_:")]
    pieces += [f"##{each}" for each in string.ascii_lowercase + string.digits]
    tokenizer = Tokenizer(models.WordPiece({each: number for number, each in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))


def write_collection(folder: Path, count: int) -> None:
    """Records whose lengths spread as those of Pokémon do: from a tenth of the longest to the longest."""
    from embedex import Collection, Record

    draw = random.Random(0)
    words = ["".join(draw.choices("aeioulmnrst", k=5)) for _ in range(400)]
    records = [
        Record(str(number), {"words": " ".join(draw.choices(words, k=draw.randrange(20, 200)))})
        for number in range(count)
    ]
    Collection.create(folder, records, title="Words", origin="drawn", id_path="id")


def embed(folder: Path, model: Path, log: Path) -> None:
    """The run that is killed; writes a line for each document when its vector has been computed."""
    from embedex import Collection
    from embedex.encoders.nomic import NomicTextEncoder

    hashes: dict[int, str] = {}

    class Logged(NomicTextEncoder):
        def tokenize(self, documents: Sequence[str]) -> list[Windows]:
            tokenized = super().tokenize(documents)
            for text, each in zip(documents, tokenized, strict=True):
                hashes[id(each.ids)] = hashlib.sha256(text.encode()).hexdigest()
            kept.extend(tokenized)
            return tokenized

        def encode_tokenized(self, tokenized: Sequence[Windows]) -> NDArray[np.float32]:
            vectors = super().encode_tokenized(tokenized)
            file.writelines(f"{hashes[id(each.ids)]}\n" for each in tokenized)
            file.flush()
            return vectors

    kept: list[Windows] = []  # so that no two have the same id()
    with log.open("a") as file:
        encoder = Logged.from_folder(model, precision="f32", threads=1)
        Collection.open(folder).embed(text=encoder, image=None)


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def finished(folder: Path) -> set[str]:
    """The content hashes of documents that have a vector on disk."""
    import pyarrow.parquet as pq

    paths = [path for path in folder.rglob("embeddings/**/*.parquet") if path.name != "passages.parquet"]
    columns = (pq.ParquetFile(path).read(columns=["content_hash"])["content_hash"] for path in paths)
    return {hash_ for column in columns for hash_ in column.to_pylist()}


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("dir", nargs="?", type=Path, metavar="DIR", help="a collection whose records to embed")
    parser.add_argument("--kills", type=int, default=10, metavar="N", help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (%(default)s)")
    parser.add_argument("--child", nargs=3, type=Path, help="used by the script itself")
    parsed = parser.parse_args()
    if parsed.child:
        embed(*parsed.child)
        return
    draw = random.Random(parsed.seed)
    with TemporaryDirectory(prefix="embedex-kill-", ignore_cleanup_errors=True) as place:
        work = Path(place)
        model, whole, killed = work / "model", work / "whole", work / "killed"
        write_model(model)
        if parsed.dir:
            shutil.copytree(parsed.dir, whole, ignore=shutil.ignore_patterns("embeddings", "maps", "charts", "images"))
        else:
            write_collection(whole, 1302)
        shutil.copytree(whole, killed)

        def start(folder: Path) -> subprocess.Popen[bytes]:
            words = [sys.executable, __file__, "--child", str(folder), str(model), str(work / f"{folder.name}.log")]
            return subprocess.Popen(words, env=os.environ)

        begun = time.monotonic()
        if start(whole).wait():
            raise SystemExit("The undisturbed run failed.")
        seconds = time.monotonic() - begun
        documents = len((work / "whole.log").read_text().split())
        print(f"undisturbed: {documents:,} documents and passages in {seconds:.1f} s", flush=True)
        log = work / "killed.log"
        log.touch()
        kills, done, again = 0, set[str](), set[str]()
        while kills < parsed.kills:
            before = len(log.read_text().split())
            process = start(killed)
            try:
                process.wait(draw.uniform(1, 1.5 * seconds / parsed.kills + 1))
                print("A run ended before its moment came; the next ones have nothing left to do.")
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            kills += 1
            computed = log.read_text().split()
            again |= done & set(computed[before:])
            done |= finished(killed)
            print(f"kill {kills}: {len(computed):,} computed, {len(done):,} finished", flush=True)
        before = len(log.read_text().split())
        if start(killed).wait():
            raise SystemExit("The last run failed.")
        computed = log.read_text().split()
        again |= done & set(computed[before:])
        same = files(whole) == files(killed)
        lost = len(computed) - len(set(computed))
        print(f"{kills} kills; files {'identical' if same else 'DIFFER'}; finished and embedded again: {len(again)}")
        print(f"taken by a kill before they were written, and computed again: {lost}")
        sys.exit(not same or bool(again) or kills < parsed.kills)


if __name__ == "__main__":
    main()
