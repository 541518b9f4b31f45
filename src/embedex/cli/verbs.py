"""What each verb does: one call to the library, one print."""

from __future__ import annotations

import contextlib
import shlex
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedex.cli import output
from embedex.cli.output import Cell, Table, say
from embedex.errors import InputError, MissingExtraError, TooFewError
from embedex.records import Strictness
from embedex.results import counted

if TYPE_CHECKING:
    from embedex.collection import Collection
    from embedex.encoders.base import Modality
    from embedex.results import Result


ENCODER_SETTINGS = ("overflow", "dimensions", "context", "task", "precision", "threads")
"""Options of `embed` that are settings of encoders."""


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
        ready = f"ready, with a {entry.argument}" if entry.argument else "ready"
        ready = f"needs: {missing}" if missing else ready
        settings = ", ".join(entry.settings)
        rows.append([entry.name, entry.modality, entry.dimension, entry.context, ready, entry.source, settings])
    columns = ["model", "embeds", "dimensions", "length", "here and now", "source", "settings"]
    whole = [dict(zip(columns, row, strict=True)) for row in rows]
    # For people without its last columns, which leave the others no room.
    shown = Table(columns[:-2], [row[:-2] for row in rows], whole=whole, full=Table(columns, rows))
    output.show(shown, parsed.format)


def embed(parsed: Namespace) -> None:
    """Embed texts, passages and pictures."""
    from embedex.cli import tables
    from embedex.encoders import registry

    strictness = Strictness(strict=parsed.strict)
    collection = _open(parsed.dir)
    given = {name: getattr(parsed, name) for name in ENCODER_SETTINGS}
    names: dict[Modality, str] = {"text": parsed.text, "image": parsed.image}
    for modality, name in names.items():
        if name != "none" and (fetched := registry.to_fetch(name, modality)):
            say(f"{name} ({modality}) is not on this machine yet: {fetched}")
    with output.progress() as progress:
        reports = collection.embed(
            text=None if parsed.text == "none" else parsed.text,
            image=None if parsed.image == "none" else parsed.image,
            reuse=parsed.reuse,
            settings={name: value for name, value in given.items() if value is not None},
            strictness=strictness,
            progress=progress,
            fields=(parsed.field_depth or 1) if parsed.fields or parsed.field_depth else None,
        )
    output.say_problems(strictness.problems)
    output.show(tables.embedded(reports), "table")
    for report in reports:
        if report.overlong:
            documents = "1 document is" if report.overlong == 1 else f"{report.overlong:,} documents are"
            say(f"{report.name}: {documents} {report.overlong_fate}")
    first = shlex.quote(collection.items()[0].name)
    say(f"Next: embedex similar {parsed.dir} {first}, or embedex charts {parsed.dir}")
    if not collection.maps:
        say(f"To explore it in a browser: embedex map {parsed.dir}, then embedex explore {parsed.dir}")


def similar(parsed: Namespace) -> None:
    """The most similar."""
    collection = _open(parsed.dir)
    _answer(collection.similar(parsed.record, **_ranked(parsed), **_weights(collection, parsed)), parsed)


def unusual(parsed: Namespace) -> None:
    """The most unusual."""
    collection = _open(parsed.dir)
    _answer(collection.unusual(**_ranked(parsed), **_weights(collection, parsed)), parsed)


def ask(parsed: Namespace) -> None:
    """A question in words."""
    collection = _open(parsed.dir)
    answers = collection.ask(
        parsed.question,
        k=parsed.k,
        against=parsed.against,
        encoder=parsed.model or None,
        remove_top=parsed.remove_top,
        **_selection(parsed),
        **_weights(collection, parsed),
    )
    _answer(answers, parsed)


