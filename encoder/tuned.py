"""The specialists with a head of your own on top, as `python -m training finetune --from specialists` leaves it.

    FOLDER/specialists.json       which specialists it stands on
    FOLDER/head.safetensors       z = unit(w·image + A·x + W₂·GELU(W₁·x + b₁) + b), x = [image, look]

`look` and the words stay those of the specialists: what is stored of them stays true. Knows no file of the library.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

from encoder.protocol import Embeddings, Encoder, EncoderError, EncoderIdentity, first_line, unit

DESCRIPTION = "specialists.json"
HEAD = "head.safetensors"
FORMAT = 1
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


@torch.no_grad()
def apply_head(head: Mapping[str, torch.Tensor], image: Embeddings, look: Embeddings) -> Embeddings:
    """(n, dim), (n, dim of look) -> (n, dim). Names of the arrays as in `training.heads.ConseResidual`."""
    start = torch.from_numpy(np.ascontiguousarray(image))
    x = torch.cat([start, torch.from_numpy(np.ascontiguousarray(look))], dim=1)
    bent = F.gelu(F.linear(x, head["bent.0.weight"], head["bent.0.bias"]))
    straight = F.linear(x, head["straight.weight"], head["straight.bias"])
    whole = head["weight_of_conse"] * start + straight + F.linear(bent, head["bent.3.weight"], head["bent.3.bias"])
    return unit(whole.numpy())


def _terms(identity: EncoderIdentity) -> dict[str, Any]:
    """Without the number type: a head trained in float32 serves bfloat16 as well."""
    terms = {name: getattr(identity, name) for name in _BASE}
    return terms | {"revision": identity.revision.split("+")[0]}


def _shapes(head: Mapping[str, torch.Tensor], dims: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """What the arrays must measure, given the hidden layer of the head itself."""
    features, dim, hidden = dims["image"] + dims["look"], dims["image"], len(head.get("bent.0.bias", ()))
    return {
        "weight_of_conse": (),
        "straight.weight": (dim, features),
        "straight.bias": (dim,),
        "bent.0.weight": (hidden, features),
        "bent.0.bias": (hidden,),
        "bent.3.weight": (dim, hidden),
        "bent.3.bias": (dim,),
    }
