"""Train a transformers dual encoder (CLIP, SigLIP, SigLIP 2) on a captioned folder: what learns and what is locked, its
embeddings by index, its loss, and saving it as a plain transformers folder."""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from encoder.clip import PATTERNS, ClipEncoder
from encoder.protocol import EncoderIdentity
from errors import TrainingError
from evaluation.folder import CaptionedFolder
from pictures.open import Limits, open_image
from training.atomic import write_whole
from training.features import FeatureCache, text_hashes
from training.finetune.config import parse_train
from training.finetune.split import Ints
from training.losses import info_nce, siglip

LOSSES = {"clip": "info_nce", "siglip": "siglip", "siglip2": "siglip"}
"""Model family -> the loss that it was trained with."""
LEARNING_RATES = {"whole": 1e-5, "last": 3e-5, "projection": 1e-3}
HIGHEST_SCALE = 100.0
CHUNK = 16
"""Pictures or texts at a time where no gradient is needed."""
KEPT_PIXELS_MB = 2048
"""Pictures ready for the model are kept in memory up to here, and decoded again in each epoch beyond."""
_PROJECTIONS = ("visual_projection.", "text_projection.", "vision_model.head.", "text_model.head.")
_NORMS = ("vision_model.post_layernorm.", "text_model.final_layer_norm.")


def tower_of(parameter: str) -> str:
    """`vision`, `text`, or "" for what both share (the logit scale and bias)."""
    return "vision" if parameter.startswith("vis") else "text" if parameter.startswith("text") else ""


def trained_parameters(names: Iterable[str], train: str, lock: str) -> list[str]:
    """Which of a model's parameters learn. Raises TrainingError for more layers than a tower has."""
    kind, wanted = parse_train(train)
    names = list(names)
    chosen = [name for name in names if not tower_of(name)]
    for tower in ("vision", "text"):
        own = [name for name in names if tower_of(name) == tower and tower != lock]
        layers = {name: int(found[1]) for name in own if (found := re.search(r"\.encoder\.layers\.(\d+)\.", name))}
        depth = max(layers.values(), default=-1) + 1
        if own and wanted > depth:
            raise TrainingError(f"--train is {train!r}, but the {tower} tower has {depth} layers. Take last:{depth}.")
        late = (*_PROJECTIONS, *_NORMS) if kind == "last" else _PROJECTIONS
        chosen += [
            name
            for name in own
            if kind == "whole" or name.startswith(late) or layers.get(name, -1) >= max(depth - wanted, 0)
        ]
    return chosen