def analogy(parsed: Namespace) -> None:
    """Calculate with words."""
    from embedex.encoders.word_vectors import read_word_vectors

    words = read_word_vectors(parsed.vectors)
    found = words.analogy([parsed.b, parsed.c], [parsed.a], parsed.k)
    rows: list[list[Cell]] = [[rank, word, score] for rank, (word, score) in enumerate(found, 1)]
    asked = f"{parsed.a} is to {parsed.b} as {parsed.c} is to"
    output.show(
        Table(
            ["rank", "word", "score"],
            rows,
            f"{asked} … · {parsed.vectors.name} · {len(words.words):,} words · cosine",
            {
                "question": asked,
                "vectors": str(parsed.vectors),
                "count": len(words.words),
                "hits": [{"rank": rank, "word": word, "score": score} for rank, (word, score) in enumerate(found, 1)],
            },
        ),
        parsed.format,
    )


def why(parsed: Namespace) -> None:
    """Why two records are close."""
    from embedex.cli import tables

    result = _open(parsed.dir).why(
        parsed.record, parsed.other, centred=parsed.centred, ablate=parsed.ablate, encoder=parsed.model or None
    )
    output.show(tables.of(result), parsed.format)
    if parsed.format == "table":
        output.heading("The pairs of fields that add most")
        output.show(tables.field_pairs(result), parsed.format)
        if result.ablations:
            output.heading("What leaving a field out would change")
            output.show(tables.ablations(result), parsed.format)
    _draw(result, parsed.chart)


def compare(parsed: Namespace) -> None:
    """What weights of fields change."""
    from embedex.cli import tables

    collection = _open(parsed.dir)
    weights = _weights(collection, parsed)
    if not weights:
        raise InputError("There are no weights to compare.", cure="For example: --without moves, or --weights NAME")
    result = collection.compare(**weights, k=parsed.k, by=parsed.by, **_selection(parsed))
    output.show(tables.of(result), parsed.format)
    if parsed.format == "table":
        output.heading("Whose neighbours change most")
        output.show(tables.changes(result), parsed.format)
        output.heading("The most unusual, before and after")
        output.show(tables.unusual_changes(result), parsed.format)
    _draw(result, parsed.chart)


def tune(parsed: Namespace) -> None:
    """Search weights of fields."""
    collection = _open(parsed.dir)
    with output.progress() as progress:
        result = collection.tune(parsed.target, name=parsed.name, k=parsed.k, folds=parsed.folds, progress=progress)
    _answer(result, parsed)
    if parsed.format == "table":
        say(f"Kept. Ask with them: embedex similar {parsed.dir} RECORD --weights {result.name}")


def heatmap(parsed: Namespace) -> None:
    """All pairs."""
    collection = _open(parsed.dir)
    weights = {"image_weight": parsed.image_weight, **_weights(collection, parsed)}
    _answer(collection.pairs(by=parsed.by, **_selection(parsed), **weights), parsed)


def disagree(parsed: Namespace) -> None:
    """Where texts and pictures disagree."""
    from embedex.cli import tables

    result = _open(parsed.dir).disagreement(
        k=parsed.k, neighbours=parsed.neighbours, remove_top=parsed.remove_top, **_selection(parsed)
    )
    output.show(tables.overlaps(result) if parsed.of == "records" else tables.disagreement(result), parsed.format)
    _draw(result, parsed.chart)


def quality(parsed: Namespace) -> None:
    """How much data records have, and what follows from it."""
    from embedex.cli import tables

    result = _open(parsed.dir).quality(remove_top=parsed.remove_top, **_selection(parsed))
    output.show(tables.record_quality(result) if parsed.of == "records" else tables.quality(result), parsed.format)
    _draw(result, parsed.chart)


def map_(parsed: Namespace) -> None:
    """Fit a map."""
    from embedex.cli import tables

    collection = _open(parsed.dir)
    settings = {
        "by": parsed.by,
        "dimensions": parsed.dims,
        "neighbours": parsed.neighbours,
        "min_distance": parsed.min_dist,
        "seed": parsed.seed,
        "image_weight": parsed.image_weight,
        "name": parsed.map_name,
        **_selection(parsed),
        **_weights(collection, parsed),
    }
    try:
        with output.progress() as progress:
            result = collection.fit_map(
                method=parsed.method or "umap", seeds=parsed.seeds, progress=progress, **settings
            )
    except (MissingExtraError, TooFewError) as error:
        if parsed.method:
            raise
        say(f"{error.seen if isinstance(error, TooFewError) else error}\nSo this map is a PCA.")
        result = collection.fit_map(method="pca", **settings)
    # For people its settings, since a table of places says nothing to the eye.
    output.show(tables.of(result) if parsed.format == "table" else tables.places(result), parsed.format)
    if parsed.format == "table" and (doubted := tables.doubted(result)):
        output.show(doubted, parsed.format)
    if result.missing:
        say(f"Without a place, for want of a picture: {counted(result.missing)}. --by text has a place for all.")
    if parsed.format == "table":
        say(f"The places are in {collection.folder / 'maps' / result.name}.parquet; --format csv prints them.")
    _draw(result, parsed.chart)


