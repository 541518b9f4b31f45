"""A small collection that embedex writes by itself: 96 invented shapes, and what is alike.

Shapes come in families of three that grow from stage to stage, as creatures do in games; three records belong
to no family and are unlike all others. `FAMILIES`, `LIKENESSES`, `ODDITIES`, `SAME_PICTURE` and `NO_PICTURE`
tell what should be found. The pictures are drawn by `embedex.sources.sample_drawing`.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedex.records import minify
from embedex.sources.sample_drawing import PALETTE, draw, draw_oddities

ID_PATH, NAME_PATH, GROUP_PATH = "id", "name", "collection.series.name"
"""Where a record has its id, its name and its group."""


@dataclass(frozen=True, slots=True)
class Family:
    """Three records of one shape and hue, from the plainest to the most ornate.

    Attributes:
        shape: a key of `SHAPES`.
        hue: a key of `HUES`.
        pattern: ``plain``, ``dots``, ``stripes`` or ``rings``.
        series: the group of all three.
        ids: their ids, by stage.
    """

    shape: str
    hue: str
    pattern: str
    series: str
    ids: tuple[int, int, int]


HUES = {
    "amber": "a warm amber like honey in a window",
    "coral": "a lively coral like the inside of a shell",
    "rose": "a soft rose like a blushing cheek",
    "violet": "a deep violet like the sky after sunset",
    "azure": "a clear azure like shallow seawater",
    "teal": "a calm teal like an old copper roof",
    "moss": "a quiet moss green like the floor of a wood",
    "slate": "a cool slate grey like wet pebbles",
}
"""How prose names each hue."""

SHAPES: dict[str, tuple[tuple[str, str, str], str, tuple[str, ...]]] = {
    "star": (
        ("starlet", "star", "starburst"),
        "It looks like a star on top of a festive tree, with sharp rays on every side.",
        (
            "It glitters at midnight and hides as soon as somebody lights a lamp.",
            "Travellers lost at sea have steered home by it more than once.",
            "Every wish made in front of it is written down in a tiny silver book.",
            "It shoots across the sky in late summer and lands without a sound.",
        ),
    ),
    "flower": (
        ("bud", "blossom", "garland"),
        "It looks like a flower in full bloom, round petals about a bright heart.",
        (
            "Bees visit it every morning and leave dusted with golden pollen.",
            "It opens with the first sunshine and folds its petals when rain is near.",
            "Gardeners water it with cold tea and claim that it hums in return.",
            "A sweet scent of vanilla and cut grass follows it through the meadow.",
        ),
    ),
    "leaf": (
        ("sprout", "leaf", "frond"),
        "It looks like a leaf fallen from a tall beech tree, pointed and finely veined.",
        (
            "It drifts on the autumn wind and rests wherever the path turns.",
            "Caterpillars nibble its edge, and it grows back overnight.",
            "It turns to follow the light and rustles when it is asked a question.",
            "Foresters press it between the pages of heavy books and forget it there.",
        ),
    ),
    "crystal": (
        ("shard", "crystal", "spire"),
        "It looks like a cut gemstone, all flat facets and cold hard edges.",
        (
            "It grows one facet every century in caves where nothing else lives.",
            "Struck with a hammer it rings like glass, yet it never cracks.",
            "Miners carry it as a charm, for it glows faintly where the rock is unsafe.",
            "Light that enters it leaves as seven colours on the opposite wall.",
        ),
    ),
    "gear": (
        ("cog", "gear", "clockwork"),
        "It looks like a toothed part out of a machine, meshing with whatever is near.",
        (
            "It ticks steadily and is never more than a second late in a year.",
            "Clockmakers oil it on Mondays, and it thanks them with a click.",
            "Two of them side by side turn in opposite directions and quarrel about it.",
            "It drives pumps, mills and lifts, and jams when it is bored.",
        ),
    ),
    "kite": (
        ("flutterer", "kite", "skydancer"),
        "It looks like a paper kite on a string, four-cornered with a tail of ribbons.",
        (
            "It climbs on a stiff breeze and tugs at the hand that holds it.",
            "Children race it along the beach until the wind dies at dusk.",
            "Its tail loops and snaps, and seagulls keep a respectful distance.",
            "Caught in a tree it waits patiently for the next storm to free it.",
        ),
    ),
    "moon": (
        ("sliver", "crescent", "halfmoon"),
        "It looks like a crescent moon, a thin curve that holds the dark in its arms.",
        (
            "It rises late and pulls puddles and tea cups towards itself like a tide.",
            "Owls and astronomers keep its hours and complain about clouds.",
            "It waxes for two weeks, wanes for two weeks and is absent for a night.",
            "Dreamers lean on its inner curve and sleep until morning.",
        ),
    ),
    "ring": (
        ("loop", "ring", "torus"),
        "It looks like a finger ring or a doughnut, a round band about an empty middle.",
        (
            "It has no beginning and no end, and tells long stories in the same way.",
            "Dropped on marble it spins on its edge and sings a single note.",
            "Jugglers toss it high, and it always comes back a little warmer.",
            "Nothing that passes through its middle is quite the same afterwards.",
        ),
    ),
    "cone": (
        ("scooplet", "cornet", "sundae"),
        "It looks like an ice cream cone, a crisp waffle under scoops of frozen cream.",
        (
            "It melts a little on hot afternoons and drips sugar on the pavement.",
            "The taste is said to be sweet, cold and creamy, with a crunchy end.",
            "It lines up in front of parlours and cheers for every dessert sold.",
            "In winter it sleeps in the freezer between the peas and the sherbet.",
        ),
    ),
    "wheel": (
        ("roller", "wheel", "millwheel"),
        "It looks like a wagon wheel, spokes running from a hub to a round rim.",
        (
            "It rolls downhill faster than a cart and cannot be persuaded to stop.",
            "On level roads it rolls along behind bicycles and learns their tricks.",
            "It leaves a single straight track in the mud from village to village.",
            "When it is tired it leans against a barn with its axle in the shade.",
        ),
    ),
    "candle": (
        ("taper", "candle", "candelabra"),
        "It looks like a candle, pale wax with a small flame that burns on a wick.",
        (
            "It gives light in dark rooms and flickers when somebody sighs.",
            "Warm wax runs down its side and hardens into drops before dawn.",
            "Moths circle its flame at dinner, and it politely leans away.",
            "A single breath blows it out; a match and a kind word bring it back.",
        ),
    ),
    "fish": (
        ("minnow", "finling", "finlord"),
        "It looks like a fish, a scaly body with fins, a forked tail and a round eye.",
        (
            "It swims against the current and leaps over weirs in spring.",
            "Among water lilies it blows bubbles and listens to the frogs.",
            "A school of them turns at once, like a curtain of silver under water.",
            "Anglers describe it with arms spread wide, and it does not mind.",
        ),
    ),
}
"""Each shape's names by stage, a sentence about what it looks like, and sentences about how it behaves."""

