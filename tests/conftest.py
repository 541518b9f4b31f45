"""What several tests share: a small collection of museum pieces that nobody at embedex designed anything for."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageDraw

from embedex.cli import main
from embedex.collection import Collection

if TYPE_CHECKING:
    from pathlib import Path

WINGS = {
    "Clocks": ("clock", "#c9a227", ("brass", "oak"), "It strikes the hour and shows the phases of the moon."),
    "Textiles": ("tapestry", "#8d2f4f", ("wool", "silk"), "Woven by hand, with hounds and a hunting party."),
    "Glass": ("goblet", "#2f8f8d", ("glass", "gold"), "Blown in one piece, its rim is as thin as paper."),
    "Arms": ("sabre", "#4b5563", ("steel", "leather"), "Forged for an officer who never carried it to war."),
}
"""Of each wing of the museum: what it shows, its colour, its materials, and a sentence."""

MAKERS = ("Ana Reyes", "Bálint Kovács", "Chiyo Mori", "Dag Lund", "Esi Owusu")
PIECES = 40
WITHOUT_PICTURE = ("M-13", "M-30")
WITHOUT_GROUP = "M-40"


@dataclass(frozen=True)
class Museum:
    """The museum's files, and the collection made of them, which tests read and do not change.

    Attributes:
        records: as they stand in `lines`.
        lines: a JSON Lines file.
        pictures: a folder with a folder a wing.
        dex: the collection: embedded, with a map by PCA.
    """

    records: list[dict[str, Any]]
    lines: Path
    pictures: Path
    dex: Path

    def making(self, dex: Path) -> list[str]:
        """The command line that makes the collection in another folder."""
        return [
            *("new", str(dex), str(self.lines), "--id", "accession", "--name", "label.title"),
            *("--group", "department.wing.name", "--images", str(self.pictures)),
            *("--image-path", "picture.file", "--title", "Museum", "--default-where", "on_show"),
        ]


def museum_record(number: int) -> dict[str, Any]:
    """One invented piece; nested, with a list, a null and a letter beyond ASCII."""
    wing = list(WINGS)[number % 4]
    thing, _, materials, sentence = WINGS[wing]
    accession, maker = f"M-{number:02}", MAKERS[number % 5]
    file = None if accession in WITHOUT_PICTURE else f"{wing.lower()}/{accession.lower()}.png"
    return {
        "accession": accession,
        "label": {"title": f"{maker.split()[1]} {thing} {number}", "language": "en"},
        "maker": {"name": maker, "born": 1700 + 7 * (number % 5)},
        "department": None if accession == WITHOUT_GROUP else {"wing": {"name": wing, "floor": number % 4}},
        "materials": [{"name": name, "share": 0.5} for name in materials],
        "year": 1730 + 3 * number,
        "on_show": number not in (8, 9),
        "notes": [sentence, f"Given to the museum in {1900 + number} by the family of {maker}."],
        "picture": {"file": file},
    }


def draw_piece(path: Path, number: int) -> None:
    """A picture whose ground is its wing's colour, with a mark that moves from piece to piece."""
    colour = list(WINGS.values())[number % 4][1]
    image = Image.new("RGB", (64, 64), colour)
    ImageDraw.Draw(image).ellipse((number, 10, number + 20, 30 + number // 2), fill="white")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.fixture(scope="session")
def museum(tmp_path_factory: pytest.TempPathFactory) -> Museum:
    folder = tmp_path_factory.mktemp("museum")
    records = [museum_record(number) for number in range(1, PIECES + 1)]
    lines = folder / "pieces.jsonl"
    lines.write_text("".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records), "utf-8")
    for number, record in enumerate(records, 1):
        if record["picture"]["file"]:
            draw_piece(folder / "pictures" / record["picture"]["file"], number)
    made = Museum(records, lines, folder / "pictures", folder / "dex")
    for arguments in (
        made.making(made.dex),
        ["embed", str(made.dex)],
        ["map", str(made.dex), "--method", "pca", "--format", "csv"],
    ):
        assert main(arguments) == 0
    return made


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks a package index, even where one could be reached."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")


@pytest.fixture(scope="module")
def museum_with_fields(museum: Museum, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the museum's collection that tests of a module may change; with the parts of fields, for why."""
    to = tmp_path_factory.mktemp("copied") / "dex"
    shutil.copytree(museum.dex, to)
    Collection.open(to).embed(image=None, fields=1)
    return to