class Dual(nn.Module):
    """Its parameters are those that learn, and no others: a checkpoint holds nothing that is locked."""

    def __init__(
        self,
        start: ClipEncoder,
        folder: CaptionedFolder,
        limits: Limits,
        train: str,
        lock: str,
        loss: str,
        cache: Path,
    ) -> None:
        super().__init__()
        parts = start.parts
        self._parts, self.device = parts, parts.device
        self._limits, self._side = limits, start.image_side
        self.identity: EncoderIdentity = start.identity
        self._paths, self._texts = [picture.path for picture in folder.pictures], folder.captions
        family = str(self.model.config.model_type)
        if family not in LOSSES:
            raise TrainingError(
                f"{parts.folder} holds a {type(self.model).__name__}; only {', '.join(LOSSES)} can be fine-tuned here."
            )
        self.loss_name = LOSSES[family] if loss == "auto" else loss
        self.learning_rate = LEARNING_RATES[parse_train(train)[0]]
        parameters = dict(self.model.named_parameters())
        chosen = trained_parameters(parameters, train, lock)
        for name, parameter in parameters.items():
            parameter.requires_grad_(name in chosen)
        self.all_parameters = sum(parameter.numel() for parameter in parameters.values())
        self.learned = nn.ParameterDict({name.replace(".", "/"): parameters[name] for name in chosen})
        if self.loss_name == "siglip" and not hasattr(self.model, "logit_bias"):
            self.learned["bias of the loss"] = nn.Parameter(torch.tensor(-10.0, device=self.device))
        self._ready: dict[int, Mapping[str, Tensor]] = {}
        hashes = {"vision": [picture.sha256 for picture in folder.pictures], "text": text_hashes(self._texts)}
        self._frozen: dict[str, Tensor] = {}
        """Tower -> what its frozen part says, (n, d); the rest of the tower, if any, is `_projection`."""
        for tower in ("vision", "text"):
            if lock == tower or (train == "projection" and family == "clip"):
                self._frozen[tower] = self._run_once(tower, tower == lock, hashes[tower], cache)
        self._locked = lock

    @property
    def model(self) -> Any:
        """All of it. Held in `_parts`, since an attribute of its own would make its parameters this module's."""
        return self._parts.model

    def pictures(self, rows: Ints) -> Tensor:
        """Pictures by their index in the folder -> (n, d), not normalised."""
        return self._embed("vision", rows)

    def captions(self, rows: Ints) -> Tensor:
        """Captions, likewise."""
        return self._embed("text", rows)

    def loss(self, pictures: Ints, captions: Ints, groups: Ints) -> Tensor:
        """Of one batch of pairs; pairs of one group are no negatives of each other."""
        scale = self.model.logit_scale
        same = torch.from_numpy(groups[:, None] == groups[None]).to(self.device)
        rows, columns = self.captions(captions), self.pictures(pictures)
        if self.loss_name == "info_nce":
            with torch.no_grad():
                scale.clamp_(max=float(np.log(HIGHEST_SCALE)))
            return info_nce(rows, columns, scale.exp(), same.float())
        bias = self.learned["bias of the loss"] if "bias of the loss" in self.learned else self.model.logit_bias
        return siglip(rows, columns, scale.exp(), bias, same)

    def save(self, folder: Path) -> None:
        """Weights, configuration, processor and tokenizer, as `LOUPE_ENCODER` loads them. Raises CannotWrite."""
        for abandoned in folder.glob(".export-*"):  # by a kill; two never save here at a time
            shutil.rmtree(abandoned, ignore_errors=True)
        beside = {path for pattern in PATTERNS for path in self._parts.folder.glob(pattern)}
        for path in sorted(beside):
            if path.name != "config.json" and not path.name.endswith((".safetensors", ".safetensors.index.json")):
                write_whole(folder / path.name, lambda part, path=path: shutil.copyfile(path, part))  # type: ignore[misc]
        for name in ("config.json", "model.safetensors"):
            write_whole(folder / name, lambda part, name=name: self._export(part, name))  # type: ignore[misc]

    def _export(self, part: Path, name: str) -> None:
        with tempfile.TemporaryDirectory(dir=part.parent, prefix=".export-") as place:
            (self.model.config if name == "config.json" else self.model).save_pretrained(place)
            if name != "config.json":
                shutil.copymode(Path(place) / "config.json", Path(place) / name)  # not for its owner alone
            (Path(place) / name).replace(part)

    def _embed(self, tower: str, rows: Ints) -> Tensor:
        if tower not in self._frozen:
            return self._whole(tower, rows)
        frozen = self._frozen[tower][torch.from_numpy(rows).to(self.device)]
        return frozen if tower == self._locked else self._projection(tower)(frozen)

    def _whole(self, tower: str, rows: Sequence[int] | Ints) -> Tensor:
        inputs = self._inputs(tower, rows)
        encode = self.model.get_image_features if tower == "vision" else self.model.get_text_features
        embedded: Tensor = encode(**inputs).pooler_output
        return embedded

    def _trunk(self, tower: str, rows: Sequence[int]) -> Tensor:
        """All of a CLIP tower before its projection."""
        model = self.model.vision_model if tower == "vision" else self.model.text_model
        pooled: Tensor = model(**self._inputs(tower, rows)).pooler_output
        return pooled

    def _projection(self, tower: str) -> Callable[[Tensor], Tensor]:
        return self.model.visual_projection if tower == "vision" else self.model.text_projection  # type: ignore[no-any-return]

    def _run_once(self, tower: str, is_locked: bool, hashes: Sequence[str], cache: Path) -> Tensor:
        run = self._whole if is_locked else self._trunk
        key = f"{self.identity.id}-{self.identity.weights_sha256[:12]}-{tower}{'' if is_locked else '-pooled'}"

        @torch.no_grad()
        def compute(rows: Sequence[int]) -> np.ndarray[Any, np.dtype[np.float32]]:
            parts = [run(tower, rows[i : i + CHUNK]).float().cpu() for i in range(0, len(rows), CHUNK)]
            return torch.cat(parts).numpy()

        rows = FeatureCache(cache, key).rows(hashes, compute, progress=f"the locked {tower} tower")
        return torch.from_numpy(rows).to(self.device)

    def _inputs(self, tower: str, rows: Sequence[int] | Ints) -> Mapping[str, Tensor]:
        if tower == "text":
            texts = [self._texts[int(row)] for row in rows]
            tokens: Any = self._parts.tokenizer(texts, truncation=True, return_tensors="pt", **self._parts.text_options)
            return tokens.to(self.device)  # type: ignore[no-any-return]
        prepared = [self._pixels(int(row)) for row in rows]
        return {name: torch.cat([one[name] for one in prepared]).to(self.device) for name in prepared[0]}

    def _pixels(self, row: int) -> Mapping[str, Tensor]:
        if row not in self._ready:
            image = open_image(self._paths[row], self._limits, self._side).image
            inputs: Mapping[str, Tensor] = dict(self._parts.processor(images=[image], return_tensors="pt"))
            size = sum(tensor.numel() * tensor.element_size() for tensor in inputs.values())
            if size * len(self._ready) > KEPT_PIXELS_MB * 1e6:
                return inputs
            self._ready[row] = inputs
        return self._ready[row]
