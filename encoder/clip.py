"""Encode with any dual encoder that transformers can load by folder or by name: CLIP, SigLIP, SigLIP 2, or your own.

Safetensors only, and no code from the model's folder is ever run.
"""

import hashlib
import logging
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import HfApi, snapshot_download
from PIL import Image
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer
from transformers.utils import logging as transformers_logging

from encoder.device import revision_of
from encoder.protocol import Embeddings, EncoderIdentity, unit
from encoder.torch_setup import choose_device, choose_dtype, set_threads
from errors import EncoderError, first_line

PREPROCESSING = 1
CPU_CHUNK = 8
HUB_TIMEOUT_S = 10
PATTERNS = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model"]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """What an encoder is made of, for training it further."""

    folder: Path
    model: Any
    processor: Any
    tokenizer: Any
    text_options: Mapping[str, Any]
    device: torch.device


class ClipEncoder:
    def __init__(self, name: str, device: str = "auto", dtype: str = "auto", threads: int = 0) -> None:
        """`name`: a folder, or a model's name on the hub (from the local cache when there is no network)."""
        set_threads(threads)
        transformers_logging.disable_progress_bar()
        self._device, self._dtype = choose_device(device), choose_dtype(dtype)
        self._folder = folder = _find_model(name)
        from_hub = folder.parent.name == "snapshots"
        try:
            dims = self._load(folder)
        except EncoderError:
            raise
        except Exception as error:  # transformers raises whatever its parts raise
            again = f"run: hf download {name} --force-download" if from_hub else "remove it and get the model again"
            raise EncoderError(
                f"The encoder {name!r} cannot be loaded from {folder}: {first_line(error)}. "
                f"If that folder is damaged, {again}."
            ) from error
        self._lock = threading.Lock()
        short = re.sub(r"[^0-9A-Za-z]+", "-", name if from_hub else folder.name).strip("-")
        revision = revision_of(folder.name if from_hub else "local", dtype)
        self._identity = EncoderIdentity(short or "model", revision, _hash_files(folder), PREPROCESSING, dims)

    @property
    def identity(self) -> EncoderIdentity:
        return self._identity

    @property
    def image_side(self) -> int:
        return self._side

    @property
    def parts(self) -> Parts:
        """The model is the encoder's own: who trains it changes what this encoder says."""
        return Parts(self._folder, self._model, self._pixels, self._tokens, self._text_options, self._device)

    def encode_images(self, images: Sequence[Image.Image]) -> dict[str, Embeddings]:
        """`look` is the mean of the vision model's last states, before the projection."""
        size = CPU_CHUNK if self._device.type == "cpu" else max(1, len(images))
        with self._lock:
            parts = [self._encode_images(images[i : i + size]) for i in range(0, len(images), size)]
        dims = self._identity.dims
        return {
            name: np.concatenate([np.zeros((0, dims[name]), np.float32), *(part[name] for part in parts)])
            for name in ("image", "look")
        }

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        with self._lock:
            parts = [self._encode_texts(texts[i : i + 64]) for i in range(0, len(texts), 64)]
        return np.concatenate([np.zeros((0, self._identity.dims["image"]), np.float32), *parts])

    def _load(self, folder: Path) -> dict[str, int]:
        """Gives back the dimensions. `trust_remote_code` everywhere: left out, transformers asks on the terminal."""
        options: Any = {"trust_remote_code": False, "local_files_only": True}
        self._model: Any = AutoModel.from_pretrained(folder, use_safetensors=True, **options)
        if not (hasattr(self._model, "get_image_features") and hasattr(self._model, "get_text_features")):
            raise EncoderError(
                f"{folder} holds a {type(self._model).__name__}, which has no picture and text tower in one space. "
                "Set LOUPE_ENCODER to a CLIP or SigLIP model."
            )
        # Pillow's processor everywhere: the same pixels with and without torchvision.
        self._pixels: Any = AutoImageProcessor.from_pretrained(folder, backend="pil", **options)
        self._tokens: Any = AutoTokenizer.from_pretrained(folder, **options)
        self._model.eval().to(device=self._device, dtype=self._dtype)
        self._text_options = _text_options(self._model.config)
        self._side = _side(self._model.config)
        return self._measure()

    @torch.inference_mode()
    def _encode_images(self, images: Sequence[Image.Image]) -> dict[str, Embeddings]:
        inputs = self._pixels(images=list(images), return_tensors="pt").to(self._device)
        inputs["pixel_values"] = inputs["pixel_values"].to(self._dtype)
        output = self._model.get_image_features(**inputs)
        states = output.last_hidden_state  # (n, tokens, hidden)
        mask = inputs["pixel_attention_mask"] if "pixel_attention_mask" in inputs else torch.ones(states.shape[:2])
        mask = mask.unsqueeze(-1).to(states)  # pictures of different shapes are padded (SigLIP 2 NaFlex)
        return {"image": _rows(output.pooler_output), "look": _rows((states * mask).sum(dim=1) / mask.sum(dim=1))}

    @torch.inference_mode()
    def _encode_texts(self, texts: Sequence[str]) -> Embeddings:
        inputs = self._tokens(list(texts), truncation=True, return_tensors="pt", **self._text_options).to(self._device)
        return _rows(self._model.get_text_features(**inputs).pooler_output)

    def _measure(self) -> dict[str, int]:
        """Dimensions as the model returns them, from one grey picture."""
        rows = self._encode_images([Image.new("RGB", (self._side, self._side), "grey")])
        dim = rows["image"].shape[1]
        return {"image": dim, "caption": dim, "look": rows["look"].shape[1]}


