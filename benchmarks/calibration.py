"""Calibration of 100,000 random vectors: peak memory, time, and how far percentiles of a sample are off.

Random unit vectors of 64 float32, half of them around 100 centres, so that there are close pairs as well. Each
measurement has a process of its own with one BLAS thread; memory is the peak of what Python and numpy hold beside the
vectors. All five thousand million pairs are counted once for the truth; the sample, which is what embedex takes of
so many records, is drawn with ten seeds.

    python benchmarks/calibration.py
"""

from __future__ import annotations

import multiprocessing
import os
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIMENSION = 64
CENTRES = 100
SEEDS = 10


def vectors_of(count: int) -> NDArray[np.float32]:
    """Unit vectors; every other one is near one of the centres."""
    import numpy as np

    random = np.random.default_rng(0)
    vectors = random.standard_normal((count, DIMENSION), np.float32)
    centres = random.standard_normal((CENTRES, DIMENSION), np.float32)
    vectors[::2] = centres[np.arange(len(vectors[::2])) % CENTRES] + 0.5 * vectors[::2]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def measured(work: str, count: int, seed: int) -> tuple[float, float, Any]:
    """Processor seconds, peak MiB beside the vectors, and the counts; runs in a process of its own."""
    from embedex import calibration

    vectors = vectors_of(count)
    calibration.all_counts(vectors[:64])
    calibration.neighbourhoods(vectors[:64])
    tracemalloc.start()
    used = time.process_time()
    if work == "sampled":
        answer: Any = calibration.sampled_counts(vectors, seed)
    elif work == "all":
        answer = calibration.all_counts(vectors)
    else:
        answer = calibration.neighbourhoods(vectors).hubness
    return time.process_time() - used, tracemalloc.get_traced_memory()[1] / 2**20, answer


def main() -> None:
    import numpy as np

    import dex
    from embedex import calibration

    parser = dex.arguments(__doc__, folder=False)
    parser.add_argument("-n", type=int, default=100_000, metavar="N", help="vectors (%(default)s)")
    parsed = parser.parse_args()
    for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[threads] = "1"

    def alone(*job: Any) -> tuple[float, float, Any]:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(measured, *job).result()

    samples = [alone("sampled", parsed.n, seed) for seed in range(SEEDS)]
    truth, hubs = (alone(work, parsed.n, 0) for work in ("all", "neighbours"))
    shares = np.cumsum(truth[2]) / truth[2].sum()
    off = [100 * float(np.abs(np.cumsum(each) / each.sum() - shares).max()) for _, _, each in samples]
    exact, first = calibration.Distribution(truth[2], False), calibration.Distribution(samples[0][2], True)
    matrix = 4 * parsed.n**2 / 2**20
    rows: list[list[object]] = [
        [f"a sample of {first.pairs:,} pairs", f"{samples[0][0]:.1f}", f"{samples[0][1]:.0f}", f"{first.error:.4f}"],
        [f"all {exact.pairs:,} pairs", f"{truth[0]:.1f}", f"{truth[1]:.0f}", f"{exact.error:.4f}"],
        [f"hubs and the {calibration.NEIGHBOURS} nearest", f"{hubs[0]:.1f}", f"{hubs[1]:.0f}", "exact"],
    ]
    columns = ("what", "processor s", "MiB", "stated error, percentile points")
    dex.show(f"{parsed.n:,} vectors; the whole matrix would take {matrix:,.0f} MiB", columns, rows)
    print(f"\nSample against truth, at the edge of every bin: off by {max(off):.4f} percentile points in the worst of")
    print(f"{SEEDS} samples, {min(off):.4f} in the best; stated: {calibration.sampling_error(first.pairs):.4f}")
    print(f"The largest hub is among the nearest of {hubs[2].max():.1f} times the average.")


if __name__ == "__main__":
    main()
