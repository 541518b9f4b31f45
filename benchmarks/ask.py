"""Which way of holding a question against records is best: whole records, best passage, middle of passages, or both.

Two sets. Genus: PokéAPI calls Pikachu the Mouse Pokémon; each genus is asked for in three wordings, and its species are
the answers. It is not part of the records. By hand: 35 questions in questions.json, written for this project, with the
answers that a person who knows Pokémon expects. `both` is what `embedex ask` does.

    embedex pull pokemon --from npm --to dex && embedex embed dex
    python benchmarks/ask.py dex
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import dex
from embedex import Collection, similarity
from embedex.encoders.wordllama import WordLlama
from embedex.store import Store
from recall import AsWritten

K = 10
ICE = "What looks like an ice cream cone?"
ENGLISH = "9"
OURS = "both: ours"


@dataclass(frozen=True)
class Questions:
    """Questions with their right answers.

    Attributes:
        texts: the questions.
        answers: positions of the right records, among all that are compared.
        candidates: positions of the records that may be an answer.
        clusters: questions of one number ask for the same.
    """

    texts: list[str]
    answers: list[list[int]]
    candidates: NDArray[np.int64]
    clusters: list[int]


def genus_questions(tables: Path | None, ids: list[str]) -> Questions:
    place = {id_: i for i, id_ in enumerate(ids)}
    members: defaultdict[str, list[int]] = defaultdict(list)
    for row in dex.read_table(tables, "pokemon_species_names"):
        if row["local_language_id"] == ENGLISH and row["genus"] and row["pokemon_species_id"] in place:
            members[re.sub(r"\s*Pok[eé]mon$", "", row["genus"])].append(place[row["pokemon_species_id"]])
    texts, answers, clusters = [], [], []
    for number, (genus, right) in enumerate(sorted(members.items())):
        one = f"{'an' if genus[0].lower() in 'aeiou' else 'a'} {genus}"
        for text in (f"What looks like {one}?", f"Which one is {one}?", genus):
            texts.append(text)
            answers.append(right)
            clusters.append(number)
    return Questions(texts, answers, np.asarray(sorted(chain(*members.values()))), clusters)


def hand_questions(names: list[str]) -> Questions:
    place = {name: i for i, name in enumerate(names)}
    asked = json.loads(Path(__file__).with_name("questions.json").read_text(encoding="utf-8"))
    known = [(each["question"], [place[name] for name in each["answers"] if name in place]) for each in asked]
    kept = [(text, right) for text, right in known if right]
    candidates = np.arange(len(names))
    return Questions([text for text, _ in kept], [right for _, right in kept], candidates, list(range(len(kept))))


class Records:
    """Vectors of the records that are compared by default, and of their passages."""

    def __init__(self, collection: Collection) -> None:
        store = Store(collection.folder)
        text, passages = store.read_embeddings("text"), store.read_passages()
        assert text is not None
        assert passages is not None
        items = collection.items()
        self.ids, self.names = [item.id for item in items], [item.name for item in items]
        place = {id_: i for i, id_ in enumerate(self.ids)}
        row = {id_: i for i, id_ in enumerate(text.ids)}
        self.whole = text.vectors[[row[id_] for id_ in self.ids]]
        held = [(place[id_], p) for p, ids in enumerate(passages.ids) for id_ in ids if id_ in place]
        holder, self.passage = np.asarray(held, np.int64).T
        self.with_passages, self.owner = np.unique(holder, return_inverse=True)
        self.texts, self.vectors = passages.texts, passages.vectors

    def ways(self, questions: NDArray[np.float32], passages: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Scores by each way, shape (questions, records); records without a passage come last."""
        count = len(self.with_passages)
        order = np.argsort(self.owner, kind="stable")
        starts = np.searchsorted(self.owner[order], np.arange(count))
        sums = np.add.reduceat(passages[self.passage[order]], starts)
        middle = questions @ (sums / np.linalg.norm(sums, axis=1, keepdims=True)).T
        best = np.maximum.reduceat((questions @ passages.T)[:, self.passage[order]], starts, axis=1)
        for question, row in zip(questions[:3], (best + middle) / 2, strict=False):  # one by one, as `embedex ask` does
            alone, _ = similarity.passage_scores(passages, question, self.owner, self.passage, count)
            assert np.allclose(alone, row, atol=1e-5), "the ways above are not embedex's"
        scores = {}
        for name, part in {"best passage": best, "middle": middle, OURS: (best + middle) / 2}.items():
            scores[name] = np.full((len(questions), len(self.ids)), -np.inf, np.float32)
            scores[name][:, self.with_passages] = part
        return scores


