"""PokéAPI's records joined from its CSV tables, in the form its GraphQL server gives them.

The same keys in the same order and the same lists with the same distinctness, under the names of the 2024
server, so that a record reads alike wherever it came from; `embedex.sources.pokeapi` tells what a record has.
Nothing here downloads: the tables are a git checkout of PokéAPI, or what `embedex.sources.npm` unpacked.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING

from embedex.errors import SourceError
from embedex.records import JSON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PLACES = (".", "data/v2/csv", "data/csv")
"""Where the tables may lie in a folder: it is theirs, a git checkout of PokéAPI, or an npm package."""

ENGLISH = "9"
"""PokéAPI's id of English, as the tables write it."""

RENAMED_GENERATIONS = {"sun-moon": "generation-vii"}
"""The tables of 2018 call one generation by its first games; later ones name it like all others."""

Row = tuple[str, ...]


def join_tables(folder: Path) -> list[dict[str, JSON]]:
    """Join PokéAPI's tables to one record a Pokémon, in the order of their ids.

    What an older edition does not tell yet, such as ``is_legendary``, is null in every record. Records share
    what they have in common, as forms share their species: change none of them in place.

    Args:
        folder: holds ``pokemon.csv`` and the other tables, directly or at one of `PLACES`.

    Returns:
        Records with `embedex.sources.pokeapi.OLD_PREFIX` on the names of tables.

    Raises:
        SourceError: a table is missing, lacks a column that nothing can be joined without, cannot be read, or
            points to a row that is not there.
    """
    place = find_tables(folder)
    try:
        return _join(_Tables(place))
    except ValueError as error:
        raise SourceError(
            f"{place}: a cell does not hold the whole number that belongs there ({error}).",
            cure="The tables are damaged: take a whole copy.",
        ) from error


def _join(tables: _Tables) -> list[dict[str, JSON]]:
    names = tables.names
    types, stats, abilities = names("types"), names("stats"), names("abilities")
    species = _species(tables)

    types_of = tables.lists("pokemon_types", "pokemon_id", "type_id")
    stats_of = tables.lists("pokemon_stats", "pokemon_id", "stat_id", "base_stat")
    abilities_of = tables.lists("pokemon_abilities", "pokemon_id", "ability_id")
    encounters_of = _distinct(tables, "encounters", "location_area_id", _areas(tables))
    moves_of = _distinct(tables, "pokemon_moves", "move_id", _moves(tables, types))

    records = []
    columns = ("id", "identifier", "height", "weight", "base_experience", "species_id")
    for id_, name, height, weight, experience, species_id in tables.rows("pokemon", *columns):
        records.append(
            {
                "id": int(id_),
                "name": name,
                "height": _number(height),
                "weight": _number(weight),
                "base_experience": _number(experience),
                "pokemon_v2_pokemontypes": [{"pokemon_v2_type": types[type_]} for (type_,) in types_of[id_]],
                "pokemon_v2_pokemonstats": [
                    {"pokemon_v2_stat": stats[stat], "base_stat": _number(base)} for stat, base in stats_of[id_]
                ],
                "pokemon_v2_pokemonabilities": [
                    {"pokemon_v2_ability": abilities[ability]}
                    for ability in sorted({ability for (ability,) in abilities_of[id_]}, key=int)
                ],
                "pokemon_v2_encounters": encounters_of[id_],
                "pokemon_v2_pokemonspecy": species[species_id],
                "pokemon_v2_pokemonmoves": moves_of[id_],
            }
        )
    return sorted(records, key=itemgetter("id"))


def find_tables(folder: Path) -> Path:
    """The folder that holds the tables themselves.

    Raises:
        SourceError: there are none at any of `PLACES`.
    """
    for place in PLACES:
        if (folder / place / "pokemon.csv").is_file():
            return folder / place
    raise SourceError(
        f"{folder}: no PokéAPI tables here (pokemon.csv is missing).",
        allowed="The folder is a git checkout of PokéAPI, its data/v2/csv, or an npm package with data/csv.",
        cure="Clone https://github.com/PokeAPI/pokeapi and name its folder.",
    )


