"""Making collections: what `pull`, `new` and `sample` have in common with the demo."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedex import weights
from embedex.cli import output
from embedex.cli.output import say
from embedex.collection import Collection
from embedex.errors import InputError
from embedex.records import JsonPath, Record, Strictness

if TYPE_CHECKING:
    from embedex.sources.pokemon import Origin


def pull_pokemon(
    to: Path,
    *,
    origin: Origin = "auto",
    tables: Path | None = None,
    endpoint: str | None = None,
    artwork: str | None = None,
    refresh: bool = False,
    pictures: bool = True,
    strict: bool = False,
) -> Collection:
    """A collection of every Pokémon; goes on where a run before it ended.

    Raises:
        SourceError: no source delivers.
    """
    from embedex.sources import pokeapi
    from embedex.sources.pokemon import gather

    strictness = Strictness(strict=strict)
    images = Collection.claim(to)
    chosen: dict[str, Any] = {"endpoint": endpoint, "artwork_url": artwork}
    try:
        with output.progress() as progress:
            harvest = gather(
                origin=origin,
                to_images=images,
                tables=tables,
                cache=weights.cache_folder() / "pokemon",
                refresh=refresh,
                pictures=pictures,
                strictness=strictness,
                say=say,
                progress=lambda done, total: progress("Pictures", done, total),
                **{key: value for key, value in chosen.items() if value},
            )
        records = [Record(str(data["id"]), data) for data in harvest.records]
        found = ((record.id, images / f"{record.id}.png") for record in records)
        return Collection.create(
            to,
            records,
            title=pokeapi.TITLE,
            origin=harvest.origin_text,
            id_path=harvest.paths.id,
            name_path=harvest.paths.name,
            group_path=harvest.paths.group,
            default_where=pokeapi.DEFAULT_WHERE,
            featured_where=pokeapi.FEATURED_WHERE,
            ascii=True,
            pictures={record_id: path for record_id, path in found if path.exists()},
            strictness=strictness,
        )
    finally:
        output.say_problems(strictness.problems)


def new_collection(
    to: Path,
    paths: Sequence[Path],
    *,
    id_path: str,
    name_path: str,
    group_path: str,
    images: Path | None,
    image_path: str,
    title: str,
    default_where: str,
    strip_prefix: str | None,
    strict: bool,
) -> Collection:
    """A collection of a person's own records and pictures; what is broken is named and set aside.

    Raises:
        InputError: no record can be read, or the first problem in strict mode.
    """
    from embedex.sources.files import escapes_ascii, read_records
    from embedex.sources.pictures import check_pictures, find_pictures, pictures_by_path

    if image_path and images is None:
        raise InputError("--image-path needs --images.", cure="Name the folder that the paths start from.")
    strictness = Strictness(strict=strict)
    picture_at = JsonPath.parse(image_path) if image_path else None
    named: list[tuple[str, str, str]] = []
    ids: list[str] = []

    def noted() -> Iterator[Record]:
        """The records, with what pictures need of them kept aside."""
        for record, where in read_records(paths, id_path=JsonPath.parse(id_path), strictness=strictness):
            ids.append(record.id)
            value = picture_at.find(record.data) if picture_at else None
            if isinstance(value, str):
                named.append((record.id, value, where))
            elif value is not None:
                strictness.add(where, f"its picture is {value!r}, not a path")
            yield record

    def pictures() -> dict[str, Path]:
        if images is None:
            return {}
        if picture_at:
            found = pictures_by_path(named, images, strictness=strictness)
        else:
            found, left = find_pictures(ids, images, strictness=strictness)
            if left:
                shown = ", ".join(path.name for path in left[:3])
                say(f"Without a record in {images}: {len(left):,} of its files, such as {shown}")
        with output.progress() as progress:
            return check_pictures(found, strictness, lambda done, total: progress("Checking pictures", done, total))

    try:
        collection = Collection.create(
            to,
            noted(),
            title=title or to.resolve().name,
            origin=", ".join(path.name for path in paths),
            id_path=id_path,
            name_path=name_path,
            group_path=group_path,
            default_where=default_where,
            strip_prefix=strip_prefix,
            ascii=escapes_ascii(paths),
            pictures=pictures,
            strictness=strictness,
        )
    finally:
        output.say_problems(strictness.problems)
    if collection.manifest.text.strip_prefix and strip_prefix is None:
        say(
            f"Documents leave out the prefix {collection.manifest.text.strip_prefix!r}, which most keys repeat; "
            "--strip-prefix '' keeps it."
        )
    return collection


def sample_collection(to: Path) -> Collection:
    """The small collection that embedex draws by itself."""
    from embedex.sources import sample
    from embedex.sources.files import read_records
    from embedex.sources.pictures import find_pictures

    strictness = Strictness(strict=True)
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "shapes.jsonl"
        images = Collection.claim(to)
        sample.write_sample(lines, images)
        read = read_records([lines], id_path=JsonPath.parse("id"), strictness=strictness)
        records = [record for record, _ in read]
    pictures, _ = find_pictures([record.id for record in records], images, strictness=strictness)
    return Collection.create(
        to,
        records,
        title="Shapes",
        origin="drawn by embedex",
        id_path="id",
        name_path="name",
        group_path=sample.GROUP_PATH,
        pictures=pictures,
    )
