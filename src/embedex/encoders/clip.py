"""CLIP from a folder of your own: one encoder for texts and one for pictures, whose vectors can be compared.

Any two-tower model exported to ONNX: ``text_model.onnx`` and ``vision_model.onnx``, or one ``model.onnx`` with both;
beside them ``tokenizer.json`` and ``preprocessor_config.json``, and ``config.json`` where there is one. The ONNX files
may stand in the folder ``onnx``, as model hubs have them. What inputs and outputs are called is read from the model.

CLIP reads 77 tokens. What becomes of a longer text is the caller's choice, and never silent. Texts and pictures run one
at a time, so that a vector is the same to the last bit alone and in a batch. Models that want every text padded to one
length (SigLIP) are not meant.

Source: Radford et al., Learning Transferable Visual Models From Natural Language Supervision (2021).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from embedex.documents import IMAGE_PREPROCESSING
from embedex.encoders import onnx_session, token_windows
from embedex.encoders.base import EncoderDescription, Overflow, not_default, overlong_fate
from embedex.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime
    from numpy.typing import NDArray

Side = Literal["text", "image"]

CONTEXT = 77
"""Tokens that CLIP reads, its start and end tokens counted, where neither the model nor ``config.json`` says."""

_FILES: dict[Side, list[str]] = {
    "text": ["text_model.onnx", "model.onnx"],
    "image": ["vision_model.onnx", "model.onnx"],
}


@dataclass(frozen=True, slots=True)
class _Pixels:
    """How a square picture is made ready for the model.

    Attributes:
        height: of what the model reads, in pixels.
        width: likewise.
        resample: Pillow's number of the filter.
        scale: each channel is multiplied by it.
        mean: then this is taken away, one number a channel.
        std: then it is divided by this.
    """

    height: int
    width: int
    resample: int
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def read(cls, data: bytes, place: str) -> Self:
        """Read a ``preprocessor_config.json``.

        Raises:
            InputError: it is none.
        """
        try:
            settings = json.loads(data)
            # The size after cropping is what the model reads.
            size = settings["crop_size"] if settings.get("do_center_crop") else settings["size"]
            if not isinstance(size, dict):
                size = {"shortest_edge": size}
            height, width = (size[side] if side in size else size["shortest_edge"] for side in ("height", "width"))
            normalised = settings.get("do_normalize", True)
            return cls(
                int(height),
                int(width),
                int(settings.get("resample", 3)),
                float(settings.get("rescale_factor", 1 / 255)) if settings.get("do_rescale", True) else 1.0,
                _three(settings["image_mean"]) if normalised else (0.0, 0.0, 0.0),
                _three(settings["image_std"]) if normalised else (1.0, 1.0, 1.0),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(
                f"{place} cannot be used: {type(error).__name__} {error}.",
                allowed="It has size or crop_size, image_mean and image_std, as CLIP's image processor writes them.",
            ) from error

    def __str__(self) -> str:
        from PIL import Image

        resample = Image.Resampling(self.resample).name.lower()
        return (
            f"{resample} to {self.width} x {self.height} px without cropping, times {self.scale:.9g},"
            f" mean {_listed(self.mean)}, std {_listed(self.std)}"
        )

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """A square picture, uint8 (side, side, 3), to float32 (1, 3, height, width).

        Nothing is cropped: a document's margin is padding, and what a picture shows reaches its edges.
        """
        import numpy as np
        from PIL import Image

        if picture.shape[:2] != (self.height, self.width):
            resized = Image.fromarray(picture).resize((self.width, self.height), Image.Resampling(self.resample))
            picture = np.asarray(resized)
        mean, std = (np.asarray(numbers, np.float32) for numbers in (self.mean, self.std))
        scaled = (picture.astype(np.float32) * np.float32(self.scale) - mean) / std
        ready: NDArray[np.float32] = np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])
        return ready


def _three(numbers: Any) -> tuple[float, ...]:
    values = tuple(float(number) for number in numbers)
    if len(values) != 3:
        raise ValueError(f"{len(values)} numbers for three channels")
    return values


def _listed(numbers: Sequence[float]) -> str:
    return " ".join(f"{number:.9g}" for number in numbers)


class _Tower:
    """One side of a two-tower model: finds its inputs and its output, and runs it.

    Attributes:
        length: the number of tokens the graph is fixed to, or None where any will do.
        size: the height and width the graph is fixed to, or None.
    """

    def __init__(self, folder: Path, side: Side, threads: int) -> None:
        path = onnx_session.model_file(folder, _FILES[side])
        self._session = onnx_session.open_session(path, f"The {side} encoder of CLIP", threads=threads)
        inputs = self._session.get_inputs()
        whole = [each for each in inputs if "int" in each.type]
        self._masks = [each.name for each in whole if "mask" in each.name]
        ids = [each for each in whole if "mask" not in each.name]
        pixels = [each for each in inputs if "float" in each.type and len(each.shape) == 4]
        own, other = (ids, pixels) if side == "text" else (pixels, ids)
        if len(own) != 1 or len(other) > 1 or len(ids) + len(pixels) + len(self._masks) != len(inputs):
            raise InputError(
                f"{path} takes {', '.join(f'{each.name} ({each.type}, {each.shape})' for each in inputs)}.",
                allowed="A text model takes token ids and perhaps a mask; a picture model takes pixels.",
            )
        self._ids = ids[0].name if ids else ""
        self._pixels = pixels[0].name if pixels else ""
        self._dtypes = {each.name: _dtype(each.type) for each in inputs}
        self.length = _fixed(ids[0].shape[1]) if ids else None
        height, width = (_fixed(pixels[0].shape[2]), _fixed(pixels[0].shape[3])) if pixels else (None, None)
        self.size = (height, width) if height and width else None
        self._output = _embedding_output(path, self._session.get_outputs(), side, both=bool(other))

    def run(self, ids: Sequence[int] | None, pixels: NDArray[np.float32] | None, padding: int) -> NDArray[np.float32]:
        """One text, or one picture, to its vector as the model gives it: shape (d,).

        A model with both towers wants an input for each. The other gets a blank one, which nothing here looks at.
        """
        import numpy as np
        import onnxruntime

        tokens = list(ids or [padding])
        rest = [padding] * ((self.length or len(tokens)) - len(tokens))
        feeds: dict[str, NDArray[Any]] = {}
        if self._ids:
            feeds[self._ids] = np.asarray([tokens + rest], self._dtypes[self._ids])
        for name in self._masks:
            feeds[name] = np.asarray([[1] * len(tokens) + [0] * len(rest)], self._dtypes[name])
        if self._pixels:
            blank = np.zeros((1, 3, *(self.size or (224, 224))), np.float32)
            feeds[self._pixels] = (blank if pixels is None else pixels).astype(self._dtypes[self._pixels])
        options = onnxruntime.RunOptions()
        options.only_execute_path_to_fetches = True  # of a model with both towers run one
        (embedding,) = self._session.run([self._output], feeds, options)
        return np.asarray(embedding, np.float32).reshape(-1)


def _fixed(size: int | str | None) -> int | None:
    """A dimension of the graph, or None where it has a name instead of a number."""
    return size if isinstance(size, int) else None


def _dtype(name: str) -> str:
    """``tensor(int64)`` to ``int64``."""
    dtype = name.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32"}.get(dtype, dtype)


def _embedding_output(path: Path, outputs: Sequence[onnxruntime.NodeArg], side: Side, *, both: bool) -> str:
    """The output in the space that both towers share.

    Raises:
        InputError: none can be told from the others.
    """
    flat = [each.name for each in outputs if len(each.shape) == 2]
    embeds = [name for name in flat if "embed" in name]
    own = [name for name in embeds if side in name or (side == "image" and "vision" in name)]
    # A tower by itself may call its one vector anything; of a model with both the name has to say whose it is.
    for names in (own,) if both else (own, embeds, flat):
        if len(names) == 1:
            return str(names[0])
    raise InputError(
        f"{path} gives {', '.join(f'{each.name} {each.shape}' for each in outputs)}.",
        allowed=f"One output of shape (batch, dimension) is the {side}'s vector; it is called {side}_embeds as a rule.",
    )


class _Folder:
    """What the two encoders of one folder have in common.

    Attributes:
        sha256: of each side's model file.
        space: both files decide it, so encoders of one folder share it, and no others.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.name = f"clip:{self.folder.name}"
        files = {side: onnx_session.model_file(folder, names) for side, names in _FILES.items()}
        known = {file: onnx_session.digest(file) for file in set(files.values())}
        self.sha256 = {side: known[file] for side, file in files.items()}
        self.revision = {side: file.relative_to(folder).as_posix() for side, file in files.items()}
        both = "".join(self.sha256[side] for side in get_args(Side))
        self.space = f"clip-{hashlib.sha256(both.encode()).hexdigest()[:16]}"


