"""Train a head on top of the specialists on a captioned folder; both towers are locked.

The picture's `image` vector goes through a residual that starts closed, and the captions of the folder's pictures that
look like it are added; words and `look` stay as they are.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from encoder.protocol import Embeddings, Encoder
from encoder.tuned import DESCRIPTION, HEAD, describe, recalled
from evaluation.folder import CaptionedFolder
from pictures.open import Limits, open_image
from training.atomic import write_text, write_whole
from training.features import FeatureCache, text_hashes
from training.finetune.split import Ints, Pairs
from training.heads import ConseResidual
from training.losses import Temperature, info_nce, siglip

LEARNING_RATE = 1e-3
HIDDEN = 256
NOISE = 0.04
"""Deviation of what is added to each number of a picture's unit vectors while training, so that a few hundred pictures
are not learnt by heart (measured on three kinds of drawings: R@10 held out +.02, and a third less lost outside)."""
SHARE = 0.5
"""Of the memory, beside the residual's 1. Measured on four sets of drawings left out of the specialists' training and
memory, three seeds: the mean of R@10 and MRR both ways, held out, rises by .149 with it and .122 without; chosen on
validation instead it would be .143, because fifty pictures are too few to choose by."""
CHUNK = 8


class Head(nn.Module):
    """Features of every picture and caption of the folder are computed once, and kept in `cache`."""

    def __init__(
        self, start: Encoder, folder: CaptionedFolder, limits: Limits, loss: str, cache: Path, seed: int
    ) -> None:
        super().__init__()
        self.identity, self.device = start.identity, torch.device("cpu")
        self.loss_name = "info_nce" if loss == "auto" else loss
        self.learning_rate = LEARNING_RATE
        dim, look = start.identity.dims["image"], start.identity.dims["look"]
        torch.manual_seed(seed)
        self.head = ConseResidual(dim + look, dim, hidden=HIDDEN)
        self.temperature = Temperature()
        self.bias = nn.Parameter(torch.tensor(-10.0), requires_grad=self.loss_name == "siglip")
        self.share: Tensor
        self.register_buffer("share", torch.zeros(()))
        self.all_parameters = sum(parameter.numel() for parameter in self.parameters())
        self._widths = [dim, look]
        self._remembered, self._told = torch.zeros(0, look), torch.zeros(0, dim)

        def look_at(rows: Sequence[int]) -> Embeddings:
            opened = [open_image(folder.pictures[row].path, limits, start.image_side).image for row in rows]
            parts = [start.encode_images(opened[i : i + CHUNK]) for i in range(0, len(opened), CHUNK)]
            return np.concatenate([np.hstack([part["image"], part["look"]]) for part in parts])

        key = f"{start.identity.id}-{start.identity.weights_sha256[:12]}"
        hashes = [picture.sha256 for picture in folder.pictures]
        seen = FeatureCache(cache, f"{key}-pictures").rows(hashes, look_at, progress="the pictures")
        read = FeatureCache(cache, f"{key}-words").rows(
            text_hashes(folder.captions),
            lambda rows: start.encode_texts([folder.captions[row] for row in rows]),
            progress="the captions",
        )
        self._seen, self._read = torch.from_numpy(seen), torch.from_numpy(read)

    def pictures(self, rows: Ints) -> Tensor:
        """Pictures by their index in the folder -> (n, dim), unit rows."""
        parts = torch.split(self._seen[torch.from_numpy(rows)], self._widths, dim=1)
        if self.training:
            parts = tuple(F.normalize(part + NOISE * torch.randn_like(part), dim=1) for part in parts)
        moved: Tensor = self.head(parts[0], torch.cat(parts, dim=1))
        if self.training:  # without the memory, where each picture would find its own caption
            return moved
        own = recalled(parts[1].numpy(), self._remembered.numpy(), self._told.numpy())
        return F.normalize(moved + self.share * torch.from_numpy(own), dim=1)

    def captions(self, rows: Ints) -> Tensor:
        """Captions by their index in the folder -> (n, dim), unit rows."""
        return self._read[torch.from_numpy(rows)]

    def remember(self, pairs: Pairs) -> None:
        """These pictures by their look, with these captions, and no others. Counts from the first step on."""
        self._remembered = self._seen[torch.from_numpy(pairs.pictures)][:, self._widths[0] :]
        self._told = self._read[torch.from_numpy(pairs.captions)]

    @property
    def remembered(self) -> int:
        """Pairs of a picture and a caption that are saved."""
        return len(self._told) if self.share > 0 else 0

    def loss(self, pictures: Ints, captions: Ints, groups: Ints) -> Tensor:
        """Of one batch of pairs; pairs of one group are no negatives of each other."""
        self.share.fill_(SHARE)  # 0 before: the checkpoint that mixing begins from is the start
        same = torch.from_numpy(groups[:, None] == groups[None])
        rows, columns = self.captions(captions), self.pictures(pictures)
        if self.loss_name == "info_nce":
            return info_nce(rows, columns, self.temperature(), same.float())
        return siglip(rows, columns, self.temperature(), self.bias, same)

    def save(self, folder: Path) -> None:
        """As `encoder.tuned` loads it. Raises CannotWrite."""
        write_text(folder / DESCRIPTION, json.dumps(describe(self.identity), indent=1) + "\n")
        arrays = self.head.state_dict() | {
            "memory.look": self._remembered[: self.remembered],
            "memory.words": self._told[: self.remembered],
            "memory.share": self.share,
        }
        arrays = {name: tensor.detach().contiguous().clone() for name, tensor in arrays.items()}

        write_whole(folder / HEAD, lambda part: save_file(arrays, part))