def features(parsed: Namespace) -> None:
    """Fit hand-made features."""
    from typing import get_args

    from embedex.cli import tables
    from embedex.encoders.features import Kind

    paths, kinds = [], {}
    for each in parsed.paths:
        path, given, kind = each.partition("=")
        paths.append(path)
        if given and kind not in get_args(Kind):
            raise InputError(f"{each!r} names no kind.", allowed=f"Kinds: {', '.join(get_args(Kind))}")
        if given:
            kinds[path] = kind
    collection = _open(parsed.dir)
    with output.progress() as progress:
        fitted = collection.fit_features(paths, kinds=kinds, progress=progress)
    fitted.write(parsed.file)
    output.show(tables.features(fitted), parsed.format)
    say(f"Next: embedex probe {parsed.dir} --target PATH --by text --encoders features:{parsed.file}")


def probe(parsed: Namespace) -> None:
    """How much of a field can be read."""
    allowed = ("text", "image", "fused", "map")
    if unknown := [each for each in parsed.by if each not in allowed]:
        raise InputError(f"--by {unknown[0]} is none of those stored.", allowed=f"They are: {', '.join(allowed)}")
    if parsed.map_name and "map" not in parsed.by:
        raise InputError(f"--map {parsed.map_name} is for --by map.", cure="Add --by map.")
    collection = _open(parsed.dir)
    with output.progress() as progress:
        result = collection.probe(
            parsed.target,
            by=parsed.by,
            encoders=parsed.encoders,
            kind=parsed.kind,
            neighbours=parsed.neighbours,
            blind=parsed.blind,
            map_name=parsed.map_name,
            seed=parsed.seed,
            progress=progress,
            **_selection(parsed),
        )
    _answer(result, parsed)


def clusters(parsed: Namespace) -> None:
    """Clusters, and what sets them apart."""
    if parsed.n is not None and parsed.method != "kmeans":
        raise InputError("-n is for --method kmeans; HDBSCAN finds how many.", cure="Or set --least instead.")
    if parsed.least is not None and parsed.method != "hdbscan":
        raise InputError("--least is for --method hdbscan.", cure="Say how many with -n.")
    if parsed.by == "map" and parsed.centred is not None:
        raise InputError("--centred and --raw are not for --by map.", cure="A map is fitted either way: embedex map")
    result = _open(parsed.dir).clusters(
        method=parsed.method,
        by=parsed.by,
        count=10 if parsed.n is None else parsed.n,
        least=parsed.least,
        seed=parsed.seed,
        map_name=parsed.map_name,
        **_selection(parsed),
    )
    _answer(result, parsed)


def charts(parsed: Namespace) -> None:
    """The charts of a collection."""
    from embedex import gallery
    from embedex.cli import drawing

    collection = _open(parsed.dir)
    to = parsed.to or parsed.dir / "charts"
    if not parsed.all_strips:
        if parsed.where or parsed.jobs:
            raise InputError("--where and --jobs are for --all.", cure="Add --all, or leave them out.")
        record = parsed.record or gallery.showpiece(collection)
        page = drawing.draw_gallery(collection, to, record=record, question=parsed.question, fetch=False, show=False)
        say(f"Open {page}")
        return
    if parsed.record or parsed.question:
        raise InputError("--record and --question are not for --all.", cure="Leave out --all, or leave them out.")
    with output.progress() as progress:
        drawn, left_out = gallery.strips(
            collection,
            to / "strips",
            where=parsed.where,
            jobs=parsed.jobs,
            date=drawing.today(),
            progress=progress,
        )
    say(f"{drawn:,} charts are in {to / 'strips'}")
    if left_out:
        say(f"Left out, for want of a picture or of a place in the map: {left_out:,}")


