"""Answers: what a question in words is held against, what embeds it, and the records that answer it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from embedex import similarity
from embedex.encoders import registry
from embedex.encoders.base import Encoder, EncoderDescription, QueryEncoder
from embedex.encoders.registry import Recipe
from embedex.errors import CollectionError, EmbedexError, InputError
from embedex.holdings import Holdings, Weights, removal_note, removed_directions
from embedex.questions.arguments import at_least_one, removable
from embedex.questions.hits import ranked
from embedex.results import Against, Answers, Basis, By, Measure, counted
from embedex.store import Passages

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def ask(
    holdings: Holdings,
    question: str,
    *,
    k: int,
    against: Against | None,
    where: str,
    everything: bool,
    centred: bool | None,
    remove_top: int,
    encoder: Encoder | str | None,
    weights: Weights | None,
) -> Answers:
    """The records that answer a question in words."""
    import numpy as np

    at_least_one(k, "k")
    if not question.strip():
        raise InputError("The question is empty.", cure='Ask in words: embedex ask DIR "what rolls?"')
    stored = holdings.store.read_passages()
    if weights:
        if against not in (None, "records"):
            raise InputError(f"Weights of fields are for records, not for {against}.", cure="--against records")
        against = "records"
    asker, against, notes = find_asker(holdings, encoder, against, has_passages=bool(stored and stored.texts))
    vector = asker.encode_queries([question])[0]
    measure: Measure = "cosine" if centred is False else "centred cosine"
    top = removable(remove_top, "text", centred)
    allowed = holdings.chosen(where, everything)
    best_passage: dict[int, int] = {}
    if against == "passages":
        if stored is None or not stored.texts:
            raise InputError("The records have no passages.", cure="Ask with --against records")
        text = holdings.described["text"]
        if stored.description.identity != text.identity:
            raise CollectionError(
                "The passages were embedded by another encoder than the records.",
                cure=f"Run: {holdings.embed_by(text)}",
            )
        notes += [holdings.stale(stored.made_from), "score: mean of its best passage and of all its passages"]
        notes.append(removal_note(top))
        rows, scores, best_passage = _passage_scores(holdings, stored, vector, measure == "centred cosine", top)
    else:
        compared = holdings.compared(
            "image" if against == "pictures" else "text", centred is not False, "", None, weights, top
        )
        rows, scores = compared.rows, compared.scores(vector)
        notes.append(compared.basis(0).note)
    chosen = np.flatnonzero(allowed[rows])
    without = int(allowed.sum()) - len(chosen)
    if without:
        lack = {"passages": "passage", "pictures": "picture", "records": "text embedding"}[against]
        notes.append(f"{counted(without)} without a {lack}")
    if len(chosen) == 0:
        raise InputError(f"No {against[:-1]} is left to compare.", cure=holdings.wider(where, everything))
    hits = ranked(holdings, rows[chosen], scores[chosen], k, False, measure)
    if stored and best_passage:
        hits = [
            replace(hit, passage=stored.texts[place], passage_path=stored.paths[place])
            for hit in hits
            for place in [best_passage[holdings.rows[hit.item.id]]]
        ]
    by: By = "image" if against == "pictures" else "text"
    name = holdings.described[by].name
    basis = Basis(holdings.title, by, name, measure, len(chosen), " · ".join(note for note in notes if note))
    return Answers(question, hits, against, basis)


def find_asker(
    holdings: Holdings, encoder: Encoder | str | None, against: Against | None, *, has_passages: bool
) -> tuple[QueryEncoder, Against, list[str]]:
    """What embeds a question, what to hold it against, and what a reader must know of the two.

    Raises:
        InputError: it cannot be held against that.
        CollectionError: the text has not been embedded, or by another encoder.
    """
    described = holdings.described
    text, pictures = described.get("text"), described.get("image") if holdings.has("image") else None
    meets = _meets_pictures(encoder, text, pictures) if against in (None, "pictures") else None
    in_words: Against = "passages" if has_passages else "records"
    notes: list[str] = []
    if isinstance(meets, Recipe) and encoder is None and against is None:
        # Whoever embedded the text by it has named it already.
        mine = text is not None and registry.recipe(text).name == meets.name
        if not mine and (objection := registry.objection(meets.name, "text")):
            if text is None:
                raise CollectionError(
                    f"The question was not held against the pictures: {objection}.",
                    cure="To do so all the same: --against pictures",
                )
            meets, notes = None, [f"not held against the pictures: {objection} (--against pictures)"]
    if against == "pictures" or (against is None and meets):
        if meets is None or pictures is None:
            raise InputError(
                "Words cannot be held against these pictures: their encoders do not share a space.",
                cure="Leave out --against, or embed with a text and an image encoder of one space.",
            )
        try:
            asker = registry.make(meets, "text") if isinstance(meets, Recipe) else meets
        except EmbedexError as error:
            if against is None and text and text.space != pictures.space:  # the text was embedded by another one
                asker = None
                notes = [f"not held against the pictures: {error.seen}"]
            else:
                instead = f"Or leave the pictures out: --against {in_words}"
                raise CollectionError(
                    f"What asks in the space of these pictures cannot be had here: {error.seen}",
                    allowed=error.allowed,
                    cure="\n".join([error.cure, instead] if error.cure else [instead]),
                ) from error
        if isinstance(asker, QueryEncoder) and asker.description.space == pictures.space:
            return asker, "pictures", [_rounding(asker, pictures)]
        if asker is not None:
            raise CollectionError(
                f"{asker.description.name!r} asks in the space {asker.description.space!r} here; these pictures,"
                f" embedded by {pictures.name!r}, are in {pictures.space!r}.",
                cure=f"Embed them again: embedex embed {holdings.folder} --image {registry.recipe(pictures).name}",
            )
    if text is None:
        raise holdings.not_embedded("text")
    asker = registry.again(text, encoder or "") if encoder is None or isinstance(encoder, str) else encoder
    if isinstance(asker, QueryEncoder) and asker.description.agrees(text):
        return asker, against or in_words, [*notes, _rounding(asker, text)]
    if asker.description.name == text.name:
        raise CollectionError(
            f"The text was embedded by another edition of {text.name!r}.", cure=f"Run: {holdings.embed_by(text)}"
        )
    raise CollectionError(
        f"The text was embedded by {text.name!r}, and {asker.description.name!r} cannot ask it.",
        cure=f"Leave out --model, or embed the text anew: {holdings.embed_by(asker.description)}",
    )


def _meets_pictures(
    encoder: Encoder | str | None,
    text: EncoderDescription | None,
    pictures: EncoderDescription | None,
) -> Encoder | Recipe | None:
    """What asks in the space of the pictures: an encoder that is here, or what makes one, or None."""
    if pictures is None:
        return None
    if encoder is not None and not isinstance(encoder, str):
        return encoder if encoder.description.space == pictures.space else None
    shared = text is not None and text.space == pictures.space
    recipe = registry.recipe(text) if text is not None and shared else registry.asker(pictures)
    if recipe is None or not encoder:
        return recipe
    same_family = encoder.partition(":")[0] == recipe.name.partition(":")[0]
    return replace(recipe, name=encoder) if same_family else None


def encode_words(
    holdings: Holdings, words: Sequence[str], by: By, encoder: Encoder | str | None
) -> tuple[NDArray[np.float32], list[str]]:
    """The vectors of words in a sum, embedded as questions are, shape (len(words), d), and notes for a reader.

    Raises:
        InputError: words cannot be added to what is compared.
        CollectionError: the text has not been embedded, or by an encoder that is not here.
    """
    import numpy as np

    if not words:
        return np.empty((0, 0), np.float32), []
    if by not in ("text", "image"):
        raise InputError(
            f"{words[0]!r} is no record, and words cannot be added to what is compared by {by}.",
            cure="Compare by text, or name records only.",
        )
    asker, _, notes = find_asker(holdings, encoder, "records" if by == "text" else "pictures", has_passages=False)
    return asker.encode_queries(list(words)), [note for note in notes if note]


def _passage_scores(
    holdings: Holdings, stored: Passages, question: NDArray[np.float32], centred: bool, remove_top: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.float32], dict[int, int]]:
    """Rows that have passages, the score of each, and the passage of each that answers best."""
    import numpy as np

    held = [(holdings.rows[i], p) for p, ids in enumerate(stored.ids) for i in ids if i in holdings.rows]
    holder, passage = np.asarray(held, np.int64).reshape(-1, 2).T
    vectors = stored.vectors
    if centred:
        mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        vectors = similarity.centre(vectors, mean, removed_directions(vectors, mean, remove_top))
    rows, owner = np.unique(holder, return_inverse=True)
    scores, best = similarity.passage_scores(vectors, question, owner, passage, len(rows))
    return rows, scores, dict(zip(rows.tolist(), best.tolist(), strict=True))


def _rounding(asker: Encoder, embedded: EncoderDescription) -> str:
    """A note where the question is computed with other rounding than what it is held against."""
    asked, stored = asker.description.precision, embedded.precision
    return f"embedded in {stored}, asked in {asked}" if asked and stored and asked != stored else ""
