"""The join of PokéAPI's tables, on invented creatures: what the GraphQL server would answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from embedex.errors import SourceError
from embedex.sources.pokeapi import RECORD, paths_for
from embedex.sources.tables import find_tables, join_tables

from .support import TABLES, write_tables
from .test_pokeapi import has_fields

if TYPE_CHECKING:
    from pathlib import Path

P = "pokemon_v2_"


def named(table: str, name: str) -> dict[str, Any]:
    return {f"{P}{table}": {"name": name}}


def place(location: str, region: str | None) -> dict[str, Any]:
    told = None if region is None else {"name": region}
    return {f"{P}locationarea": {f"{P}location": {"name": location, f"{P}region": told}}}


def move(name: str, type_: str) -> dict[str, Any]:
    return {f"{P}move": {"name": name, f"{P}type": {"name": type_}}}


def test_one_record_is_what_the_server_would_answer(tmp_path: Path) -> None:
    record = join_tables(write_tables(tmp_path))[0]
    assert record == {
        "id": 1,
        "name": "glimfin",
        "height": 3,
        "weight": 12,
        "base_experience": 64,
        f"{P}pokemontypes": [named("type", "leaf"), named("type", "tide")],  # the file's order
        f"{P}pokemonstats": [
            {**named("stat", "vigour"), "base_stat": 45},
            {**named("stat", "bite"), "base_stat": 49},
        ],
        f"{P}pokemonabilities": [named("ability", "hush"), named("ability", "drift")],  # each once, by id
        # Each area once, by its id: the two areas of the pond are two entries. A region may be unknown.
        f"{P}encounters": [
            place("sky-rift", None),
            place("reed-pond", "northfen"),
            place("reed-pond", "northfen"),
        ],
        f"{P}pokemonspecy": {
            "base_happiness": 70,
            "capture_rate": 45,
            "forms_switchable": True,
            "gender_rate": -1,
            "has_gender_differences": False,
            "hatch_counter": 20,
            "is_baby": True,
            "is_legendary": False,
            "is_mythical": False,
            # English alone, in the file's order, which need not be the versions'.
            f"{P}pokemonspeciesflavortexts": [
                {**named("version", "dusk"), "flavor_text": "It hums, softly,\nin the reeds."},
                {**named("version", "dawn"), "flavor_text": "It glows at night."},
            ],
            f"{P}pokemonshape": {"name": "finned"},
            f"{P}pokemonhabitat": {"name": "reed-beds"},
            f"{P}pokemonegggroups": [],
            f"{P}generation": {"name": "generation-i"},
            f"{P}growthrate": {"name": "steady"},
            f"{P}pokemoncolor": {"name": "teal"},
            f"{P}pokemonevolutions": [],
        },
        f"{P}pokemonmoves": [move("splash", "tide"), move("rustle", "leaf"), move("glide", "tide")],
    }


def test_every_record_has_the_fields_of_the_query_in_its_order(tmp_path: Path) -> None:
    records = join_tables(write_tables(tmp_path))
    assert [record["id"] for record in records] == [1, 2, 10001]
    for record in records:
        has_fields(record, RECORD)
        assert paths_for(record).group == f"{P}pokemonspecy.{P}generation.name"


def test_booleans_are_json_booleans(tmp_path: Path) -> None:
    species = join_tables(write_tables(tmp_path))[0][f"{P}pokemonspecy"]
    flags = [key for key in species if key.startswith(("is_", "has_")) or key == "forms_switchable"]
    assert len(flags) == 5
    assert all(isinstance(species[key], bool) for key in flags)


def test_what_is_empty_is_null_or_an_empty_list(tmp_path: Path) -> None:
    mossback = join_tables(write_tables(tmp_path))[1]
    species = mossback[f"{P}pokemonspecy"]
    assert mossback["base_experience"] is None
    assert species["base_happiness"] is None
    assert species["hatch_counter"] is None
    assert species[f"{P}pokemonshape"] is None
    assert species[f"{P}pokemonhabitat"] is None
    assert mossback[f"{P}encounters"] == []
    assert species[f"{P}pokemonspeciesflavortexts"] == []


def test_rows_that_are_not_distinct_are_all_there_in_the_files_order(tmp_path: Path) -> None:
    species = join_tables(write_tables(tmp_path))[1][f"{P}pokemonspecy"]
    assert species[f"{P}pokemonegggroups"] == [named("egggroup", "moss"), named("egggroup", "pond")]
    assert species[f"{P}pokemonevolutions"] == [
        named("evolutiontrigger", "level-up"),
        named("evolutiontrigger", "level-up"),
        named("evolutiontrigger", "trade"),
    ]


def test_a_form_has_its_own_values_and_its_species(tmp_path: Path) -> None:
    glimfin, _, frost = join_tables(write_tables(tmp_path))
    assert frost[f"{P}pokemonspecy"] == glimfin[f"{P}pokemonspecy"]
    assert frost[f"{P}pokemontypes"] == [named("type", "tide")]
    assert frost[f"{P}pokemonmoves"] == []


def test_the_generation_that_older_tables_call_by_its_games(tmp_path: Path) -> None:
    species = join_tables(write_tables(tmp_path))[1][f"{P}pokemonspecy"]
    assert species[f"{P}generation"] == {"name": "generation-vii"}


def test_columns_that_an_older_edition_lacks_are_null(tmp_path: Path) -> None:
    rows = [line.rsplit(",", 2)[0] for line in TABLES["pokemon_species"].splitlines()]
    for record in join_tables(write_tables(tmp_path, pokemon_species="\n".join(rows) + "\n")):
        has_fields(record, RECORD)
        assert record[f"{P}pokemonspecy"]["is_legendary"] is None
        assert record[f"{P}pokemonspecy"]["is_mythical"] is None
        assert record[f"{P}pokemonspecy"]["is_baby"] is not None


@pytest.mark.parametrize("place", [".", "data/v2/csv", "data/csv"])
def test_finds_the_tables_in_a_checkout_and_in_a_package(tmp_path: Path, place: str) -> None:
    write_tables(tmp_path / place)
    assert find_tables(tmp_path) == tmp_path / place
    assert len(join_tables(tmp_path)) == 3


def test_a_folder_without_tables(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"pokemon\.csv is missing") as raised:
        join_tables(tmp_path)
    assert "data/v2/csv" in raised.value.allowed
    assert raised.value.cure


@pytest.mark.parametrize("table", [name for name in TABLES if name != "pokemon"])
def test_a_missing_table_is_named(tmp_path: Path, table: str) -> None:
    with pytest.raises(SourceError, match=rf"{table}\.csv is missing"):
        join_tables(write_tables(tmp_path, **{table: None}))


@pytest.mark.parametrize(
    ("table", "text", "told"),
    [
        ("pokemon_types", "pokemon_id,slot\n1,1\n", "no column type_id"),
        ("pokemon_types", "", "no column pokemon_id, type_id"),
        ("pokemon_types", "pokemon_id,type_id,slot\n1,99,1\n", "types.csv has no row with the id 99"),
        (
            "pokemon_types",
            "pokemon_id,type_id,slot\n1,2,1\n1,1",
            "pokemon_types.csv:3: 2 cells under 3 columns",
        ),
        ("encounters", "pokemon_id,location_area_id\n1,\n", "whole number"),
        ("pokemon_moves", "pokemon_id,move_id\n1,x\n", "whole number"),
        ("versions", 'id,identifier\n1,"' + "x" * 200_000 + '"\n', "versions.csv:1: cannot be read"),
    ],
)
def test_damage_is_told_with_its_place(tmp_path: Path, table: str, text: str, told: str) -> None:
    with pytest.raises(SourceError) as raised:
        join_tables(write_tables(tmp_path, **{table: text}))
    assert told in raised.value.seen
    assert raised.value.cure


def test_a_table_in_another_encoding(tmp_path: Path) -> None:
    folder = write_tables(tmp_path)
    (folder / "types.csv").write_bytes("id,identifier\n1,fée\n".encode("latin-1"))
    with pytest.raises(SourceError, match=r"types\.csv:1: cannot be read"):
        join_tables(folder)


def test_blank_lines_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    plain = join_tables(write_tables(tmp_path / "plain"))
    marked = {name: "\ufeff" + text + "\n\n" for name, text in TABLES.items()}
    assert join_tables(write_tables(tmp_path / "marked", **marked)) == plain