def explore(parsed: Namespace) -> None:
    """The collection in a browser."""
    from embedex.explorer.serve import serve

    def announce(url: str) -> None:
        print(url, flush=True)
        say("Ctrl-C ends it.")
        if not parsed.no_browser:
            import threading
            import webbrowser

            # Some browsers keep whoever started them waiting.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    # Ctrl-C is how one ends it; where it is ignored, as in a shell's background jobs, serve just returns.
    with contextlib.suppress(KeyboardInterrupt):
        serve(_open(parsed.dir), announce, host=parsed.host, port=parsed.port)
    say("The explorer has ended.")


def export(parsed: Namespace) -> None:
    """The explorer as files."""
    from embedex.explorer.export import export_html

    collection = _open(parsed.dir)
    with output.progress() as progress:
        made = export_html(collection, parsed.html, progress=progress)
    print(parsed.html / "index.html")
    say(f"{made.files:,} files, {made.size / 2**20:,.1f} MB")
    for each in made.left_out:
        say(f"Left out: {each}")
    say(f"Look at it: python -m http.server --directory {shlex.quote(str(parsed.html))}")


VERBS: dict[str, Callable[[Namespace], None]] = {
    "analogy": analogy,
    "ask": ask,
    "charts": charts,
    "compare": compare,
    "clusters": clusters,
    "demo": demo,
    "disagree": disagree,
    "embed": embed,
    "explore": explore,
    "export": export,
    "features": features,
    "heatmap": heatmap,
    "info": info,
    "map": map_,
    "models": models,
    "new": new,
    "probe": probe,
    "pull": pull,
    "quality": quality,
    "sample": sample,
    "similar": similar,
    "tokens": tokens,
    "tune": tune,
    "unusual": unusual,
    "why": why,
}


def _open(folder: Path) -> Collection:
    from embedex.collection import Collection

    return Collection.open(folder)


def _selection(parsed: Namespace) -> dict[str, Any]:
    return {"where": parsed.where, "everything": parsed.everything, "centred": parsed.centred}


def _weights(collection: Collection, parsed: Namespace) -> dict[str, Any]:
    """The weights of fields that a command names: those kept, then ``--weight``, then ``--without``."""
    weights = collection.read_weights(parsed.weights) if parsed.weights else {}
    for part in _parts(parsed.weight):
        name, equals, number = part.rpartition("=")
        try:
            weights[name] = float(number)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise InputError(f"--weight {part!r} is no weight.", allowed="It is a field and a number: moves=0.2")
    weights |= dict.fromkeys(_parts(parsed.without), 0.0)
    return {"weights": weights} if weights else {}


def _parts(values: list[str]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _ranked(parsed: Namespace) -> dict[str, Any]:
    if parsed.map_name and parsed.by != "map":
        raise InputError(f"--map {parsed.map_name} is for --by map.", cure="Add --by map.")
    if parsed.by == "map" and parsed.centred is not None:
        raise InputError("--centred and --raw are not for --by map.", cure="A map is fitted either way: embedex map")
    ranked: dict[str, Any] = {
        "k": parsed.k,
        "by": parsed.by,
        "per_group": parsed.per_group,
        "map_name": parsed.map_name,
    }
    ranked |= {"remove_top": parsed.remove_top, "calibrate": parsed.calibrate, "image_weight": parsed.image_weight}
    return {**ranked, **_selection(parsed)}


def _answer(result: Result, parsed: Namespace) -> None:
    """Print a result, and draw it where ``--chart`` says."""
    from embedex.cli import tables

    output.show(tables.of(result), parsed.format)
    _draw(result, parsed.chart)


def _draw(result: Result, chart: Path | None) -> None:
    if chart:
        from embedex.cli import drawing

        drawing.draw(result, chart)


def _say_made(collection: Collection) -> None:
    say(f"{collection!r}\nNext: embedex embed {collection.folder}")
