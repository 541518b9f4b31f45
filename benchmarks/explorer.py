"""What `embedex explore` takes: the first view, single interactions, memory, and many visitors at once.

    python benchmarks/explorer.py [DEX ...] [--points 1000000] [--dimensions 256] [--clients 200] [--seconds 30]

For the sample, each collection DEX, and a made-up one with so many points, a server is started as a person would. The
made-up one has a map and embeddings in clusters; `--dimensions 0` leaves the embeddings out. The first view is what the
page asks for before it draws: the collection, its names, groups, pictures, and the default map. Then come 61
interactions one after another, a record with its neighbours; each other kind of question for the first time, with the
server's memory after it; and visitors at once, each asking again as soon as it has its answer. Nothing but the server's
own time is in the numbers besides this script's, which takes a good part of one core. Needs the extra `explore`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

WHERE = "where?sql=length(name)%20%3E%2011"

CLUSTERS = 200
"""Of the made-up collection."""

FIRST = ("collection", "rows/names", "rows/groups", "rows/pictures", "rows/main")


class Server:
    """A running `embedex explore`."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "embedex", "explore", str(folder), "--port", "0", "--no-browser"]
        self.begun = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout
        found = re.search(r":(\d+)/", self.process.stdout.readline())
        assert found, "it did not start"
        self.port, self.started = int(found[1]), time.monotonic() - self.begun

    def memory(self, what: str = "VmRSS") -> float:
        """MiB."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return float("nan")
        return int(re.search(rf"{what}:\s+(\d+)", status.read_text())[1]) / 1024  # type: ignore[index]

    def end(self) -> None:
        """End it as Ctrl-C does."""
        self.process.send_signal(2)
        self.process.wait(30)


class Visitor:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> Visitor:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def get(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        self.writer.write(f"GET /api/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = re.search(r"content-length: (\d+)", head)
        return int(head.split(" ", 2)[1]), await self.reader.readexactly(int(length[1]) if length else 0)


def synthetic(folder: Path, points: int, dimensions: int) -> None:
    """Records with a map and embeddings in clusters, as `embed` and `map` would have left them."""
    from embedex.collection import Collection
    from embedex.encoders.base import EncoderDescription
    from embedex.holdings import Holdings
    from embedex.records import Record
    from embedex.store import Embeddings, Store, StoredMap

    random = np.random.default_rng(0)
    clusters = random.integers(CLUSTERS, size=points)
    records = (
        Record(str(n), {"id": n, "name": f"thing {n}", "kind": f"kind {cluster % 20}", "size": n % 977})
        for n, cluster in enumerate(clusters.tolist())
    )
    made = Collection.create(
        folder, records, title="Points", origin="made up", id_path="id", name_path="name", group_path="kind"
    )
    ids, store = list(made.ids), Store(folder)
    if dimensions:
        shared = random.normal(size=dimensions) / 2  # as JSON of one shape has much in common
        middles = (random.normal(size=(CLUSTERS, dimensions)) + shared).astype(np.float32)
        vectors = random.standard_normal((points, dimensions), np.float32)
        for start in range(0, points, 50_000):
            part = slice(start, start + 50_000)
            vectors[part] += middles[clusters[part]]
            vectors[part] /= np.linalg.norm(vectors[part], axis=1, keepdims=True)
        described = EncoderDescription("made-up", "text", "made-up", dimensions, "1", "", "none", "none")
        hashes: list[str | None] = [f"{n:064x}" for n in range(points)]
        made_from = Holdings.open(folder).made_from
        store.write_embeddings("text", Embeddings(ids, hashes, np.arange(points), vectors, described, made_from))
    (folder / "maps").mkdir()
    places = random.normal(size=(points, 2)).astype(np.float32) + 10 * random.normal(size=(CLUSTERS, 2))[clusters]
    parameters: dict[str, str | int | float] = {
        "method": "umap",
        "by": "text",
        "encoder": "none",
        "measure": "cosine",
        "dimensions": 2,
        "missing": 0,
    }
    store.write_map("umap", StoredMap(ids, places.astype(np.float32), parameters))


async def measured(name: str, folder: Path, clients: int, seconds: float) -> None:
    server = await asyncio.to_thread(Server, folder)
    try:
        async with Visitor(server.port) as visitor:
            begun, size = time.monotonic(), 0
            told: dict[str, Any] = {}
            for path in FIRST:
                status, body = await visitor.get(path)
                assert status == 200, (path, status, body[:200])
                size += len(body)
                told = told or json.loads(body)
            if a_map := told["default_map"]:
                for path in (f"maps/{a_map}", f"maps/{a_map}/rows", f"maps/{a_map}/doubt"):
                    size += len((await visitor.get(path))[1])
            viewed = time.monotonic() - begun
            count = told["count"]
            print(f"\n{name}: {count:,} records")
            print(f"  from the command to its address  {server.started:8.2f} s")
            print(f"  first view                       {viewed:8.2f} s  {size / 2**20:.2f} MiB")
            print(f"  memory after it                  {server.memory():8.0f} MiB, peak {server.memory('VmHWM'):.0f}")
            embedded = {each["name"]: each["dimension"] for each in told["embeddings"]}
            kinds = [each for each in ("text", "image") if each in embedded]
            await interactions(visitor, count, kinds)
            await once(visitor, server, count, embedded)
            if told["thumbnail"]["pages"]:
                begun = time.monotonic()
                _, body = await visitor.get("thumbnails/0.webp")
                print(
                    f"  first page of thumbnails         {time.monotonic() - begun:8.2f} s  {len(body) / 2**20:.2f} MiB"
                )
        await crowd(server, count, kinds, a_map, clients, seconds)
        print(f"  memory at the end                {server.memory():8.0f} MiB, peak {server.memory('VmHWM'):.0f}")
    finally:
        server.end()


async def once(visitor: Visitor, server: Server, count: int, embedded: dict[str, int]) -> None:
    """Each kind of question, for the first time, and what the server holds afterwards."""
    field = quote(json.loads((await visitor.get("fields"))[1])["paths"][0]["path"])
    asked = {"fields": "fields", "the values of a field": f"values/data?path={field}", "a condition": WHERE}
    if "text" in embedded:
        _, order = await visitor.get("heatmap/order")
        square = len(order) // 4
        half, few = square // 2, min(square - square // 2, 512)
        asked = {
            "similar, of each group": "similar?row=1&per_group=1&k=12",
            "similar, again of each group": "similar?row=2&per_group=1&k=12",
            "all pairs": "heatmap?size=512",
            "all pairs, a tenth": f"heatmap?size=512&from={half}&to={half + max(1, square // 10)}",
            "all pairs, single ones": f"heatmap?size=512&from={half}&to={half + few}",
            "unusual": "unusual?k=30",
            "unusual, of each group": "unusual?k=5&per_group=1",
            **asked,
        }
    asked["another condition"] = WHERE.replace("11", "12")
    own = count * sum(embedded.values()) * 4 / 2**20
    for told, path in asked.items():
        begun = time.monotonic()
        status, body = await visitor.get(path)
        taken, held, most = time.monotonic() - begun, server.memory(), server.memory("VmHWM")
        share = f"{held / own:5.2f} of the embeddings" if own > 50 else ""
        wrong = "" if status == 200 else f"  {status}: {body[:150]!r}"
        print(f"  {told:32} {taken:8.2f} s  {held:8.0f} MiB, peak {most:.0f}  {share}{wrong}")


async def interactions(visitor: Visitor, count: int, kinds: Sequence[str]) -> None:
    """A person's minute: the first one alone, since the embeddings are read for it."""
    taken = []
    for turn in range(61):
        row = turn * 7919 % count
        begun = time.monotonic()
        for path in (f"records/{row}", *(f"similar?row={row}&by={kind}&k=12" for kind in kinds)):
            status, body = await visitor.get(path)
            assert status in (200, 404), (path, status, body[:200])
        taken.append(time.monotonic() - begun)
    first, rest = taken[0], taken[1:]
    print(f"  the first interaction            {first:8.3f} s")
    print(f"  60 more: half within             {np.median(rest):8.3f} s  slowest {max(rest):.3f} s")


