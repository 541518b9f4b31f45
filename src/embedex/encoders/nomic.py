"""nomic-embed-text v1 and v1.5 and nomic-embed-vision v1.5 as encoders: texts and pictures in, unit vectors out.

Here are the pinned files, the tokeniser, task prefixes, documents beyond the context, and the last steps from a mean to
a vector. The arithmetic is in `nomic_text` and `nomic_vision` (OpenVINO, extra ``nomic``) and `nomic_torch` (PyTorch,
extra ``torch``). No remote code is run.

Source: https://huggingface.co/nomic-ai/nomic-embed-text-v1.5 (Apache-2.0) and its siblings; Nussbaum et al., Nomic
Embed (2024).
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from embedex.documents import IMAGE_SIDE, PictureSettings
from embedex.encoders import field_parts, hub_files, token_windows
from embedex.encoders.base import EncoderDescription, Overflow, not_default, overlong_fate
from embedex.encoders.nomic_graph import Precision
from embedex.encoders.nomic_text import (
    NTK_FACTOR,
    Context,
    NomicText,
    check_context,
    unit_vectors,
    windows,
)
from embedex.encoders.nomic_vision import NomicVision
from embedex.encoders.nomic_weights import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    Checkpoint,
    TextConfig,
    read_checkpoint,
    text_config,
    vision_config,
)
from embedex.errors import InputError, MissingExtraError, WeightsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from embedex.documents import Span
    from embedex.encoders.nomic_torch import TorchText, TorchVision

__all__ = ["NomicText", "NomicTextEncoder", "NomicVision", "NomicVisionEncoder"]

Backend = Literal["openvino", "torch"]
Task = Literal["search", "clustering", "classification"]
Channels = tuple[float, float, float]

TOKENIZER_FILE = "tokenizer.json"

PREFIXES: dict[Task, tuple[str, str]] = {
    "search": ("search_document: ", "search_query: "),
    "clustering": ("clustering: ", "clustering: "),
    "classification": ("classification: ", "classification: "),
}
"""What each task puts before a document and before a question."""

PREPROCESSOR_FILE = "preprocessor_config.json"
"""Read in a folder of one's own, where there is one; the published model's is what is built in here."""

PIXEL_MEAN = (0.48145466, 0.4578275, 0.40821073)
PIXEL_STD = (0.26862954, 0.26130258, 0.27577711)
"""Of red, green and blue, from 0 to 1. From the vision model's own ``preprocessor_config.json``: a CLIPImageProcessor's
file with these, ``"resample": 3`` (bicubic) and ``"size": {"height": 224, "width": 224}`` (no aspect kept), written as
that class writes it, has the published file's 791 bytes and its sha256 77436fccc0108364dd52185181d65cace7e830113e3b81b2
bad8009a47f59b34."""

PREPROCESSING: dict[str, Any] = {
    "do_resize": True,
    "size": {"height": IMAGE_SIDE, "width": IMAGE_SIDE},
    "resample": 3,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
}
"""What a model's own preprocessing has to be besides: pictures come here stretched to that size, bicubic."""

PICTURES_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Model:
    """One of the models, as data.

    Attributes:
        name: the encoder's name in `embedex models`.
        hub: its files.
        space: of its vectors as they are.
        shared_space: of its vectors after layer norm at full length, which text and pictures have in common; ``""``
            where there is no such model for pictures here.
        lengths: the lengths that its vectors may be cut to; None for any.
    """

    name: str
    hub: hub_files.HubModel
    space: str
    shared_space: str = ""
    lengths: tuple[int, ...] | None = None


