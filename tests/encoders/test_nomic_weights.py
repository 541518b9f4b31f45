"""A checkpoint that is truncated, tampered with or of another model is refused with its name and hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from embedex.encoders.nomic_weights import WEIGHTS_FILE, Checkpoint, read_checkpoint, text_config, vision_config
from embedex.errors import WeightsError

from .nomic_small import REFERENCE, write_model


def _read(folder: Path, sha256: str = "") -> Checkpoint:
    return read_checkpoint(folder / WEIGHTS_FILE, text_config(folder).shapes(), sha256)


def _sha256(folder: Path) -> str:
    return hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest()


def test_the_tensors_are_those_of_the_file(tmp_path: Path) -> None:
    tensors = write_model(tmp_path, "text")
    checkpoint = _read(tmp_path, _sha256(tmp_path))
    assert checkpoint.sha256 == _sha256(tmp_path)
    assert set(checkpoint.tensors) == set(tensors)
    for name, values in tensors.items():
        np.testing.assert_array_equal(checkpoint.tensors[name], values)


def test_a_prefix_is_taken_off_and_heads_of_the_pretraining_are_passed_over(tmp_path: Path) -> None:
    tensors = write_model(tmp_path, "text")
    named = {f"bert.{name}": values for name, values in tensors.items()}
    extra = np.ones(3, np.float32)
    save_file({**named, "cls.predictions.bias": extra, "bert.pooler.dense.bias": extra}, tmp_path / WEIGHTS_FILE)
    assert set(_read(tmp_path).tensors) == set(tensors)


def test_a_reference_list_of_tensors_agrees() -> None:
    if not REFERENCE.exists():
        pytest.skip("the reference is not here")
    for kind, config in (("text", text_config), ("vision", vision_config)):
        listed = json.loads((REFERENCE / kind / "tensors.json").read_text())
        assert config(REFERENCE / kind).shapes() == {name: tuple(shape) for name, shape in listed.items()}


def _truncate(folder: Path) -> None:
    path = folder / WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:-5])


def _truncate_header(folder: Path) -> None:
    path = folder / WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:100])


def _empty(folder: Path) -> None:
    (folder / WEIGHTS_FILE).write_bytes(b"")


def _pickle(folder: Path) -> None:
    (folder / WEIGHTS_FILE).write_bytes(b"\x80\x04\x95" + bytes(200))


def _huge_header(folder: Path) -> None:
    path = folder / WEIGHTS_FILE
    path.write_bytes((2**62).to_bytes(8, "little") + path.read_bytes()[8:])


def _missing_tensor(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS_FILE)
    del tensors["emb_ln.bias"]
    save_file(tensors, folder / WEIGHTS_FILE)


def _foreign_tensor(folder: Path) -> None:
    save_file({**load_file(folder / WEIGHTS_FILE), "lm_head": np.ones(1, np.float32)}, folder / WEIGHTS_FILE)


def _other_shape(folder: Path) -> None:
    save_file({**load_file(folder / WEIGHTS_FILE), "emb_ln.bias": np.ones(63, np.float32)}, folder / WEIGHTS_FILE)


def _other_type(folder: Path) -> None:
    save_file({**load_file(folder / WEIGHTS_FILE), "emb_ln.bias": np.ones(64, np.float16)}, folder / WEIGHTS_FILE)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_truncate, "is damaged"),
        (_truncate_header, "is damaged"),
        (_empty, "is damaged"),
        (_pickle, "is damaged"),
        (_huge_header, "is damaged"),
        (_missing_tensor, "emb_ln.bias is missing"),
        (_foreign_tensor, "lm_head is not part of it"),
        (_other_shape, "emb_ln.bias is F32"),
        (_other_type, "emb_ln.bias is F16"),
    ],
)
def test_a_file_that_cannot_be_the_model_is_refused(
    tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    write_model(tmp_path, "text")
    spoil(tmp_path)
    with pytest.raises(WeightsError, match=message) as caught:
        _read(tmp_path)
    assert str(tmp_path / WEIGHTS_FILE) in str(caught.value)
    assert _sha256(tmp_path) in str(caught.value)


def test_one_changed_bit_is_refused_where_the_hash_is_pinned(tmp_path: Path) -> None:
    write_model(tmp_path, "text")
    pinned = _sha256(tmp_path)
    path = tmp_path / WEIGHTS_FILE
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=f"sha256 is {_sha256(tmp_path)}.\nThe pinned one is {pinned}"):
        _read(tmp_path, pinned)


def test_an_absent_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"config\.json"):
        text_config(tmp_path)
    write_model(tmp_path, "text")
    (tmp_path / WEIGHTS_FILE).unlink()
    with pytest.raises(WeightsError, match=r"model\.safetensors cannot be read"):
        _read(tmp_path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "no config that can be read"),
        ("[]", "no JSON object"),
        ("{}", "n_embd"),
        ('{"prenorm": true}', "prenorm is true"),
        ('{"rotary_emb_interleaved": true}', "rotary_emb_interleaved is true"),
    ],
)
def test_a_config_of_another_architecture_is_refused(tmp_path: Path, config: str, message: str) -> None:
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(WeightsError, match=message):
        text_config(tmp_path)