async def crowd(
    server: Server, count: int, kinds: Sequence[str], a_map: str | None, clients: int, seconds: float
) -> None:
    """Many visitors at once."""
    taken: list[float] = []
    wrong: list[tuple[str, int]] = []
    end = time.monotonic() + seconds

    async def visit(number: int) -> None:
        random = np.random.default_rng(number)
        async with Visitor(server.port) as visitor:
            while time.monotonic() < end:
                row = int(random.integers(count))
                paths = [f"records/{row}", "collection", "rows/groups" if count < 100_000 else "collection"]
                paths += [f"similar?row={row}&by={kind}&k=12" for kind in kinds]
                paths += ["heatmap?size=128"] if "text" in kinds else []
                paths += ["unusual?k=10"] if "text" in kinds and count < 100_000 else []
                paths += [f"maps/{a_map}"] if a_map and count < 100_000 else []
                path = paths[int(random.integers(len(paths)))]
                begun = time.monotonic()
                status, _ = await visitor.get(path)
                taken.append(time.monotonic() - begun)
                if status not in (200, 404):  # 404: a record without a picture has no likeness by picture
                    wrong.append((path, status))

    await asyncio.gather(*(visit(number) for number in range(clients)))
    rate, half, most = len(taken) / seconds, np.median(taken), max(taken)
    print(f"  {clients} visitors for {seconds:g} s: {len(taken):,} answers, {rate:.0f}/s, {len(wrong)} errors")
    print(f"    half within {half:.3f} s, 99 % within {np.quantile(taken, 0.99):.3f} s, slowest {most:.3f} s")
    assert not wrong, wrong[:5]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dex", type=Path, nargs="*", help="embedded collections")
    parser.add_argument("--points", type=int, default=1_000_000, help="of the made-up one; 0 leaves it out")
    parser.add_argument("--dimensions", type=int, default=256, help="of its embeddings; 0 leaves them out")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        sample = Path(room) / "shapes"
        for words in (["sample", str(sample)], ["embed", str(sample)], ["map", str(sample), "--method", "pca"]):
            subprocess.run([sys.executable, "-m", "embedex", *words], check=True, capture_output=True)
        folders = [("sample", sample)]
        for dex in given.dex:
            copy = Path(room) / f"copy-{len(folders)}"
            shutil.copytree(dex, copy)  # thumbnails are kept in it
            folders.append((dex.name, copy))
        if given.points:
            synthetic(Path(room) / "points", given.points, given.dimensions)
            folders.append(("made up", Path(room) / "points"))
        for name, folder in folders:
            asyncio.run(measured(name, folder, given.clients, given.seconds))


if __name__ == "__main__":
    main()