class ClipText:
    """Texts in the space of a CLIP model; fits `embedex.encoders.base.QueryEncoder`.

    Args:
        folder: see the module.
        overflow: what becomes of a text that is longer than the context: ``error`` refuses it, ``truncate`` keeps its
            beginning, ``window`` averages the unit vectors of its windows, each with the weight of its tokens.
        threads: how many compute one text.

    Attributes:
        overlong: how many documents so far were beyond the context.
        overlong_fate: what becomes of them, in words.

    Raises:
        InputError: a file is missing or is no part of a two-tower model, or `overflow` is none of the three.
        MissingExtraError: ONNX Runtime is not installed.
        WeightsError: a file cannot be opened.
    """

    def __init__(self, folder: Path, *, overflow: Overflow = "window", threads: int = onnx_session.THREADS) -> None:
        if overflow not in get_args(Overflow):
            raise InputError(f"overflow is {overflow!r}.", allowed=f"There are: {', '.join(get_args(Overflow))}")
        common = _Folder(folder)
        data = onnx_session.required(folder, "tokenizer.json")
        self._tower = _Tower(folder, "text", threads)
        self._tokenizer = token_windows.read_tokenizer(data, str(folder / "tokenizer.json"))
        # Else a text that has the end token's name in it would end there, for the model, and nobody would notice.
        self._tokenizer.encode_special_tokens = True
        self._before, self._after = token_windows.frame(self._tokenizer)
        if not self._after:
            raise InputError(
                f"{folder / 'tokenizer.json'} adds no token at the end of a text.",
                allowed="CLIP reads a text's vector off the token that ends it.",
            )
        self._overflow = overflow
        self._context = min(_context(folder), self._tower.length or 1 << 30)
        self._room = self._context - len(self._before) - len(self._after)
        if self._room < 1:
            raise InputError(f"{folder}: a context of {self._context} tokens leaves no room for a text.")
        how = {
            "error": "longer texts are refused",
            "truncate": "longer texts are cut",
            "window": "longer texts in windows",
        }
        self.description = EncoderDescription(
            name=common.name,
            modality="text",
            space=common.space,
            dimension=len(self._embed_window([])),
            revision=common.revision["text"],
            weights_sha256=common.sha256["text"],
            preprocessing=(
                f"tokenizer {hashlib.sha256(data).hexdigest()[:16]}, {self._context} tokens, {how[overflow]}; 1"
            ),
            pooling="the model's own"
            + (", then mean over windows weighted by their tokens" if overflow == "window" else ""),
            context=None if overflow == "window" else self._context,
            settings=not_default(overflow=(overflow, "window")),
            place=str(common.folder),
        )
        self.overlong = 0
        self.overlong_fate = overlong_fate(self._context, overflow)

    def encode_documents(self, documents: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts.

        Args:
            documents: n texts.

        Returns:
            float32, shape (n, d). A text's vector depends on that text alone.

        Raises:
            InputError: a text is longer than the context and `overflow` is ``error``; nothing is embedded then.
        """
        vectors, overlong = self._encode(documents)
        self.overlong += overlong
        return vectors

    def encode_queries(self, questions: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of questions, as of any other text; shape (n, d)."""
        return self._encode(questions)[0]

    def _encode(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], int]:
        """Unit vectors of texts, and how many of the texts were beyond the context."""
        import numpy as np

        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        if self._overflow == "error":
            for number, encoding in enumerate(encodings):
                self._refuse_longer(len(encoding.ids), texts[number])
        embedded = np.empty((len(encodings), self.description.dimension), np.float32)
        for row, encoding in enumerate(encodings):
            embedded[row] = self._embed(encoding.ids)
        return embedded, sum(len(encoding.ids) > self._room for encoding in encodings)

    def _refuse_longer(self, tokens: int, text: str) -> None:
        if tokens > self._room:
            shown = " ".join(text[:60].split())
            raise InputError(
                f"A text of {tokens:,} tokens, which begins {shown!r}.",
                allowed=f"{self.description.name} reads {self._room} tokens of a text at a time.",
                cure="Shorten it, or choose overflow='window' (averages) or overflow='truncate' (keeps the beginning).",
            )

    def _embed(self, ids: list[int]) -> NDArray[np.float32]:
        parts = [tuple(ids[each]) for each in token_windows.cut(len(ids), self._room)]
        if self._overflow == "truncate":
            parts = parts[:1]
        if len(parts) == 1:
            return token_windows.unit(self._embed_window(parts[0]), self.description.name)
        distinct = {  # a window that comes again is known
            part: token_windows.unit(self._embed_window(part), self.description.name) for part in dict.fromkeys(parts)
        }
        mean = token_windows.mean([distinct[part] for part in parts], [len(part) for part in parts])
        return token_windows.unit(mean, self.description.name)

    def _embed_window(self, ids: Sequence[int]) -> NDArray[np.float32]:
        # The end token pads, where the graph has a fixed length: CLIP stops at the first one.
        return self._tower.run([*self._before, *ids, *self._after], None, self._after[-1])


