"""Any Sentence Transformers model, by its name on the Hugging Face Hub or from a folder.

No code of a model is ever run and no pickle is loaded: the weights are safetensors, and a model that brings modules of
its own is refused. A model's own prompts are put before questions and documents. A text that is longer than the model
reads is cut into windows, whose unit vectors are averaged, each with the weight of its tokens.

Texts run one at a time: a vector is then the same to the last bit alone and in a batch, on one machine. A larger
`batch_size` pads, and changes a vector by rounding (1e-6 at most in float32).

Needs the extra ``sentence-transformers``, which brings PyTorch.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedex.encoders import token_windows
from embedex.encoders.base import EncoderDescription, overlong_fate
from embedex.errors import InputError, MissingExtraError, WeightsError

if TYPE_CHECKING:
    import numpy as np
    import sentence_transformers
    from numpy.typing import NDArray

EXTRA = "sentence-transformers"
ORGANISATION = "sentence-transformers"
"""Whose model a name without a slash means."""

WANTED = ["*.json", "*.txt", "*.jinja", "*.model", "*.safetensors"]
NOT_WANTED = ["onnx/*", "openvino/*"]
"""What is fetched of a model: no code, no pickles, no copies in other formats."""

_DOCUMENT_PROMPTS = ("document", "passage", "corpus")
"""The names under which models keep the prompt for documents, as the library looks for them."""

_STAND_IN = "."
"""Embedded in place of a text in which the model sees nothing, such as an empty one: no vector is zero."""

_UNLIMITED = 1_000_000
"""A longer context is no limit: what says so is a model without one."""

_COMMIT = re.compile(r"[0-9a-f]{40}")


class SentenceTransformers:
    """A Sentence Transformers model; fits `embedex.encoders.base.QueryEncoder`.

    Args:
        model: a folder, or a name on the hub: ``intfloat/e5-small-v2``.
        revision: a commit, tag or branch on the hub; the newest commit of its main branch by default.
        device: where it computes, such as ``cpu`` or ``cuda``; the library chooses by default.
        batch_size: texts at a time.

    Attributes:
        overlong: how many documents so far were longer than the model reads at a time.
        overlong_fate: what becomes of them, in words.

    Raises:
        InputError: the model brings code, or a long text could not be cut into windows.
        MissingExtraError: Sentence Transformers is not installed.
        WeightsError: the model cannot be had or opened, or has no safetensors.
    """

    def __init__(
        self, model: str | Path, *, revision: str | None = None, device: str | None = None, batch_size: int = 1
    ) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingExtraError("Sentence Transformers models", EXTRA) from error
        if batch_size < 1:
            raise InputError(f"batch_size is {batch_size}.", allowed="It is at least 1.")
        folder, name = _folder(model, revision)
        sha256 = _checked_weights(folder)
        try:
            self._model = SentenceTransformer(
                str(folder),
                device=device,
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, ImportError, RuntimeError) as error:
            raise WeightsError(f"Sentence Transformers cannot open {folder}: {error}") from error
        # Some checkpoints are kept in half precision, in which a vector depends on what it is batched with.
        self._model.float()
        self._batch_size = batch_size
        self._context = _context(self._model)
        self._tokenizer = self._model.tokenizer
        if self._context is not None and not getattr(self._tokenizer, "is_fast", False):
            raise InputError(
                f"{name} reads {self._context} tokens, and its tokenizer does not say where a longer text can be cut.",
                cure="Choose a model with a tokenizer.json.",
            )
        windows = f"windows of {self._context} tokens" if self._context else "texts of any length"
        document_prefix = _prompt(self._model, _DOCUMENT_PROMPTS)
        query_prefix = _prompt(self._model, ("query",))
        self._name = f"sentence-transformers:{name}"
        self.description = EncoderDescription(
            name=self._name,
            modality="text",
            space=f"sentence-transformers-{sha256[:16]}",
            dimension=len(self._embed_windows([_STAND_IN], document_prefix, query=False)[0]),
            revision=folder.name if _COMMIT.fullmatch(folder.name) else "a folder",
            weights_sha256=sha256,
            preprocessing=f"the model's own, settings {_settings(folder)[:16]}, {windows}; 1",
            pooling="the model's own" + (", then mean over windows weighted by their tokens" if self._context else ""),
            document_prefix=document_prefix,
            query_prefix=query_prefix,
            place="" if "/" in name else str(folder),  # one of the hub is found by its name
        )
        self.overlong = 0
        self.overlong_fate = overlong_fate(self._context or 0, "window")

    def encode_documents(self, documents: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts of any length.

        Args:
            documents: n texts, without the prefix.

        Returns:
            float32, shape (n, d). A text's vector depends on that text alone; see the module for its last bits.
        """
        vectors, overlong = self._encode(documents, self.description.document_prefix, query=False)
        self.overlong += overlong
        return vectors

    def encode_queries(self, questions: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of questions, with the model's own prompt for them; shape (n, d)."""
        return self._encode(questions, self.description.query_prefix, query=True)[0]

    def _encode(self, texts: Sequence[str], prefix: str, *, query: bool) -> tuple[NDArray[np.float32], int]:
        """Unit vectors of texts, and how many of the texts were longer than the model reads at a time."""
        import numpy as np

        embedded = np.empty((len(texts), self.description.dimension), np.float32)
        split = [self._windows(text, prefix) for text in texts]
        vectors = self._embed_windows([window for windows, _ in split for window in windows], prefix, query=query)
        first = 0
        for row, (windows, counts) in enumerate(split):
            mean = token_windows.mean(list(vectors[first : first + len(windows)]), counts)
            if not mean.any():
                mean = self._embed_windows([_STAND_IN], prefix, query=query)[0].astype(np.float64)
            embedded[row] = token_windows.unit(mean, self._name)
            first += len(windows)
        return embedded, sum(len(windows) > 1 for windows, _ in split)

    def _embed_windows(self, windows: list[str], prefix: str, *, query: bool) -> NDArray[np.float32]:
        """Vectors of texts that fit, of unit length or zero: shape (n, d)."""
        import numpy as np

        if not windows:
            return np.empty((0, 0), np.float32)
        encode = self._model.encode_query if query else self._model.encode_document
        vectors = encode(
            windows,
            prompt=prefix,
            batch_size=self._batch_size,
            show_progress_bar=False,
            convert_to_numpy=True,
            normalize_embeddings=True,  # a zero vector stays zero
        )
        return np.asarray(vectors, np.float32)

    def _windows(self, text: str, prefix: str) -> tuple[list[str], list[int]]:
        """A text as windows that fit with the prefix, and how many tokens each has of the text."""
        if self._context is None or self._count(prefix + text) <= self._context:
            return [text], [1]
        offsets = self._tokens(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        room = self._context - self._count(prefix)
        if room < 1:
            raise InputError(
                f"{self._name} reads {self._context} tokens, and its prompt {prefix!r} leaves no room for a text."
            )
        windows: list[str] = []
        counts: list[int] = []
        first = position = 0  # a token, and the character up to which the text is in a window
        while first < len(offsets):
            start, take = max(offsets[first][0], position), min(room, len(offsets) - first)
            # What a window's edge cuts off can need more tokens than within the text.
            while self._count(prefix + text[start : offsets[first + take - 1][1]]) > self._context:
                take -= 1
                if not take:
                    raise InputError(
                        f"{self._name} reads {self._context} tokens, which is too few for {text[start]!r}."
                    )
            position = max(position, offsets[first + take - 1][1])
            if position > start:
                windows.append(text[start:position])
                counts.append(take)
            first += take
            while first < len(offsets) and offsets[first][1] <= position:
                first += 1  # the rest of a character that has several tokens
        return windows, counts

    def _count(self, text: str) -> int:
        """Tokens of a text, with those that the tokenizer adds by itself."""
        return len(self._tokens(text)["input_ids"])

    def _tokens(self, text: str, **options: bool) -> Any:
        # Not verbose: it would warn of every text that is longer than the model reads, which is why it is asked.
        return self._tokenizer(text, truncation=False, padding=False, verbose=False, **options)


def _folder(model: str | Path, revision: str | None) -> tuple[Path, str]:
    """The model's folder on this machine, fetched where it has to be, and the name it goes by.

    Raises:
        InputError: a revision of a folder, which has none.
        WeightsError: it is neither here nor can be fetched.
    """
    if Path(model).is_dir():
        if revision is not None:
            raise InputError(f"{model} is a folder and has no revision {revision!r}.", cure="Leave out the revision.")
        folder = Path(model).resolve()
        return folder, folder.name
    if isinstance(model, Path) or model.startswith((".", "/", "~")):
        raise WeightsError(f"There is no folder {model}.", allowed="A model is a folder or a name on the hub.")
    from huggingface_hub import snapshot_download

    name = model if "/" in model else f"{ORGANISATION}/{model}"
    try:
        found = snapshot_download(name, revision=revision, allow_patterns=WANTED, ignore_patterns=NOT_WANTED)
    except (OSError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise WeightsError(
            f"The model {name} cannot be had from the Hugging Face Hub: {reason}",
            allowed="Sentence Transformers models are named organisation/model.",
            cure="Check the name and the network. Elsewhere, fetch its folder and give that folder's path:\n"
            f"hf download {name} --local-dir FOLDER",
        ) from error
    return Path(found), name


def _checked_weights(folder: Path) -> str:
    """The sha256 of a model's weights, all safetensors files one after the other.

    Raises:
        InputError: the model brings modules of its own, which are code.
        WeightsError: a part of it has no safetensors.
    """
    path = folder / "modules.json"
    if path.is_file():
        try:
            kinds = [str(module["type"]) for module in json.loads(path.read_bytes())]
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"{path} cannot be used: {error}.") from error
        if foreign := [kind for kind in kinds if not kind.startswith("sentence_transformers.")]:
            raise InputError(
                f"{folder} brings code of its own: {', '.join(foreign)}.",
                allowed="Only the library's own modules are used; a model's code is never run.",
                cure="Choose a model that loads without trust_remote_code.",
            )
    weights = _files(folder, "*.safetensors")
    held = {file.parent for file in weights}
    if pickles := [
        file for pattern in ("*.bin", "*.pt") for file in _files(folder, pattern) if file.parent not in held
    ]:
        raise WeightsError(
            f"{pickles[0]} is a pickle, with no safetensors beside it.",
            allowed="Weights are read from safetensors alone.",
            cure="Look for another revision of the model, or save it again: model.save(FOLDER)",
        )
    if not weights:
        raise WeightsError(f"{folder} has no safetensors.", allowed="Weights are read from safetensors alone.")
    hashed = hashlib.sha256()
    for file in weights:
        with file.open("rb") as opened:
            while block := opened.read(1 << 20):
                hashed.update(block)
    return hashed.hexdigest()


def _files(folder: Path, pattern: str) -> list[Path]:
    """A model's files of one kind by name, without hidden ones and copies of the model in other formats."""
    ignored = ("onnx/", "openvino/", ".")
    return sorted(file for file in folder.rglob(pattern) if not file.relative_to(folder).as_posix().startswith(ignored))


def _settings(folder: Path) -> str:
    """The sha256 of everything else that decides a vector: tokenizer, pooling, and how the parts are joined."""
    hashed = hashlib.sha256()
    for file in (file for pattern in WANTED[:-1] for file in _files(folder, pattern)):
        hashed.update(f"{file.relative_to(folder).as_posix()}\0".encode())
        hashed.update(file.read_bytes())
    return hashed.hexdigest()


def _context(model: sentence_transformers.SentenceTransformer) -> int | None:
    """How many tokens the model reads, or None for any number."""
    length = model.max_seq_length or getattr(model.tokenizer, "model_max_length", None)
    return None if length is None or length > _UNLIMITED else int(length)


def _prompt(model: sentence_transformers.SentenceTransformer, names: Sequence[str]) -> str:
    """The first of these prompts that the model has, or its default one, or none."""
    for name in (*names, model.default_prompt_name):
        if name in model.prompts:
            return model.prompts[name] or ""
    return ""
