"""How far the nomic models of full size, on the reference's golden weights, are from the reference's vectors.

    python benchmarks/nomic_parity.py FOLDER [text] [vision] [--precision f32] [--backend openvino]

FOLDER gets the golden weights (547 and 372 MB), unless it has them. The goldens are in ``../shared/reference``, beside
the checkout or in it; without them there is nothing to compare with, and this says so.
"""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

CHECKOUT = Path(__file__).parents[1]
REFERENCES = (CHECKOUT.parent / "shared" / "reference", CHECKOUT / "shared" / "reference")
LIMITS = {"f32": (1e-6, 1e-6), "bf16": (7e-4, 1.2e-3), "w8": (5e-3, 5e-3)}
"""The most 1 - cosine of text and of vision: of bf16, what the reference's own bf16 has on these weights."""


def write_golden_weights(reference: Path, folder: Path, kind: str) -> Path:
    """Write the model of golden weights into `folder`, unless it is there."""
    from safetensors.numpy import save_file

    home = folder / kind
    if not (home / "model.safetensors").exists():
        home.mkdir(parents=True, exist_ok=True)
        weights = _rules().weights(kind, 1, str(reference / kind / "tensors.json"))
        save_file(weights, str(home / "model.safetensors.part"), metadata={"format": "pt"})
        (home / "model.safetensors.part").rename(home / "model.safetensors")
        shutil.copyfile(reference / kind / "config.json", home / "config.json")
    return home


def distance(name: str, got: Any, want: Any, limit: float) -> bool:
    """Print 1 - cosine and the largest difference; whether the first is within the limit."""
    a, b = np.asarray(got, np.float64).ravel(), np.asarray(want, np.float64).ravel()
    far = 1 - float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    print(f"{'ok  ' if far <= limit else 'FAIL'} {name:20} 1-cos {far:9.2e}  max abs {np.abs(a - b).max():9.2e}")
    return far <= limit


def text(reference: Path, folder: Path, precision: str, backend: str) -> bool:
    """All goldens of the text model."""
    from embedex.encoders import nomic, nomic_torch

    maker: Any = nomic_torch.TorchText if backend == "torch" else nomic.NomicText
    home = write_golden_weights(reference, folder, "text")
    golden = np.load(reference / "text" / "public" / "golden.npz")
    documents = json.loads((reference / "text" / "public" / "inputs.json").read_text())["inputs"]
    within = []
    for context, prefix in (("plain", "none"), ("ntk", "ntk2")):
        model = maker.from_folder(home, context=context, precision=precision)
        for length, ids in documents.items():
            name, short = f"{prefix}_{length}", f"matryoshka256_{length}"
            within.append(distance(name, model.encode_ids([ids]), golden[name], LIMITS[precision][0]))
            if short in golden and context == "plain":
                got = model.encode_ids([ids], dimensions=256)
                within.append(distance(short, got, golden[short], LIMITS[precision][0]))
    return all(within)


def vision(reference: Path, folder: Path, precision: str, backend: str) -> bool:
    """All goldens of the vision model."""
    from embedex.encoders import nomic, nomic_torch

    maker: Any = nomic_torch.TorchVision if backend == "torch" else nomic.NomicVision
    home = write_golden_weights(reference, folder, "vision")
    golden = np.load(reference / "vision" / "public" / "golden.npz")
    model = maker.from_folder(home, precision=precision)
    rules = _rules()
    vectors = model.encode_pixels(np.stack([rules.image(1, name) for name in rules.IMAGES]))
    within = []
    for name, vector in zip(rules.IMAGES, vectors, strict=True):
        within.append(distance(name, vector, golden[name], LIMITS[precision][1]))
    return all(within)


def _rules() -> Any:
    """The reference's ``rules.py``, which makes the golden weights and pictures."""
    return importlib.import_module("rules")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="keeps the golden weights")
    parser.add_argument("models", nargs="*", default=["text", "vision"], help="text, vision (both)")
    parser.add_argument("--precision", default="f32", choices=sorted(LIMITS))
    parser.add_argument("--backend", default="openvino", choices=["openvino", "torch"])
    arguments = parser.parse_args()
    reference = next((each for each in REFERENCES if each.is_dir()), None)
    if reference is None:
        print(f"Skipped: the goldens are neither in {REFERENCES[0]} nor in {REFERENCES[1]}.")
        return 0
    sys.path.insert(0, str(reference))  # for rules.py
    runs = {"text": text, "vision": vision}
    ok = True
    for name in arguments.models:
        start = time.perf_counter()
        ok &= runs[name](reference, arguments.folder, arguments.precision, arguments.backend)
        print(f"{name}, {arguments.precision} on {arguments.backend}: {time.perf_counter() - start:.0f} s")
    return 0 if ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