_SERIES = {"first": 1901, "second": 1926, "third": 1957, "fourth": 1988}
_PLACES = ("the harbour", "the old orchard", "a mountain pass", "the market square", "a quiet attic")
_PATTERNS = {
    "plain": "Its surface is plain and smooth.",
    "dots": "Small dots are sprinkled all over it.",
    "stripes": "Slanted stripes run across it.",
    "rings": "Fine rings spread over it like ripples.",
}
_STAGES = (
    "It is young, small and without any ornament.",
    "It is grown and carries a lighter mark in its middle.",
    "It is the largest of its line, crowned with ornaments in {accent}.",
)


def _families() -> tuple[Family, ...]:
    """Three hues of each ordinary shape, a fourth of three of them, and one family of each other shape."""
    hues, ordinary = list(HUES), list(SHAPES)[:8]
    kinds = [(shape, hues[(row + 3 * column) % 8]) for column in range(3) for row, shape in enumerate(ordinary)]
    kinds += [("star", "azure"), ("flower", "amber"), ("crystal", "teal")]
    kinds.insert(5, ("cone", "rose"))
    kinds.insert(12, ("wheel", "coral"))
    kinds.insert(19, ("candle", "amber"))
    kinds.insert(26, ("fish", "azure"))
    patterns, series = list(_PATTERNS), list(_SERIES)
    return tuple(
        Family(shape, hue, patterns[number % 4], series[number // 8], (3 * number + 1, 3 * number + 2, 3 * number + 3))
        for number, (shape, hue) in enumerate(kinds)
    )


FAMILIES = _families()
"""The 31 families; family i has the ids 3i + 1 to 3i + 3."""

RECORD = "amber star"
"""The name of a record that shows well what is similar to it: the middle stage of one of four families of stars."""

QUESTION = "What looks like an ice cream cone?"
"""A question in words that a single family answers."""

LIKENESSES = {
    question: next(family.ids for family in FAMILIES if family.shape == shape)
    for question, shape in (
        (QUESTION, "cone"),
        ("something that rolls like a wheel", "wheel"),
        ("What looks like a candle and gives light?", "candle"),
        ("a fish that swims", "fish"),
    )
}
"""Questions in words, and the ids of the only family that answers each."""

ODDITIES = (94, 95, 96)
"""The ids of the three records that are unlike all others, by their text and by their picture."""

SAME_PICTURE = (20, 21)
"""The ids of two records whose pictures are the same bytes."""

NO_PICTURE = 50
"""The id of the record without a picture."""


def write_sample(to_records: Path, to_images: Path) -> None:
    """Write the sample's records and draw its pictures; files of the same name are replaced.

    Args:
        to_records: the JSON Lines file to write, one record a line.
        to_images: the folder for the pictures, ``1.png`` to ``96.png``; made where it is missing.

    Raises:
        OSError: something cannot be written.
    """
    to_images.mkdir(parents=True, exist_ok=True)
    lines = [minify(record) + "\n" for record in sample_records()]
    to_records.write_text("".join(lines), encoding="utf-8", newline="\n")
    for family in FAMILIES:
        for stage, id_ in enumerate(family.ids, 1):
            if id_ not in (NO_PICTURE, SAME_PICTURE[1]):
                draw(family.shape, family.hue, family.pattern, stage).save(to_images / f"{id_}.png")
    for id_, picture in zip(ODDITIES, draw_oddities(), strict=True):
        picture.save(to_images / f"{id_}.png")
    shutil.copyfile(to_images / f"{SAME_PICTURE[0]}.png", to_images / f"{SAME_PICTURE[1]}.png")


# ── the records ─────────────────────────────────────────────────────────────────────────────────────


def sample_records() -> list[dict[str, Any]]:
    """The sample's 96 records, in the order of their ids."""
    return [_record(family, stage) for family in FAMILIES for stage in (1, 2, 3)] + _odd_records()


def _record(family: Family, stage: int) -> dict[str, Any]:
    id_ = family.ids[stage - 1]
    names, likeness, habits = SHAPES[family.shape]
    year = _SERIES[family.series]
    notes = [
        likeness,
        f"Its colour is {HUES[family.hue]}. {_PATTERNS[family.pattern]}",
        f"{habits[(id_ + stage) % 4]} {_STAGES[stage - 1].format(accent=PALETTE[family.hue].accent)}",
        f"Somebody met it near {_PLACES[id_ % 5]}. {habits[(id_ + stage + 1) % 4]}",
    ]
    return {
        "id": id_,
        "name": f"{family.hue} {names[stage - 1]}",
        "collection": {
            "series": {"name": family.series, "year": year},
            "shelf": f"{family.series[0]}{id_ % 12 + 1}",
        },
        "look": {
            "shape": family.shape,
            "hue": family.hue,
            "pattern": family.pattern,
            "size_mm": 14 * stage + id_ % 7,
            "ornaments": (0, 1, 8)[stage - 1],
        },
        "family": {
            "line": f"{family.hue} {names[1]}",
            "stage": stage,
            "grows_into": f"{family.hue} {names[stage]}" if stage < 3 else None,
        },
        "notes": [{"year": year + 3 * place, "note": note} for place, note in enumerate(notes[: 2 + id_ % 3])],
    }


def _odd_records() -> list[dict[str, Any]]:
    fourth = {"series": {"name": "fourth", "year": _SERIES["fourth"]}}
    parcel = "Deliver to the side entrance, ground floor; signature required, do not bend, postage paid."
    readings = [[hour, 1013 - hour % 5, 40 + 3 * hour % 11] for hour in range(12)]
    return [
        {"id": ODDITIES[0], "name": "untitled", "collection": fourth},
        {
            "id": ODDITIES[1],
            "name": "parcel label",
            "collection": fourth,
            "barcode": "4006381333931",
            "invoice": {"net": 12.4, "tax": 2.36, "currency": "EUR", "paid": True},
            "notes": [{"year": 1990, "note": parcel}],
        },
        {
            "id": ODDITIES[2],
            "name": "test card",
            "collection": fourth,
            "barometer": {"columns": ["hour", "hPa", "humidity_percent"], "rows": readings},
            "notes": [{"year": 1991, "note": "Transmission is interrupted; technicians are calibrating the signal."}],
        },
    ]
