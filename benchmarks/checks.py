"""Three answers that must come out: who is like Pikachu, who is unusual, what looks like an ice cream cone.

    embedex pull pokemon --from npm --to dex && embedex embed dex
    python benchmarks/checks.py dex

Ends with 1 where one does not.
"""

from __future__ import annotations

import sys

import dex

ICE = "What looks like an ice cream cone?"
LINE = {"vanillite", "vanillish", "vanilluxe"}
ODD = {"magikarp", "smeargle", "unown"}
SHARE = 20 / 27  # of the three most like Pikachu in each generation


def main() -> None:
    collection = dex.open_dex(dex.arguments(__doc__).parse_args().dir)
    prefix = collection.manifest.text.strip_prefix
    like = collection.similar("pikachu", k=3, per_group=True).hits
    electric = sum("electric" in dex.types(collection.record(hit.item.id).data, prefix) for hit in like)
    unusual = [hit.item.name for hit in collection.unusual(k=10).hits]
    hits = collection.ask(ICE, k=10).hits
    ice = [hit for hit in hits if hit.item.name in LINE]
    told = f"{ice[0].item.name} at rank {ice[0].rank}: {ice[0].passage}" if ice else "none"
    checks: list[tuple[str, str, bool]] = [
        (
            f"similar pikachu --per-group -k 3: at least {SHARE * len(like):.0f} of {len(like)} Electric",
            f"{electric}",
            electric >= SHARE * len(like),
        ),
        (f"unusual: {', '.join(sorted(ODD))} among ten", ", ".join(unusual), set(unusual) >= ODD),
        (f"ask {ICE!r}: Vanillite's line among ten, with a passage", told, bool(ice and ice[0].passage)),
    ]
    for asked, found, good in checks:
        print(f"{'good' if good else 'BAD '}  {asked}\n        {found}")
    sys.exit(not all(good for *_, good in checks))


if __name__ == "__main__":
    main()