TEXT_V1_5 = Model(
    "nomic",
    hub_files.HubModel(
        "nomic-ai/nomic-embed-text-v1.5",
        # Revision and hashes as several public projects pin them, independently of one another (found on 23 November
        # 2026); 112 float32 tensors of SPEC.md's shapes make a file of the same 546,938,168 bytes.
        "e9b6763023c676ca8431644204f50c2b100d9aab",
        {
            CONFIG_FILE: "9ab00bd92cee80a569f708140b7b6c1661a65891ff3765b1519e181ba2f2c92b",
            TOKENIZER_FILE: "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66",
            WEIGHTS_FILE: "9e7d262b1fe5ea350782829496efa831901b77486bbde1cea54a4c822d010d5c",
        },
        "548 MB",
    ),
    space="nomic-embed-text-v1.5",
    shared_space="nomic-embed-v1.5",
    lengths=(768, 512, 256, 128, 64),
)
TEXT_V1 = Model(
    "nomic-v1",
    hub_files.HubModel(
        "nomic-ai/nomic-embed-text-v1",
        # The revision as several public projects pin it, the weights' hash as one of them does. The two small files
        # are pinned by the revision alone; the tokeniser's hash becomes part of the description.
        "3ac47f125a41961d13b397d0332866be2f9152e1",
        {
            CONFIG_FILE: "",
            TOKENIZER_FILE: "",
            WEIGHTS_FILE: "47e396424a085a613034450cd4bf9e8acfb568b19089ae1c5c4e7051ae286877",
        },
        "548 MB",
    ),
    space="nomic-embed-text-v1",
    lengths=(),
)
VISION_V1_5 = Model(
    "nomic",
    hub_files.HubModel(
        "nomic-ai/nomic-embed-vision-v1.5",
        # The revision as several public projects pin it. The config's hash as one of them does, and it is also that of
        # the config rebuilt for SPEC.md. The weights' hash was given with the task; nothing public that names it was
        # found, so that a mismatch may mean a wrong pin.
        "e3a725bce72db07ca4adb1d83da08903f3ee02f8",
        {
            CONFIG_FILE: "8ba755dcfdd6f6ddd05c81b1b3c812818f48e3828c420e424ae667e8c32ec1fe",
            WEIGHTS_FILE: "4616912a7cc91c06115ce7ccb9807095516b3d63a560ebf88057f626fb3535d6",
        },
        "372 MB",
    ),
    space="nomic-embed-v1.5",
    shared_space="nomic-embed-v1.5",
)


