"""E5 with a real Weaviate in place of the exact search, on a server of its own that ends with it.

    python -m tests.training.experiments.weaviate_index

Records docs/experiments/E5-live.json and its figure.
"""

import tempfile
import uuid
from pathlib import Path

import numpy as np
import weaviate
from weaviate.classes.data import DataObject

from encoder.protocol import Embeddings, EncoderIdentity
from evaluation.library import LiveLibrary
from schema.client import Address, connect
from schema.collection import StorageOptions, ensure_pictures
from server.local_server import HOST, LocalServer, ServerPlan
from settings import PROJECT, Settings
from training.experiments import hard_negatives
from training.experiments.picture_heads import Icons
from training.experiments.run import EXPERIMENTS, Trial, record
from training.negatives import LiveNearest

CLAIM = EXPERIMENTS["E5"][1].rstrip(".") + "; mined from a live Weaviate collection."


def fill(client: weaviate.WeaviateClient, rows: Embeddings) -> LiveNearest:
    """A collection of pictures whose caption vectors are the rows."""
    dim = rows.shape[1]
    identity = EncoderIdentity("rows", "1", "0" * 64, 1, {"image": dim, "caption": dim, "look": 2})
    pictures = ensure_pictures(client, identity, StorageOptions())
    keys = [uuid.uuid5(uuid.NAMESPACE_OID, str(number)) for number in range(len(rows))]
    for start in range(0, len(rows), 500):
        some = [
            DataObject({}, uuid=key, vector={"image": row.tolist(), "caption": row.tolist(), "look": [1.0, 0.0]})
            for key, row in zip(keys[start : start + 500], rows[start : start + 500], strict=True)
        ]
        assert not pictures.collection.data.insert_many(some).errors
    return LiveNearest(LiveLibrary(pictures), "caption", {key: number for number, key in enumerate(keys)})


def main() -> None:
    settings = Settings()
    trial = Trial("E5-live", range(3), False, settings.loupe_cache, PROJECT / "docs" / "experiments")
    with tempfile.TemporaryDirectory() as home:
        plan = ServerPlan(
            home=Path(home),
            cache=settings.loupe_cache,
            version=settings.loupe_weaviate_version,
            http_port=0,
            grpc_port=0,
        )
        server = LocalServer(plan)
        server.start()
        try:
            running = server.running()
            assert running is not None
            client = connect(Address(HOST, running.http_port, HOST, running.grpc_port, api_key=server.api_key()))
            agreed: list[float] = []

            def live(icons: Icons) -> LiveNearest:
                index = fill(client, icons.train.captions)
                agreed.append(agreement(index, icons, 500))
                return index

            command = "python -m tests.training.experiments.weaviate_index"
            result = record(trial, CLAIM, command, lambda trial: hard_negatives.run(trial, live))
            print(result.to_json(), agreed)
            client.close()
        finally:
            server.stop()


def agreement(index: LiveNearest, icons: Icons, questions: int) -> float:
    """The share of the exact 50 nearest captions that the index finds, asked by captions."""
    asking = icons.train.captions[:questions]
    exact, _ = hard_negatives.exact(icons).nearest(asking, 50)
    found, _ = index.nearest(asking, 50)
    return float(np.mean([len(set(a) & set(b)) / 50 for a, b in zip(exact, found, strict=True)]))


if __name__ == "__main__":
    main()
