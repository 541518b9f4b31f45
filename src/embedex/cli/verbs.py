"""What each verb does: one call to the library, one print."""

from __future__ import annotations

import datetime
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedex.cli import output
from embedex.cli.output import Cell, Table, say
from embedex.errors import InputError
from embedex.records import Strictness

if TYPE_CHECKING:
    from embedex.collection import Collection, EmbedReport
    from embedex.gallery import Result


def demo(parsed: Namespace) -> None:
    """Everything on Pokémon, or on the sample."""
    from embedex.cli.demo import run

    run(parsed.to, parsed.on)


def pull(parsed: Namespace) -> None:
    """A collection of every Pokémon."""
    from embedex.cli.making import pull_pokemon

    _say_made(
        pull_pokemon(
            parsed.to,
            origin=parsed.origin,
            tables=parsed.tables,
            endpoint=parsed.endpoint,
            artwork=parsed.artwork,
            refresh=parsed.refresh,
            pictures=not parsed.no_pictures,
            strict=parsed.strict,
        )
    )


def new(parsed: Namespace) -> None:
    """A collection of a person's own files."""
    from embedex.cli.making import new_collection

    _say_made(
        new_collection(
            parsed.dir,
            parsed.records,
            id_path=parsed.id_path,
            name_path=parsed.name_path,
            group_path=parsed.group_path,
            images=parsed.images,
            image_path=parsed.image_path,
            title=parsed.title,
            default_where=parsed.default_where,
            strip_prefix=parsed.strip_prefix,
            strict=parsed.strict,
        )
    )


def sample(parsed: Namespace) -> None:
    """The small collection that embedex draws by itself."""
    from embedex.cli.making import sample_collection

    _say_made(sample_collection(parsed.dir))


def info(parsed: Namespace) -> None:
    """What a collection holds."""
    collection = _open(parsed.dir)
    manifest = collection.manifest
    items = collection.items(everything=True)
    rows: list[list[Cell]] = [
        ["title", manifest.title],
        ["origin", manifest.origin],
        ["records", f"{len(items):,}"],
        [
            "compared by default",
            f"{len(collection.items()):,}{f', {manifest.default_where}' * bool(manifest.default_where)}",
        ],
        ["pictures", f"{sum(item.picture is not None for item in items):,}"],
        ["groups", f"{len({item.group for item in items} - {None}):,}"],
        ["prefix stripped from keys", manifest.text.strip_prefix or "none"],
        ["maps", ", ".join(collection.maps) or "none"],
    ]
    rows += [
        [f"{name} embedding", f"{each.name}, {each.dimension} dimensions"]
        for name, each in collection.embeddings.items()
    ]
    output.show(
        Table(["what", "value"], rows, str(parsed.dir), {str(what): value for what, value in rows}), parsed.format
    )


def tokens(parsed: Namespace) -> None:
    """Token counts before embedding."""
    from embedex.cli import tables

    collection = _open(parsed.dir)
    with output.progress() as progress:
        report = collection.tokens(progress=progress)
    output.show(tables.token_summary(report), parsed.format)
    if parsed.format == "table":
        output.show(tables.token_paths(report), parsed.format)
    _draw(report, parsed.chart)


def models(parsed: Namespace) -> None:
    """Which encoders there are."""
    from embedex.encoders.registry import ENTRIES

    rows: list[list[Cell]] = []
    for entry in ENTRIES:
        missing = entry.missing()
        ready = "ready" if not missing else f"needs: {missing}"
        rows.append([entry.name, entry.modality, entry.dimension, entry.context, ready, entry.source])
    output.show(Table(["model", "embeds", "dimensions", "length", "here and now", "source"], rows), parsed.format)


def embed(parsed: Namespace) -> None:
    """Embed texts, passages and pictures."""
    strictness = Strictness(strict=parsed.strict)
    collection = _open(parsed.dir)
    with output.progress() as progress:
        reports = collection.embed(
            text=None if parsed.text == "none" else parsed.text,
            image=None if parsed.image == "none" else parsed.image,
            strictness=strictness,
            progress=progress,
        )
    output.say_problems(strictness.problems)
    output.show(embed_table(reports), "table")
    say(f"Next: embedex similar {parsed.dir} RECORD, or embedex charts {parsed.dir}")