class NomicTextEncoder:
    """Texts to vectors; fits `embedex.encoders.base.QueryEncoder`.

    Documents and questions get their task's prefixes here, so that they cannot be mixed up. A document's vector is the
    same to the last bit whatever else is embedded (on a GPU: up to rounding, see `nomic_torch`).

    Args:
        model: which one.
        folder: holds its files; None to find or fetch them.
        dimensions: None for the mean as it is; else layer norm, then the first so many numbers.
        shared_space: layer norm at full length, so that questions meet pictures; the same as ``dimensions=768``.
        task: decides the prefixes.
        context: what documents beyond the 2,048 tokens of the training get: ``"ntk"``, as the model's authors use it
            with 8,192 tokens, or ``"plain"``, nothing.
        overflow: what becomes of a document beyond the context: ``"error"``; ``"truncate"`` keeps its beginning;
            ``"window"`` takes the mean over windows, each weighted by its tokens, so that nothing is left out.
        precision: how it computes; None for bfloat16 where the processor has it, else float32.
        backend: None for PyTorch where it sees a GPU, else OpenVINO.
        threads: of OpenVINO; None for one a core.

    Attributes:
        overlong: how many documents so far were beyond the context.
        overlong_fate: what becomes of them, in words.

    Raises:
        InputError: a setting does not exist, or the model or the processor does not have it.
        MissingExtraError: neither OpenVINO nor PyTorch is installed, or not the backend asked for.
        WeightsError: a file is missing, damaged, or not the pinned one.
    """

    def __init__(
        self,
        model: Model = TEXT_V1_5,
        folder: str | Path | None = None,
        *,
        dimensions: int | None = None,
        shared_space: bool = False,
        task: Task = "search",
        context: Context = "ntk",
        overflow: Overflow = "window",
        precision: Precision | None = None,
        backend: Backend | None = None,
        threads: int | None = None,
    ) -> None:
        _one_of("task", task, list(PREFIXES))
        _one_of("overflow", overflow, list(get_args(Overflow)))
        check_context(context)
        dimensions = _dimensions(model, dimensions, shared=shared_space)
        backend = _backend(backend)
        paths = hub_files.get(model.hub, Path(folder) if folder else None)
        # The small files first: they are quick to refuse.
        hub_files.read(paths[CONFIG_FILE], model.hub.files[CONFIG_FILE])
        config = text_config(paths[CONFIG_FILE].parent)
        if dimensions is not None and not 1 <= dimensions <= config.width:
            raise InputError(f"{dimensions} dimensions.", allowed=f"This model gives 1 to {config.width}.")
        tokenizer = hub_files.read(paths[TOKENIZER_FILE], model.hub.files[TOKENIZER_FILE])
        self._tokenizer = token_windows.read_tokenizer(tokenizer, str(paths[TOKENIZER_FILE]))
        document_prefix, query_prefix = PREFIXES[task]
        self._document_frame = _frame(self._tokenizer, document_prefix, paths[TOKENIZER_FILE])
        self._query_frame = _frame(self._tokenizer, query_prefix, paths[TOKENIZER_FILE])
        checkpoint = read_checkpoint(paths[WEIGHTS_FILE], config.shapes(), model.hub.files[WEIGHTS_FILE])
        self._model = _text_model(checkpoint, config, context, precision, backend, threads)
        self._overflow = overflow
        self._dimensions = dimensions
        self.overlong = 0
        self.overlong_fate = overlong_fate(config.positions, overflow)
        positions = f"{config.positions:,} tokens"
        long = {
            "error": f"{positions}, no more",
            "truncate": f"cut after {positions}",
            "window": f"windows of {positions}",
        }
        scaled = f"NTK factor {NTK_FACTOR:g}" if context == "ntk" else "no scaling"
        shared = dimensions == config.width and bool(model.shared_space)
        cut = f", layer norm, first {dimensions}" if dimensions else ""
        space = model.space or f"nomic-{checkpoint.sha256[:16]}"
        self._description = EncoderDescription(
            name=model.name,
            modality="text",
            space=model.shared_space if shared else f"{space}{f', first {dimensions}' if dimensions else ''}",
            dimension=dimensions or config.width,
            revision=_revision(model),
            weights_sha256=checkpoint.sha256,
            preprocessing=f"WordPiece tokenizer {hashlib.sha256(tokenizer).hexdigest()[:16]}, {long[overflow]},"
            f" {scaled} beyond {config.trained_positions:,}; 1",
            pooling=f"mean over tokens{cut}",
            context=None if overflow == "window" else config.positions,
            document_prefix=document_prefix,
            query_prefix=query_prefix,
            precision=f"{self._model.precision} on {_TOLD[backend]}",
            settings=not_default(
                dimensions=(dimensions, None),
                task=(task, "search"),
                context=(context, "ntk"),
                overflow=(overflow, "window"),
                precision=_coarse(self._model.precision),
            ),
            place=_place(model, folder),
        )

    @classmethod
    def from_folder(cls, folder: str | Path, **settings: Any) -> Self:
        """A model of your own of the same architecture; its folder holds what a model's folder on the hub holds.

        Args:
            folder: with ``config.json``, ``model.safetensors`` and ``tokenizer.json``, whose hashes are not checked.
            settings: as of the class.

        Returns:
            An encoder named ``nomic:`` and the folder's name, in a space of its own.
        """
        return cls(_own_model(Path(folder), (CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE)), folder, **settings)

    @property
    def description(self) -> EncoderDescription:
        """Every setting, resolved."""
        return self._description

    def encode_documents(self, documents: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts.

        Args:
            documents: n texts, without prefixes.

        Returns:
            float32, shape (n, dimension).

        Raises:
            InputError: a text is beyond the context and `overflow` is ``"error"``.
        """
        return self.encode_tokenized(self.tokenize(documents))

    @property
    def pack_tokens(self) -> int:
        """How many tokens are best computed at once."""
        return self._model.pack_tokens

    def tokenize(self, documents: Sequence[str]) -> list[Windows]:
        """Texts as token ids, prefixed and cut into windows; what does not fit is dealt with here.

        Raises:
            InputError: a text is beyond the context and `overflow` is ``"error"``.
        """
        parts, overlong = self._windows(documents, self._document_frame, "Document")
        self.overlong += overlong
        return [Windows(part) for part in parts]

    def encode_tokenized(self, tokenized: Sequence[Windows]) -> NDArray[np.float32]:
        """Unit vectors of tokenised texts, float32, shape (n, dimension)."""
        return self._encode([each.ids for each in tokenized])

    def encode_fields(
        self, documents: Sequence[str], fields: Sequence[Sequence[Span]]
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Vectors of texts and their fields' parts; see `embedex.encoders.base.FieldEncoder`.

        The last part is that of ``[CLS]``, ``[SEP]`` and the task's prefix, of every window. With `dimensions` the
        parts add up as well: layer norm without weights takes a mean away, which is linear, and divides by one number.

        Raises:
            InputError: a text is beyond the context and `overflow` is ``"error"``.
        """
        import numpy as np

        frame = self._document_frame
        parts, overlong = self._windows(documents, frame, "Document")
        encodings = self._tokenizer.encode_batch(list(documents), add_special_tokens=False)
        counts = [len(spans) + 1 for spans in fields]
        owners = []
        for encoding, spans, each in zip(encodings, fields, parts, strict=True):
            kept = sum(map(len, each)) - len(each) * (len(frame.head) + len(frame.tail))
            body = field_parts.owners([start for start, _ in encoding.offsets[:kept]], spans).tolist()
            head, tail = ([len(spans)] * len(tokens) for tokens in (frame.head, frame.tail))
            owners.append(windows(body, head, tail, self._model.config.positions))
        flat = itertools.chain.from_iterable
        means, sums = self._model.sums(
            list(flat(parts)),
            list(flat(owners)),
            [count for count, each in zip(counts, parts, strict=True) for _ in each],
        )
        of_windows = iter(sums)
        self.overlong += overlong
        joined = [self._linear_steps(np.sum([next(of_windows) for _ in each], axis=0)) for each in parts]
        return self._join(parts, means), joined

    def _linear_steps(self, parts: NDArray[np.float64]) -> NDArray[np.float32]:
        """What `unit_vectors` does to a mean, done to its parts; shape (parts, dimension)."""
        if self._dimensions is not None:
            parts = (parts - parts.mean(axis=1, keepdims=True))[:, : self._dimensions]
        return field_parts.to_unit(parts)

    def encode_queries(self, questions: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of questions, shape (n, dimension), in the same space as the documents.

        Raises:
            InputError: a question is beyond the context and `overflow` is ``"error"``.
        """
        parts, _ = self._windows(questions, self._query_frame, "Question")
        return self._encode(parts)

    def _windows(self, texts: Sequence[str], frame: _Frame, what: str) -> tuple[list[list[list[int]]], int]:
        """The token ids of each text's windows, nearly always one, and how many texts were beyond the context."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        limit = self._model.config.positions
        room = limit - len(frame.head) - len(frame.tail)
        overlong = 0
        parts = []
        for number, encoding in enumerate(encodings):
            body = encoding.ids
            if len(body) > room:
                overlong += 1
                if self._overflow == "error":
                    raise InputError(
                        f"{what} {number + 1} of {len(texts)} has {len(body) + limit - room:,} tokens, beginning"
                        f" {' '.join(texts[number][:60].split())!r}.",
                        allowed=f"This model takes {limit:,}.",
                        cure="Embed fewer fields, or take overflow 'window' (all of it) or 'truncate' (its beginning).",
                    )
                if self._overflow == "truncate":
                    body = body[:room]
            parts.append(windows(body, frame.head, frame.tail, limit))
        return parts, overlong

    def _encode(self, parts: list[list[list[int]]]) -> NDArray[np.float32]:
        """Unit vectors of texts that are cut into windows."""
        return self._join(parts, self._model.means(list(itertools.chain.from_iterable(parts))))

    def _join(self, parts: list[list[list[int]]], means: NDArray[np.float64]) -> NDArray[np.float32]:
        """The windows' means, one after another, to the texts' unit vectors."""
        import numpy as np

        joined = np.empty((len(parts), means.shape[1]))
        start = 0
        for row, each in enumerate(parts):
            of_windows = means[start : start + len(each)]
            start += len(each)
            if len(each) == 1:
                joined[row] = of_windows[0]
            else:  # the mean over all tokens, as of a document that fits
                tokens = np.array([len(window) for window in each], np.float64)
                joined[row] = (tokens[:, None] * of_windows).sum(axis=0) / tokens.sum()
        return unit_vectors(joined, self._dimensions)


class NomicVisionEncoder:
    """Pictures to vectors, in the space of `NomicTextEncoder` with ``shared_space=True``.

    A picture is made square as the model's own preprocessing does it: stretched, bicubic. Where it is transparent,
    its ground is white, as everywhere here. A folder of one's own may name another mean and std in its
    ``preprocessor_config.json``; other squares are refused.

    Args:
        model: which one.
        folder: holds its files; None to find or fetch them.
        precision: how it computes; None for bfloat16 where the processor has it, else float32.
        backend: None for PyTorch where it sees a GPU, else OpenVINO.
        threads: of OpenVINO; None for one a core.

    Attributes:
        picture: how a picture is made square.

    Raises:
        InputError: a setting does not exist, or the processor does not have it.
        MissingExtraError: neither OpenVINO nor PyTorch is installed, or not the backend asked for.
        WeightsError: a file is missing, damaged, or not the pinned one.
    """

    picture = PictureSettings("stretch", "bicubic")

    def __init__(
        self,
        model: Model = VISION_V1_5,
        folder: str | Path | None = None,
        *,
        precision: Precision | None = None,
        backend: Backend | None = None,
        threads: int | None = None,
    ) -> None:
        backend = _backend(backend)
        paths = hub_files.get(model.hub, Path(folder) if folder else None)
        hub_files.read(paths[CONFIG_FILE], model.hub.files[CONFIG_FILE])
        config = vision_config(paths[CONFIG_FILE].parent)
        if config.side != IMAGE_SIDE:
            raise WeightsError(
                f"{paths[CONFIG_FILE]} is of a model for pictures of {config.side} px.",
                allowed=f"Pictures come with {IMAGE_SIDE} px.",
            )
        mean, std = (PIXEL_MEAN, PIXEL_STD) if model.space else _mean_and_std(paths[CONFIG_FILE].parent)
        checkpoint = read_checkpoint(paths[WEIGHTS_FILE], config.shapes(), model.hub.files[WEIGHTS_FILE])
        self._model: NomicVision | TorchVision
        if backend == "openvino":
            self._model = NomicVision(checkpoint, config, precision=precision, threads=threads)
        else:
            from embedex.encoders.nomic_torch import TorchVision

            self._model = TorchVision(checkpoint, config, precision=_of_torch(precision))
        self._levels = _levels(mean, std)
        is_clips = (mean, std) == (PIXEL_MEAN, PIXEL_STD)
        normalised = "CLIP's mean and std" if is_clips else f"mean {_numbers(mean)}, std {_numbers(std)}"
        self._description = EncoderDescription(
            name=model.name,
            modality="image",
            space=model.space or f"nomic-{checkpoint.sha256[:16]}",
            dimension=config.width,
            revision=_revision(model),
            weights_sha256=checkpoint.sha256,
            preprocessing=f"{self.picture.preprocessing}, {normalised}; 1",
            pooling="class token and attention pooling",
            precision=f"{self._model.precision} on {_TOLD[backend]}",
            settings=not_default(precision=_coarse(self._model.precision)),
            place=_place(model, folder),
        )

    @classmethod
    def from_folder(cls, folder: str | Path, **settings: Any) -> Self:
        """A model of your own of the same architecture, unchecked; see `NomicTextEncoder.from_folder`."""
        return cls(_own_model(Path(folder), (CONFIG_FILE, WEIGHTS_FILE)), folder, **settings)

    @property
    def description(self) -> EncoderDescription:
        """Every setting, resolved."""
        return self._description

    def encode_documents(self, documents: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Unit vectors of pictures.

        Args:
            documents: n pictures, each uint8 of shape (224, 224, 3), as `embedex.documents.read_picture` gives them
                with the settings of `picture`.

        Returns:
            float32, shape (n, 768). A picture's vector depends on that picture alone.

        Raises:
            InputError: a picture has another shape or type.
        """
        import numpy as np

        vectors = np.empty((len(documents), self._description.dimension), np.float32)
        for start in range(0, len(documents), PICTURES_AT_ONCE):
            some = documents[start : start + PICTURES_AT_ONCE]
            vectors[start : start + len(some)] = self._model.encode_pixels(np.stack([*map(self._pixels, some)]))
        return vectors

    def _pixels(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """A picture, normalised: float32, (224, 224, 3)."""
        import numpy as np

        if picture.shape != (IMAGE_SIDE, IMAGE_SIDE, 3) or picture.dtype != np.uint8:
            raise InputError(
                f"A picture of {picture.dtype}, shape {picture.shape}.",
                allowed=f"uint8 of shape ({IMAGE_SIDE}, {IMAGE_SIDE}, 3) is due.",
            )
        pixels: NDArray[np.float32] = self._levels[picture, np.arange(3)]
        return pixels


text_v1 = partial(NomicTextEncoder, TEXT_V1)
"""Makes nomic-embed-text-v1."""


def missing(model: Model) -> str:
    """What a model lacks on this machine, with the cure, or ``""``. Its files are looked for, not opened."""
    if absent := runtime_missing():
        return absent
    if len(hub_files.find(model.hub)) < len(model.hub.files):
        return f"{model.hub.size} from the Hugging Face hub, {hub_files.AT_FIRST_USE}"
    return ""


def runtime_missing() -> str:
    """What is to be installed for any of the models to run, or ``""``."""
    return "" if any(map(_is_installed, get_args(Backend))) else "pip install 'embedex[nomic]'"


@dataclass(frozen=True, slots=True)
class Windows:
    """The token ids of one text's windows, nearly always one."""

    ids: list[list[int]]

    @property
    def tokens(self) -> int:
        """How many there are in all."""
        return sum(map(len, self.ids))


@dataclass(frozen=True, slots=True)
class _Frame:
    """The token ids before and after every text: ``[CLS]`` and the prefix, and ``[SEP]``."""

    head: list[int]
    tail: list[int]


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _backend(asked: Backend | None) -> Backend:
    """The backend to use.

    Raises:
        InputError: there is no such backend.
        MissingExtraError: it is not installed, or none is.
    """
    if asked is not None:
        _one_of("backend", asked, list(get_args(Backend)))
        if not _is_installed(asked):
            raise MissingExtraError(f"nomic on {_TOLD[asked]}", "nomic" if asked == "openvino" else "torch")
        return asked
    if _is_installed("torch"):
        import torch

        if torch.cuda.is_available() or not _is_installed("openvino"):
            return "torch"
    if not _is_installed("openvino"):
        raise MissingExtraError("The encoder 'nomic'", "nomic")
    return "openvino"


_TOLD: dict[Backend, str] = {"openvino": "OpenVINO", "torch": "PyTorch"}


def _one_of(what: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise InputError(f"There is no {what} {value!r}.", allowed=f"There are: {', '.join(allowed)}")


def _own_model(folder: Path, files: Sequence[str]) -> Model:
    name = folder.resolve().name
    hub = hub_files.HubModel(name, "of a folder", dict.fromkeys(files, ""), "")
    return Model(f"nomic:{name}", hub, space="")


def _revision(model: Model) -> str:
    return f"{model.hub.name} {model.hub.revision[:12]}" if model.space else "a folder"


def _place(model: Model, folder: str | Path | None) -> str:
    """The folder of a model of one's own; any other is found by its name."""
    return str(Path(folder).resolve()) if folder and not model.space else ""


def _dimensions(model: Model, asked: int | None, *, shared: bool) -> int | None:
    """The length to cut a vector to after layer norm, or None where there is no layer norm.

    Raises:
        InputError: the model does not have it.
    """
    if shared:
        if not (model.shared_space and model.lengths):
            raise InputError(f"{model.name} shares no space with pictures here.", allowed=f"{TEXT_V1_5.name} does.")
        full = max(model.lengths)
        if asked not in (None, full):
            raise InputError(f"{asked} dimensions in the space of pictures.", allowed=f"Pictures have {full} there.")
        return full
    if asked is None or model.lengths is None:
        return asked
    if not model.lengths:
        raise InputError(f"{asked} dimensions.", allowed=f"{model.name} was not trained for shorter vectors.")
    if asked not in model.lengths:
        raise InputError(f"{asked} dimensions.", allowed=f"{model.name} has {', '.join(map(str, model.lengths))}.")
    return asked


def _frame(tokenizer: Any, prefix: str, path: Path) -> _Frame:
    """What stands around every text. The prefix ends in a space, so that its tokens do not depend on the text.

    Raises:
        WeightsError: the tokeniser adds nothing around a text.
    """
    encoding = tokenizer.encode(prefix)
    added: list[int] = encoding.special_tokens_mask
    if not (added and added[0] and added[-1]) or all(added):
        raise WeightsError(
            f"{path} does not put [CLS] before and [SEP] after a text.", cure="Take the tokenizer.json of the model."
        )
    last = len(added) - added[::-1].index(0)
    return _Frame(encoding.ids[:last], encoding.ids[last:])


def _text_model(
    checkpoint: Checkpoint,
    config: TextConfig,
    context: Context,
    precision: Precision | None,
    backend: Backend,
    threads: int | None,
) -> NomicText | TorchText:
    if backend == "openvino":
        return NomicText(checkpoint, config, context=context, precision=precision, threads=threads)
    from embedex.encoders.nomic_torch import TorchText

    return TorchText(checkpoint, config, context=context, precision=_of_torch(precision))


def _of_torch(precision: Precision | None) -> Literal["f32", "bf16"] | None:
    if precision == "w8":
        raise InputError("There is no precision 'w8' on PyTorch.", allowed="There are: f32, bf16")
    return precision


def _coarse(precision: Precision) -> tuple[Precision | None, None]:
    """For `not_default`: 8-bit weights, which are more than rounding and so another encoder; see docs/choices.md."""
    return (precision if precision == "w8" else None), None


def _mean_and_std(folder: Path) -> tuple[Channels, Channels]:
    """Of a folder of one's own, by its ``preprocessor_config.json`` where it has one, else those of CLIP.

    Raises:
        WeightsError: that file cannot be read, or wants pictures made ready in another way than is done here.
    """
    path = folder / PREPROCESSOR_FILE
    if not path.exists():
        return PIXEL_MEAN, PIXEL_STD
    try:
        settings = json.loads(path.read_bytes())
        wanted = {**PREPROCESSING, "crop_size": PREPROCESSING["size"]}
        if not settings.get("do_center_crop"):
            del wanted["crop_size"]
        given = {name: settings.get(name, value) for name, value in wanted.items()}
        mean, std = _three(settings.get("image_mean", PIXEL_MEAN)), _three(settings.get("image_std", PIXEL_STD))
        if min(std) <= 0:
            raise ValueError(f"image_std {_numbers(std)}")
        if math.isclose(given["rescale_factor"], wanted["rescale_factor"], rel_tol=1e-5):  # whatever its last digits
            del wanted["rescale_factor"]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{path} cannot be read: {error}.", allowed="It is what an image processor of the model writes."
        ) from error
    if others := [name for name, value in wanted.items() if given[name] != value]:
        asked, done = (", ".join(f"{name} {values[name]}" for name in others) for values in (given, wanted))
        raise WeightsError(
            f"{path} wants pictures made ready in another way: {asked}.", allowed=f"Here they get {done}."
        )
    return mean, std


def _three(numbers: Any) -> Channels:
    red, green, blue = map(float, numbers)
    return red, green, blue


def _numbers(channels: Channels) -> str:
    return " ".join(f"{number:.9g}" for number in channels)


def _levels(mean: Channels, std: Channels) -> NDArray[np.float32]:
    """What each of the 256 levels becomes in each channel, by the steps of a CLIPImageProcessor: (256, 3)."""
    import numpy as np

    scaled: NDArray[np.float32] = (np.arange(256, dtype=np.float64) * (1 / 255)).astype(np.float32)
    means, deviations = (np.asarray(channels, np.float32) for channels in (mean, std))
    return (scaled[:, None] - means) / deviations