class _Lookup(dict[str, JSON]):
    """Rows of a table by id. An id that is not there is told with the table's name; an empty id is null."""

    def __init__(self, table: str, rows: Mapping[str, JSON]) -> None:
        super().__init__(rows)
        self._table = table

    def __missing__(self, key: str) -> JSON:
        if key == "":
            return None
        raise SourceError(
            f"{self._table}.csv has no row with the id {key}, but another table points to it.",
            cure="The tables are of different editions, or incomplete: take a whole copy.",
        )


class _Tables:
    """Reads tables of one folder by the names of their columns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def rows(self, table: str, *columns: str, absent: tuple[str, ...] = ()) -> Iterator[Row]:
        """The named columns of each row, in the order of the file.

        Args:
            table: the file's name without ``.csv``.
            columns: what to give of each row, at least two.
            absent: those of the columns that an older edition may lack; they are empty there.

        Raises:
            SourceError: the table is not there, cannot be read, or lacks another of the columns.
        """
        path = self._folder / f"{table}.csv"
        line = 1
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file)
                header = next(reader, [])
                lacking = [each for each in columns if each not in header and each not in absent]
                if lacking:
                    raise SourceError(
                        f"{path}: no column {', '.join(lacking)}.",
                        allowed=f"Its columns are: {', '.join(header) or 'none'}.",
                        cure="Take a whole and unchanged copy of PokéAPI's tables.",
                    )
                # What an older edition lacks is read from an empty cell behind each row.
                end = len(header)
                pick = itemgetter(*(header.index(each) if each in header else end for each in columns))
                for row in reader:
                    line = reader.line_num
                    if len(row) == end:
                        yield pick([*row, ""])
                    elif row:
                        raise SourceError(
                            f"{path}:{line}: {len(row)} cells under {end} columns.",
                            cure="The table is cut short or damaged: take a whole copy.",
                        )
        except FileNotFoundError as error:
            raise SourceError(
                f"{path} is missing.", cure="Take a whole copy of PokéAPI's tables: a join needs all of them."
            ) from error
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise SourceError(
                f"{path}:{line}: cannot be read ({error}).", cure="Take a whole copy of PokéAPI's tables."
            ) from error

    def names(self, table: str, *, renamed: Mapping[str, str] = MappingProxyType({})) -> _Lookup:
        """A table's rows by id, each as ``{"name": ...}``, where the table says identifier."""
        rows = self.rows(table, "id", "identifier")
        return _Lookup(table, {id_: {"name": renamed.get(name, name)} for id_, name in rows})

    def lists(self, table: str, owner: str, *columns: str) -> defaultdict[str, list[Row]]:
        """The named columns of the rows that belong to one owner, by the owner's id, in the file's order.

        PokéAPI numbers such rows as it reads them, so that this is also the server's order by id.
        """
        found: defaultdict[str, list[Row]] = defaultdict(list)
        for id_, *rest in self.rows(table, owner, *columns):
            found[id_].append(tuple(rest))
        return found


def _distinct(tables: _Tables, table: str, column: str, values: _Lookup) -> defaultdict[str, list[JSON]]:
    """For each Pokémon what the column points to, each once, in the order of the ids pointed to."""
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for pokemon, value in tables.rows(table, "pokemon_id", column):
        seen[pokemon].add(value)
    found: defaultdict[str, list[JSON]] = defaultdict(list)
    for pokemon, ids in seen.items():
        found[pokemon] = [values[id_] for id_ in sorted(ids, key=int)]
    return found


def _areas(tables: _Tables) -> _Lookup:
    """What an encounter tells about a location area, by the area's id."""
    regions = tables.names("regions")
    locations = _Lookup(
        "locations",
        {
            id_: {"name": name, "pokemon_v2_region": regions[region]}
            for id_, name, region in tables.rows("locations", "id", "identifier", "region_id")
        },
    )
    return _Lookup(
        "location_areas",
        {
            id_: {"pokemon_v2_locationarea": {"pokemon_v2_location": locations[location]}}
            for id_, location in tables.rows("location_areas", "id", "location_id")
        },
    )


