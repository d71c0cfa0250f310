"""Load the specialists with a head of your own on top, as `python -m training finetune --from specialists` leaves it.

    FOLDER/specialists.json       which specialists it stands on
    FOLDER/head.safetensors       z = unit(h + m·Σ_j p_j·c_j), h = unit(w·image + A·x + W₂·GELU(W₁·x + b₁) + b),
                                  x = [image, look]; c_j the captions of the pictures it was trained on (see `recalled`)

`look` and the words stay those of the specialists: what is stored of them stays true.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file
from scipy.special import erf

from encoder.protocol import Embeddings, Encoder, EncoderIdentity, unit
from errors import EncoderError, first_line

Array = NDArray[np.float32]
DESCRIPTION = "specialists.json"
HEAD = "head.safetensors"
FORMAT = 2
SHARPNESS = 15.0
EMPTY = 0.5
"""The cosine above which pictures count as alike; like SHARPNESS part of the format."""
_BASE = ("name", "revision", "weights_sha256", "preprocessing")


def is_tuned(folder: Path) -> bool:
    """Whether the folder holds such a head (and no transformers model)."""
    return (folder / DESCRIPTION).is_file()


def describe(base: EncoderIdentity) -> dict[str, Any]:
    """The content of `specialists.json` for a head that was trained on `base`."""
    return {"format": FORMAT, "base": _terms(base)}


class TunedSpecialists:
    def __init__(self, folder: Path, base: Encoder) -> None:
        """`base`: the specialists that are installed. Raises EncoderError when they are not those of the head."""
        folder = folder.expanduser().resolve()
        try:
            described = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
            wanted, version = dict(described["base"]), described["format"]
            self._head = load_file(folder / HEAD)
            head_hash = hashlib.sha256((folder / HEAD).read_bytes()).hexdigest()
        except Exception as error:  # json, safetensors and the file system each raise their own kinds
            raise EncoderError(
                f"The encoder in {folder} cannot be loaded: {first_line(error)}. Train it again with: "
                f"python -m training finetune --from specialists --out {folder}"
            ) from error
        if version != FORMAT or wanted != _terms(base.identity):
            raise EncoderError(
                f"The head in {folder} was trained on {wanted.get('name')} {wanted.get('revision')} "
                f"({str(wanted.get('weights_sha256'))[:8]}, format {version}), but {base.identity.name} "
                f"{base.identity.revision} ({base.identity.weights_sha256[:8]}, format {FORMAT}) are installed. "
                f"Train it again with: python -m training finetune --from specialists --out {folder}"
            )
        dims = base.identity.dims
        if {name: tuple(array.shape) for name, array in self._head.items()} != _shapes(self._head, dims):
            raise EncoderError(f"The head in {folder} has other dimensions than {dims}. Train it again.")
        self._base = base
        weights = hashlib.sha256(f"{base.identity.weights_sha256} {head_hash}".encode()).hexdigest()
        self._identity = EncoderIdentity(
            folder.name, base.identity.revision, weights, base.identity.preprocessing, dict(dims)
        )

    @property
    def identity(self) -> EncoderIdentity:
        return self._identity

    @property
    def image_side(self) -> int:
        return self._base.image_side

    def encode_images(self, images: Sequence[Image.Image]) -> dict[str, Embeddings]:
        rows = self._base.encode_images(images)
        return {"image": apply_head(self._head, rows["image"], rows["look"]), "look": rows["look"]}

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        return self._base.encode_texts(texts)


def apply_head(head: Mapping[str, Array], image: Embeddings, look: Embeddings) -> Embeddings:
    """(n, dim), (n, dim of look) -> (n, dim). Names of the residual's arrays as in `training.heads.ConseResidual`."""
    x = np.concatenate([image, look], axis=1)
    hidden = x @ head["bent.0.weight"].T + head["bent.0.bias"]
    bent = hidden * (1 + erf(hidden / np.sqrt(np.float32(2)))) / 2  # GELU
    straight = x @ head["straight.weight"].T + head["straight.bias"]
    whole = head["weight_of_conse"] * image + straight + bent @ head["bent.3.weight"].T + head["bent.3.bias"]
    return unit(unit(whole) + head["memory.share"] * recalled(look, head["memory.look"], head["memory.words"]))


def recalled(look: Array, remembered: Array, words: Array) -> Array:
    """(n, dim of look), (m, dim of look), (m, dim) -> (n, dim): Σ_j p_j·c_j with
    p_j = exp(s·cos_j) / (exp(s·e) + Σ_i exp(s·cos_i)), s SHARPNESS, e EMPTY.

    The captions of remembered pictures, each by how much the picture looks like its own; near zero for a picture like
    none of them, so that little changes elsewhere. Nadaraya, On Estimating Regression, 1964, with an empty slot.
    """
    shares = np.exp(SHARPNESS * (look @ remembered.T - EMPTY))  # (n, m)
    recollection: Array = shares / (1 + shares.sum(axis=1, keepdims=True)) @ words
    return recollection


def _terms(identity: EncoderIdentity) -> dict[str, Any]:
    """Without the number type: a head trained in float32 serves bfloat16 as well."""
    terms = {name: getattr(identity, name) for name in _BASE}
    return terms | {"revision": identity.revision.split("+")[0]}


def _shapes(head: Mapping[str, Array], dims: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """What the arrays must measure, given the hidden layer and the number of remembered captions of the head itself."""
    features, dim, hidden = dims["image"] + dims["look"], dims["image"], len(head.get("bent.0.bias", ()))
    remembered = len(head.get("memory.words", ()))
    return {
        "weight_of_conse": (),
        "straight.weight": (dim, features),
        "straight.bias": (dim,),
        "bent.0.weight": (hidden, features),
        "bent.0.bias": (hidden,),
        "bent.3.weight": (dim, hidden),
        "bent.3.bias": (dim,),
        "memory.look": (remembered, dims["look"]),
        "memory.words": (remembered, dim),
        "memory.share": (),
    }
