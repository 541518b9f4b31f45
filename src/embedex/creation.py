"""A collection made: records noted and written, the pictures kept, the old ones replaced at the end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from embedex import selection
from embedex.documents import ImageDocument, TextSettings
from embedex.errors import InputError
from embedex.files import atomic_write, file_name, sweep_parts
from embedex.records import JsonPath, Record, Strictness, label_text, leads_nowhere, redundant_prefix
from embedex.store import Index, Manifest, Store


def create(
    folder: str | Path,
    records: Iterable[Record],
    *,
    title: str,
    origin: str,
    id_path: str,
    name_path: str,
    group_path: str,
    default_where: str,
    featured_where: str,
    strip_prefix: str | None,
    ascii: bool,  # noqa: A002 - the word json itself uses
    pictures: Mapping[str, Path] | Callable[[], Mapping[str, Path]] | None,
    strictness: Strictness | None,
) -> tuple[Store, Manifest, Index]:
    """The files of a collection, made or made anew.

    Arguments and errors are those of `embedex.collection.Collection.create`.
    """
    store = Store(Path(folder))
    store.claim()
    with store.writing():
        sweep_parts(store.folder)
        sweep_parts(store.images)
        try:
            index, manifest = _staged(
                store,
                records,
                Manifest(
                    title,
                    origin,
                    id_path,
                    name_path,
                    group_path,
                    default_where,
                    featured_where,
                    TextSettings(strip_prefix or "", ascii),
                ),
                find_prefix=strip_prefix is None,
                pictures=pictures,
                strictness=strictness,
            )
            store.keep_records(index)
        finally:
            store.drop_records()
            store.unclaim()
        store.write_manifest(manifest)
    return store, manifest, index


def _staged(
    store: Store,
    records: Iterable[Record],
    manifest: Manifest,
    *,
    find_prefix: bool,
    pictures: Mapping[str, Path] | Callable[[], Mapping[str, Path]] | None,
    strictness: Strictness | None,
) -> tuple[Index, Manifest]:
    """Write the records beside the old ones, then keep the pictures: what can fail comes before what replaces."""
    import numpy as np

    name_path, group_path = manifest.name, manifest.group
    name_at = JsonPath.parse(name_path) if name_path else None
    group_at = JsonPath.parse(group_path) if group_path else None
    ids: dict[str, None] = {}
    names: list[str] = []
    named: list[bool] = []
    groups: list[str | None] = []

    def noted(each: Iterable[Record]) -> Iterator[Record]:
        for record in each:
            if record.id in ids:
                raise InputError(f"More than one record has the id {record.id!r}.")
            ids[record.id] = None
            name = name_at and label_text(name_at.find(record.data))
            named.append(bool(name))
            names.append(name or record.id)
            groups.append((group_at and label_text(group_at.find(record.data))) or None)
            yield record

    stream = iter(records)
    first = list(islice(stream, 100))
    if not first:
        raise InputError("There is no record to make a collection of.")
    if find_prefix:
        prefix = redundant_prefix(record.data for record in first)
        manifest = replace(manifest, text=replace(manifest.text, strip_prefix=prefix))
    offsets, checksums, digest = store.write_records(noted(chain(first, stream)), ascii=manifest.text.ascii)
    if name_at and not any(named):
        raise leads_nowhere("name", name_at, first[0])
    if group_at and not any(groups):
        raise leads_nowhere("group", group_at, first[0])
    none: list[str | None] = [None] * len(ids)
    main = np.ones(len(ids), bool)
    index = Index(list(ids), names, groups, main, none, none, offsets, checksums, digest)
    if manifest.default_where:
        staged, prefix = store.read_records(index, staged=True), manifest.text.strip_prefix
        main[:] = selection.where(manifest.default_where, staged, names=names, groups=groups, prefix=prefix)
        if not main.any():
            raise InputError(f"No record fulfils the default condition {manifest.default_where!r}.")
    found = pictures() if callable(pictures) else pictures or {}
    kept: dict[str, str] = {}
    hashes: dict[str, str] = {}
    for record_id, path in found.items():
        try:
            name = _keep(path, record_id, store.images)
            hashes[record_id] = ImageDocument(record_id, store.images / name).content_hash
            kept[record_id] = name
        except InputError as error:
            if strictness is None:
                raise InputError(f"Record {record_id}: {error.seen}") from error
            strictness.add(f"record {record_id}", error.seen)
    pictured = [kept.get(each) for each in ids]
    return replace(index, pictures=pictured, picture_hashes=[hashes.get(each) for each in ids]), manifest


def _keep(path: Path, record_id: str, images: Path) -> str:
    """The picture's file name in the collection; copied there unless it is there already."""
    if path.parent == images:
        return path.name
    name = file_name(record_id) + path.suffix.lower()
    try:
        source = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: not a picture that can be read ({error.strerror}).") from error
    with source:
        atomic_write(images / name, lambda file: shutil.copyfileobj(source, file))
    return name