def _rows(tensor: torch.Tensor) -> Embeddings:
    return unit(tensor.float().cpu().numpy())


def _text_options(config: Any) -> Mapping[str, Any]:
    """SigLIP was trained on texts padded to their full length; CLIP's text tower finds the end by itself."""
    length = config.text_config.max_position_embeddings
    return {"max_length": length, "padding": "max_length" if "siglip" in config.model_type else True}


def _side(config: Any) -> int:
    vision = config.vision_config
    side = getattr(vision, "image_size", None)
    return int(side) if isinstance(side, int) else int(vision.num_patches**0.5) * int(vision.patch_size)


def _find_model(name: str) -> Path:
    """The folder of the model. Raises EncoderError with one sentence that says what to do."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _with_safetensors(folder.resolve(), name)
    if folder.is_absolute() or name.startswith("."):
        raise EncoderError(f"LOUPE_ENCODER names the folder {name}, which is not there. Correct it in .env.")
    try:
        return _with_safetensors(_download(name), name)
    except EncoderError:
        raise
    except Exception as error:  # the hub's client raises a dozen kinds; all mean: not to be had
        raise EncoderError(
            f"The encoder {name!r} is neither a folder nor in this machine's model cache, and the hub did not give it "
            f"({first_line(error)}). On a machine with hub access run: hf download {name} --local-dir MODEL; "
            "copy the folder MODEL here and set LOUPE_ENCODER to it. LOUPE_ENCODER=specialists needs no hub."
        ) from error


def _download(name: str) -> Path:
    """From the local cache when it is complete there, else from the hub."""
    try:
        cached = Path(snapshot_download(name, allow_patterns=PATTERNS, local_files_only=True))
        if any(cached.glob("*.safetensors")):
            return cached
    except (OSError, ValueError):
        log.info("%s is not in the model cache; asking the hub", name)
    # snapshot_download waits for a silent hub for ever; this question does not.
    found = HfApi().model_info(name, timeout=HUB_TIMEOUT_S)
    return Path(snapshot_download(name, revision=found.sha, allow_patterns=PATTERNS))


def _with_safetensors(folder: Path, name: str) -> Path:
    if any(folder.glob("*.safetensors")):
        return folder
    pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.pkl") for path in folder.glob(pattern))
    found = f"only {', '.join(pickled)}, which can run code when it is opened" if pickled else "no weights"
    raise EncoderError(
        f"The encoder {name!r} has {found} in {folder}. Loupe opens safetensors and nothing else: save it again with "
        "model.save_pretrained(FOLDER, safe_serialization=True)."
    )


def _hash_files(folder: Path) -> str:
    """Of the weights and of everything beside them that decides pixels and tokens: another mean, another vocabulary."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in PATTERNS for path in folder.glob(pattern)}):
        with path.open("rb") as file:
            digest.update(path.name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