def _moves(tables: _Tables, types: _Lookup) -> _Lookup:
    """What a record tells about a move, by the move's id."""
    return _Lookup(
        "moves",
        {
            id_: {"pokemon_v2_move": {"name": name, "pokemon_v2_type": types[type_]}}
            for id_, name, type_ in tables.rows("moves", "id", "identifier", "type_id")
        },
    )


# The species' own values in the record's order, and how each is read.
_SPECIES_VALUES: Mapping[str, Callable[[str], JSON]] = {
    "base_happiness": lambda cell: _number(cell),
    "capture_rate": lambda cell: _number(cell),
    "forms_switchable": lambda cell: _boolean(cell),
    "gender_rate": lambda cell: _number(cell),
    "has_gender_differences": lambda cell: _boolean(cell),
    "hatch_counter": lambda cell: _number(cell),
    "is_baby": lambda cell: _boolean(cell),
    "is_legendary": lambda cell: _boolean(cell),
    "is_mythical": lambda cell: _boolean(cell),
}


def _species(tables: _Tables) -> _Lookup:
    """What a record tells about its species, by the species' id. A species' forms share it."""
    shapes, habitats = tables.names("pokemon_shapes"), tables.names("pokemon_habitats")
    colours, growth_rates = tables.names("pokemon_colors"), tables.names("growth_rates")
    egg_groups, triggers = tables.names("egg_groups"), tables.names("evolution_triggers")
    generations = tables.names("generations", renamed=RENAMED_GENERATIONS)
    texts_of = _flavour_texts(tables)
    egg_groups_of = tables.lists("pokemon_egg_groups", "species_id", "egg_group_id")
    evolutions_of = tables.lists("pokemon_evolution", "evolved_species_id", "evolution_trigger_id")

    joined = ("id", "shape_id", "habitat_id", "generation_id", "growth_rate_id", "color_id")
    species: dict[str, JSON] = {}
    for id_, shape, habitat, generation, growth_rate, colour, *values in tables.rows(
        "pokemon_species", *joined, *_SPECIES_VALUES, absent=tuple(_SPECIES_VALUES)
    ):
        species[id_] = {
            **{key: read(cell) for (key, read), cell in zip(_SPECIES_VALUES.items(), values, strict=True)},
            "pokemon_v2_pokemonspeciesflavortexts": texts_of[id_],
            "pokemon_v2_pokemonshape": shapes[shape],
            "pokemon_v2_pokemonhabitat": habitats[habitat],
            "pokemon_v2_pokemonegggroups": [
                {"pokemon_v2_egggroup": egg_groups[group]} for (group,) in egg_groups_of[id_]
            ],
            "pokemon_v2_generation": generations[generation],
            "pokemon_v2_growthrate": growth_rates[growth_rate],
            "pokemon_v2_pokemoncolor": colours[colour],
            "pokemon_v2_pokemonevolutions": [
                {"pokemon_v2_evolutiontrigger": triggers[trigger]} for (trigger,) in evolutions_of[id_]
            ],
        }
    return _Lookup("pokemon_species", species)


def _flavour_texts(tables: _Tables) -> defaultdict[str, list[JSON]]:
    """The English flavour texts by the species' id, in the order of the file: the server's order by id."""
    versions = tables.names("versions")
    found: defaultdict[str, list[JSON]] = defaultdict(list)
    columns = ("species_id", "version_id", "language_id", "flavor_text")
    for species, version, language, text in tables.rows("pokemon_species_flavor_text", *columns):
        if language == ENGLISH:
            found[species].append({"pokemon_v2_version": versions[version], "flavor_text": text})
    return found


def _number(cell: str) -> int | None:
    return int(cell) if cell else None


def _boolean(cell: str) -> bool | None:
    return bool(int(cell)) if cell else None