def measure(scores: NDArray[np.float32], questions: Questions) -> NDArray[np.float64]:
    """Of each question recall@K, 1 / the first right rank, and whether it is at most K; shape (questions, 3)."""
    found = []
    for row, right in zip(scores, questions.answers, strict=True):
        among = row[questions.candidates]
        ranks = np.asarray([(among >= row[each]).sum() for each in right])  # equal scores count against us
        found.append([(ranks <= K).mean(), 1 / ranks.min(), float(ranks.min() <= K)])
    return np.asarray(found)


def all_ways(records: Records, texts: list[str]) -> dict[str, NDArray[np.float32]]:
    """Every way, raw and centred, and ours without lower-casing."""
    encoder = WordLlama()
    asked = encoder.encode_queries(texts)
    centred = similarity.centre(records.vectors, records.vectors.mean(axis=0))
    scores = {
        "records, raw": asked @ records.whole.T,
        "records, centred": asked @ similarity.centre(records.whole, records.whole.mean(axis=0)).T,
    }
    for way, each in records.ways(asked, records.vectors).items():
        scores[f"{way}, raw"] = each
    for way, each in records.ways(asked, centred).items():
        scores[f"{way}, centred"] = each
    written = encoder.encode_documents([AsWritten(text) for text in records.texts])
    asked = encoder.encode_queries([AsWritten(text) for text in texts])
    not_lowered = records.ways(asked, similarity.centre(written, written.mean(axis=0)))[OURS]
    return {**scores, f"{OURS}, centred, not lower-cased": not_lowered}


def main() -> None:
    parser = dex.arguments(__doc__)
    dex.add_tables(parser)
    parsed = parser.parse_args()
    collection = dex.open_dex(parsed.dir)
    records = Records(collection)
    default = f"{OURS}, centred"
    sets = {
        "Genus": genus_questions(parsed.tables, records.ids),
        "Questions by hand": hand_questions(records.names),
    }
    columns = ("way", f"recall@{K}", "MRR", f"success@{K}", "recall against ours, 95 %")
    for title, questions in sets.items():
        found = {way: measure(each, questions) for way, each in all_ways(records, questions.texts).items()}
        rows = []
        for way, each in found.items():
            change = each[:, 0] - found[default][:, 0]
            told = "" if way == default else dex.interval(change, questions.clusters)
            rows.append([way, *(float(value) for value in each.mean(axis=0)), told])
        dex.show(f"{title}: {len(questions.texts):,} questions, {len(questions.candidates):,} records", columns, rows)

    line = ("vanillite", "vanillish", "vanilluxe")
    rows = []
    for way, scores in all_ways(records, [ICE]).items():
        ranks = [int((scores[0] >= scores[0][records.names.index(name)]).sum()) for name in line]
        rows.append([way, *ranks])
    hits = collection.ask(ICE, k=len(records.ids)).hits
    rows.append(["embedex ask", *(next(hit.rank for hit in hits if hit.item.name == name) for name in line)])
    dex.show(f"Ranks of the answers to {ICE!r}", ("way", *line), rows)
    best = next(hit for hit in hits if hit.item.name in line)
    print(f"\n{best.item.name}: {best.passage}")


if __name__ == "__main__":
    main()
