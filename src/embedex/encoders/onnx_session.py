"""A model file in the ONNX format, opened by ONNX Runtime on the CPU. Knows nothing of what the model computes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from embedex.errors import InputError, MissingExtraError, WeightsError

if TYPE_CHECKING:
    import onnxruntime

EXTRA = "onnx"
"""What ``pip install 'embedex[...]'`` calls ONNX Runtime."""

THREADS = 2


def open_session(model: Path | bytes, what: str, *, threads: int = THREADS) -> onnxruntime.InferenceSession:
    """Open a model.

    Args:
        model: its file, or the file's bytes.
        what: what it is, for messages.
        threads: how many compute one operation.

    Raises:
        MissingExtraError: ONNX Runtime is not installed.
        WeightsError: ONNX Runtime cannot open the file.
    """
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state
    except ImportError as error:
        raise MissingExtraError(what, EXTRA) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Waiting threads that spin take the core from numpy's and PyTorch's, and once made a run ten times slower.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors only: they come as exceptions as well
    try:
        return onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"]
        )
    except (
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NoSuchFile,
        state.NotImplemented,
        state.RuntimeException,
    ) as error:
        place = what if isinstance(model, bytes) else str(model)
        raise WeightsError(
            f"{place} cannot be opened by ONNX Runtime {onnxruntime.__version__}: {error}",
            cure="It may be cut short, or need a newer ONNX Runtime: pip install -U onnxruntime",
        ) from error


def model_file(folder: Path, names: Sequence[str]) -> Path:
    """The first of these files that a model's folder has, in it or in its ``onnx`` folder.

    Raises:
        InputError: it has none of them.
    """
    for name in names:
        for path in (folder / name, folder / "onnx" / name):
            if path.is_file():
                return path
    raise InputError(
        f"{folder} has no {' and no '.join(names)}, and its folder onnx has none either.",
        allowed="A model's folder holds its ONNX files as a model hub gives them.",
    )


def required(folder: Path, name: str) -> bytes:
    """A small file that a model's folder has to have.

    Raises:
        InputError: it has none.
    """
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise InputError(
            f"{folder} has no {name} that can be read.",
            allowed="A model's folder holds its ONNX files together with the settings that a model hub gives.",
        ) from error


def digest(path: Path) -> str:
    """The sha256 of a model file, and of the files beside it that hold its larger tensors where it has such."""
    hashed = hashlib.sha256()
    for file in (path, *sorted(path.parent.glob(f"{path.name}?data*"))):
        with file.open("rb") as opened:
            while block := opened.read(1 << 20):
                hashed.update(block)
    return hashed.hexdigest()
