"""Maps fitted, measured and kept."""

from __future__ import annotations

from embedex import attribution, fidelity, projection
from embedex.errors import InputError
from embedex.files import sweep_parts
from embedex.holdings import IMAGE_WEIGHT, Holdings, Weights, files_of
from embedex.progress import Progress
from embedex.questions.arguments import check_name
from embedex.results import By, Map
from embedex.store import StoredMap


def fit(
    holdings: Holdings,
    *,
    method: projection.Method,
    by: By | None,
    dimensions: int,
    neighbours: int,
    min_distance: float,
    seed: int,
    seeds: int,
    where: str,
    everything: bool,
    centred: bool | None,
    name: str,
    image_weight: float | None,
    progress: Progress | None,
    weights: Weights | None,
) -> Map:
    """Fit a map, measure how far it can be believed, and keep it."""
    import numpy as np

    allowed = holdings.chosen(where, everything)
    pictured = np.asarray([picture is not None for picture in holdings.index.pictures])
    by = by or ("fused" if holdings.has("image") and 2 * (pictured & allowed).sum() >= allowed.sum() else "text")
    if by == "map":
        raise InputError("A map is fitted by text, image or fused, not by map.")
    if dimensions not in (2, 3):
        raise InputError(f"A map has 2 or 3 dimensions, not {dimensions}.")
    if neighbours < 2:
        raise InputError(f"--neighbours {neighbours} is too few.", allowed="At least 2.")
    if not 0 <= min_distance <= 1:
        raise InputError(f"--min-dist {min_distance} is out of range.", allowed="From 0 to 1.")
    if seeds < 1 or (seeds > 1 and method != "umap"):
        allowed_seeds = "At least 1; more than 1 with --method umap, since a PCA has no seed."
        raise InputError(f"--seeds {seeds} with --method {method} cannot be.", allowed=allowed_seeds)
    name = name or method
    check_name(name, "a map")
    compared = holdings.compared(by, centred is not False, "", image_weight, weights)
    chosen = np.flatnonzero(allowed[compared.rows])
    if len(chosen) == 0:
        raise InputError("No record is left to place.", cure=holdings.wider(where, everything))
    vectors = compared.vectors[chosen]
    basis = compared.basis(len(chosen))
    parameters: dict[str, str | int | float] = {
        "method": method,
        "by": by,
        "encoder": basis.encoder,
        "measure": basis.measure,
        "dimensions": dimensions,
    }
    if by == "fused":
        parameters["image_weight"] = IMAGE_WEIGHT if image_weight is None else image_weight
    if weights:
        parameters["weights"] = attribution.told(holdings.field_weights(weights))
    near = None
    if method == "umap" and len(vectors) > neighbours:
        near = projection.nearest(vectors, max(neighbours, fidelity.neighbourhood(len(vectors)) + 1))
    maps = []
    for number in range(seeds):
        maps.append(
            projection.umap(
                vectors, dimensions, neighbours=neighbours, min_distance=min_distance, seed=seed + number, near=near
            )
            if method == "umap"
            else projection.pca(vectors, dimensions)
        )
        if progress and seeds > 1:
            progress("Fitting maps", number + 1, seeds)
    kept = fidelity.most_agreed(maps)
    measured = fidelity.measure(vectors, maps, kept, near)
    if method == "umap":
        parameters |= {
            "neighbours": neighbours,
            "min_distance": min_distance,
            "seed": seed + kept,
            "epochs": projection.EPOCHS,
        }
    parameters["missing"] = int(allowed.sum()) - len(chosen)
    ids = [holdings.index.ids[row] for row in compared.rows[chosen]]
    holdings.forget()
    stored = StoredMap(ids, maps[kept], parameters, holdings.store.digest(files_of(by)), measured)
    with holdings.store.writing():
        sweep_parts(holdings.folder / "maps")
        holdings.store.write_map(name, stored)
    return holdings.read_map(name)
