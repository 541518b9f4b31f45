"""Exact neighbours and medians as the collection grows: time and peak memory, against the full matrix of plain numpy.

Random unit vectors of 256 float32. Each measurement has a process of its own; memory is its peak above what it held
before, the vectors among that. Both sides have one BLAS thread: on a shared machine two wait for each other. One
query's time must grow with n, all pairs' with its square, and memory never faster than n. The peer writes the whole
matrix down for all pairs, so there it runs up to --peer-limit only. `same` compares scores to 1e-5: sums taken in
another order differ in the last digits, so that neighbours as good as equally near may change places.

    python benchmarks/neighbours.py
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Work = Callable[[Any], Any]

K = 10
DIMENSION = 256


def _best(vectors: NDArray[np.float32]) -> Any:
    from embedex import similarity

    return similarity.best(vectors @ vectors[0], K)


def _best_plain(vectors: NDArray[np.float32]) -> Any:
    import numpy as np

    return np.argsort(-(vectors @ vectors[0]), kind="stable")[:K]


def _nearest(vectors: NDArray[np.float32]) -> Any:
    from embedex import projection

    return projection.nearest(vectors, K)[0]


def _nearest_plain(vectors: NDArray[np.float32]) -> Any:
    import numpy as np

    return np.argsort(-(vectors @ vectors.T), axis=1)[:, :K]


def _medians(vectors: NDArray[np.float32]) -> Any:
    from embedex import similarity

    return similarity.medians(vectors)


def _medians_plain(vectors: NDArray[np.float32]) -> Any:
    import numpy as np

    scores = vectors @ vectors.T
    others = scores[~np.eye(len(scores), dtype=bool)].reshape(len(scores), -1)
    return np.asarray(np.median(others, axis=1))


WORK: dict[str, tuple[Work, Work, int]] = {
    "top 10 of one": (_best, _best_plain, 1),
    "top 10 of all": (_nearest, _nearest_plain, 2),
    "medians of all": (_medians, _medians_plain, 2),
}
"""Ours, numpy's, and the power of n that the time may grow with."""


def measured(name: str, ours: bool, count: int, runs: int) -> tuple[float, float, float, Any]:
    """Median processor and wall seconds, peak MiB above the start, and scores; runs in a process of its own."""
    import numpy as np

    import embedex.projection
    import embedex.similarity  # noqa: F401 - before memory is measured

    ours_does, plain_does, _ = WORK[name]
    work = ours_does if ours else plain_does
    vectors = np.random.default_rng(0).standard_normal((count, DIMENSION), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    work(vectors[:64])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    walls, processor = [], []
    for _ in range(runs):
        wall, used = time.perf_counter(), time.process_time()
        answer = work(vectors)
        walls.append(time.perf_counter() - wall)
        processor.append(time.process_time() - used)
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if answer.dtype.kind == "i":  # positions; of one query or of each row
        of = vectors[:1] if answer.ndim == 1 else vectors
        answer = np.stack([np.einsum("ij,ij->i", of, vectors[each]) for each in np.atleast_2d(answer).T])
    return statistics.median(processor), statistics.median(walls), kib / 1024, answer


def main() -> None:
    import dex

    parser = dex.arguments(__doc__, folder=False)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 50_000], metavar="N")
    parser.add_argument("--peer-limit", type=int, default=10_000, metavar="N", help="records (%(default)s)")
    parsed = parser.parse_args()
    if sys.platform != "linux":
        print("Peak memory is read in KiB as Linux tells it; here its unit may be another.")
    spawn = multiprocessing.get_context("spawn")
    for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[threads] = "1"

    def alone(*job: Any) -> tuple[float, float, float, Any]:
        with ProcessPoolExecutor(1, spawn) as pool:
            return pool.submit(measured, *job).result()

    for name, (_, _, power) in WORK.items():
        rows: list[list[object]] = []
        last = (0, 0.0)
        for count in parsed.sizes:
            runs = 21 if power == 1 else 5 if count <= 1_000 else 3 if count <= 10_000 else 1
            seconds, wall, memory, answer = alone(name, True, count, runs)
            growth = f"{seconds / last[1] / (count / last[0]) ** power:.2f}" if last[0] else ""
            row: list[object] = [f"{count:,}", runs, f"{seconds:.4g}", f"{wall:.4g}", growth, f"{memory:.0f}"]
            if power == 1 or count <= parsed.peer_limit:
                peer, _, peer_memory, peer_answer = alone(name, False, count, runs)
                same = bool(abs(answer - peer_answer).max() < 1e-5)
                row += [f"{peer:.4g}", f"{peer_memory:.0f}", f"{peer / seconds:.1f}", "yes" if same else "NO"]
            else:
                row += [f"needs {4 * count**2 / 2**30:.0f} GiB and more", "", "", ""]
            rows.append(row)
            last = (count, seconds)
        work = "n" if power == 1 else "n²"
        columns = ("n", "runs", "processor s", "wall s", f"/ {work}", "MiB", "numpy s", "MiB", "numpy / ours", "same")
        dex.show(f"{name}, medians; / {work} is 1 when the time grows as the work", columns, rows)


if __name__ == "__main__":
    main()
