"""A server that is killed, and how well a library is found by its own vectors afterwards."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from uuid import UUID

import numpy as np
import psutil
import weaviate
from weaviate.classes.query import MetadataQuery
from weaviate.collections import Collection

from schema.client import Address, connect
from server.local_server import HOST, LocalServer

TARGETS = ("image", "caption", "look")


def kill(server: LocalServer) -> None:
    """SIGKILL, and its end."""
    running = server.running()
    assert running is not None
    os.kill(running.process.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(running.process.pid)], timeout=10)


def tear(server: LocalServer) -> None:
    """Leave on disk what a kill within a batch can: its objects, nothing of the filters' indexes, and half of the
    vectors' logs."""
    kill(server)
    for log in server.data.glob("*/*/lsm/property_*/*.wal"):
        os.truncate(log, 0)
    for log in server.data.glob("*/*/*.hnsw.commitlog.d/*"):
        os.truncate(log, log.stat().st_size // 2)


@contextmanager
def client_of(server: LocalServer) -> Iterator[weaviate.WeaviateClient]:
    running = server.running()
    assert running is not None
    address = Address(HOST, running.http_port, HOST, running.grpc_port, api_key=server.api_key())
    with closing(connect(address)) as client:
        yield client


def vectors_of(collection: Collection[Any, Any]) -> dict[str, np.ndarray]:
    """Every stored vector, by its name: (pictures, dim)."""
    stored = [one.vector for one in collection.iterator(include_vector=True, return_properties=[])]
    return {name: np.array([vector[name] for vector in stored], dtype=np.float32) for name in TARGETS}


def contents(collection: Collection[Any, Any]) -> dict[UUID, tuple[object, dict[str, bytes]]]:
    """Of every picture its properties and its vectors, bit by bit."""
    return {
        one.uuid: (one.properties, {name: np.array(v, np.float32).tobytes() for name, v in one.vector.items()})
        for one in collection.iterator(include_vector=True)
    }


def recall_at_10(collection: Collection[Any, Any], asked: int = 100) -> dict[str, float]:
    """Of the ten nearest of a stored vector, the share that Weaviate gives; for some of them, in each named vector.

    By distance, because vectors that are alike may stand for each other: what is as near as the exact tenth counts.
    """
    found = {}
    for name, rows in vectors_of(collection).items():
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        chosen = np.random.default_rng(1).choice(len(rows), min(asked, len(rows)), replace=False)
        hits = 0
        for index in chosen:
            tenth = np.sort(1 - rows @ rows[index])[9]
            answer = collection.query.near_vector(
                rows[index].tolist(),
                limit=10,
                target_vector=name,
                return_properties=[],
                return_metadata=MetadataQuery(distance=True),
            )
            hits += sum(float(one.metadata.distance or 0) <= tenth + 1e-5 for one in answer.objects)
        found[name] = hits / (10 * len(chosen))
    return found