def similar(parsed: Namespace) -> None:
    """The most similar."""
    from embedex.cli import tables

    result = _open(parsed.dir).similar(parsed.record, **_ranked(parsed))
    output.show(tables.similar(result), parsed.format)
    _draw(result, parsed.chart)


def unusual(parsed: Namespace) -> None:
    """The most unusual."""
    from embedex.cli import tables

    result = _open(parsed.dir).unusual(**_ranked(parsed))
    output.show(tables.unusual(result), parsed.format)
    _draw(result, parsed.chart)


def ask(parsed: Namespace) -> None:
    """A question in words."""
    from embedex.cli import tables

    result = _open(parsed.dir).ask(parsed.question, k=parsed.k, against=parsed.against, **_selection(parsed))
    output.show(tables.answers(result), parsed.format)
    _draw(result, parsed.chart)


def heatmap(parsed: Namespace) -> None:
    """All pairs."""
    from embedex.cli import tables

    result = _open(parsed.dir).pairs(by=parsed.by, **_selection(parsed))
    output.show(tables.pairs(result), parsed.format)
    _draw(result, parsed.chart)


def map_(parsed: Namespace) -> None:
    """Fit a map."""
    from embedex.cli import tables

    result = _open(parsed.dir).fit_map(
        method=parsed.method,
        by=parsed.by,
        dimensions=parsed.dims,
        neighbours=parsed.neighbours,
        min_distance=parsed.min_dist,
        seed=parsed.seed,
        name=parsed.map_name,
        **_selection(parsed),
    )
    output.show(tables.places(result), parsed.format)
    if result.missing:
        say(f"{result.missing:,} records have no place: they lack a picture or an embedding.")
    _draw(result, parsed.chart)


def charts(parsed: Namespace) -> None:
    """The charts of a collection."""
    from embedex import gallery
    from embedex.cli.demo import draw_gallery

    collection = _open(parsed.dir)
    to = parsed.to or parsed.dir / "charts"
    if parsed.all_strips:
        if not gallery.has_default_map(collection):
            gallery.fit_default_map(collection)
        with output.progress() as progress:
            drawn = gallery.strips(
                collection,
                to / "strips",
                where=parsed.where,
                jobs=parsed.jobs,
                date=today(),
                progress=progress,
            )
        say(f"{drawn:,} charts are in {to / 'strips'}")
        return
    if parsed.where:
        raise InputError("--where is for --all.", cure="Add --all, or leave out --where.")
    record = parsed.record or collection.items()[0].id
    page = draw_gallery(collection, to, record=record, question=parsed.question, show=False)
    say(f"Open {page}")


VERBS: dict[str, Callable[[Namespace], None]] = {
    "ask": ask,
    "charts": charts,
    "demo": demo,
    "embed": embed,
    "heatmap": heatmap,
    "info": info,
    "map": map_,
    "models": models,
    "new": new,
    "pull": pull,
    "sample": sample,
    "similar": similar,
    "tokens": tokens,
    "unusual": unusual,
}


def embed_table(reports: list[EmbedReport]) -> Table:
    """What an embedding run did."""
    rows: list[list[Cell]] = [[each.name, each.encoder, each.rows, each.embedded, each.missing] for each in reports]
    return Table(["embedding", "encoder", "rows", "embedded now", "without"], rows)


def _open(folder: Path) -> Collection:
    from embedex.collection import Collection

    return Collection.open(folder)


def _selection(parsed: Namespace) -> dict[str, Any]:
    return {"where": parsed.where, "everything": parsed.everything, "centred": parsed.centred}


def _ranked(parsed: Namespace) -> dict[str, Any]:
    ranked = {"k": parsed.k, "by": parsed.by, "per_group": parsed.per_group, "map_name": parsed.map_name}
    return {**ranked, **_selection(parsed)}


def _draw(result: Result, chart: Path | None) -> None:
    """Draw a result into the file of ``--chart``."""
    if chart is None:
        return
    from embedex import charts as drawing
    from embedex import gallery

    chart.parent.mkdir(parents=True, exist_ok=True)
    suffix = chart.suffix.removeprefix(".")
    drawing.save(gallery.figure(result, today()), chart.with_suffix(""), (suffix,))
    say(f"Drawn: {chart}")


def today() -> datetime.date:
    """The date that charts state."""
    return datetime.datetime.now(tz=datetime.UTC).astimezone().date()


def _say_made(collection: Collection) -> None:
    say(f"{collection!r}\nNext: embedex embed {collection.folder}")