def _context(folder: Path) -> int:
    """How many tokens the model reads, by its ``config.json``."""
    path = folder / "config.json"
    if not path.is_file():
        return CONTEXT
    try:
        settings = json.loads(path.read_bytes())
        return int(settings.get("text_config", settings).get("max_position_embeddings", CONTEXT))
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} cannot be used: {error}.", allowed="It is the config.json of a CLIP model."
        ) from error


class ClipImage:
    """Pictures in the space of a CLIP model; fits `embedex.encoders.base.QueryEncoder`: questions in words meet them.

    Args:
        folder: see the module.
        threads: how many compute one picture.

    Raises:
        InputError: a file is missing or is no part of a two-tower model.
        MissingExtraError: ONNX Runtime is not installed.
        WeightsError: a file cannot be opened.
    """

    def __init__(self, folder: Path, *, threads: int = onnx_session.THREADS) -> None:
        common = _Folder(folder)
        self._folder, self._threads = folder, threads
        self._tower = _Tower(folder, "image", threads)
        place = str(folder / "preprocessor_config.json")
        self._pixels = _Pixels.read(onnx_session.required(folder, "preprocessor_config.json"), place)
        if self._tower.size not in (None, (self._pixels.height, self._pixels.width)):
            raise InputError(
                f"{place} makes pictures of {self._pixels.width} x {self._pixels.height} px.",
                allowed=f"The model reads (height, width) {self._tower.size}.",
            )
        import numpy as np

        blank = np.zeros((self._pixels.height, self._pixels.width, 3), np.uint8)
        self.description = EncoderDescription(
            name=common.name,
            modality="image",
            space=common.space,
            dimension=len(self._embed(blank)),
            revision=common.revision["image"],
            weights_sha256=common.sha256["image"],
            preprocessing=f"{IMAGE_PREPROCESSING}; {self._pixels}; 1",
            pooling="the model's own",
            place=str(common.folder),
        )

    def encode_documents(self, documents: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Unit vectors of pictures.

        Args:
            documents: n pictures, each uint8 of shape (224, 224, 3).

        Returns:
            float32, shape (n, d). A picture's vector depends on that picture alone.
        """
        import numpy as np

        embedded = np.empty((len(documents), self.description.dimension), np.float32)
        for row, picture in enumerate(documents):
            embedded[row] = token_windows.unit(self._embed(picture), self.description.name)
        return embedded

    def encode_queries(self, questions: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of questions, by the same folder's text encoder; shape (n, d). Longer ones are averaged."""
        return self._text.encode_queries(questions)

    @cached_property
    def _text(self) -> ClipText:
        return ClipText(self._folder, overflow="window", threads=self._threads)

    def _embed(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._tower.run(None, self._pixels(picture), 0)
