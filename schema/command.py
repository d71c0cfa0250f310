"""What the schema command reads, asks and says."""

import argparse
import sys
from pathlib import Path
from typing import Any

import weaviate

from schema.client import Address
from schema.collection import ALIAS, Pictures, list_pictures, open_pictures
from schema.disk import bytes_in
from schema.errors import NoLibrary

HELP = """\
start   start Weaviate on this machine (built first where it is not there yet) and keep it running
stop    stop it
status  version, address, pictures, encoder, disk
reset   remove every picture from the library
switch  search the collection of the encoder that LOUPE_ENCODER names"""


def parse_arguments(commands: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m schema", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=commands)
    parser.add_argument("--json", action="store_true", help="status: print one JSON object")
    parser.add_argument("--yes", action="store_true", help="reset: do not ask")
    return parser.parse_args()


def agreed(question: str) -> bool:
    """Yes only from a person at a terminal."""
    return sys.stdin.isatty() and input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def describe(client: weaviate.WeaviateClient, address: Address, home: Path) -> dict[str, Any]:
    """The facts of the server and of the library in it."""
    meta = client.get_meta()
    try:
        live = open_pictures(client).name
    except NoLibrary:
        live = None
    return {
        "running": True,
        "version": meta["version"],
        "address": address.url,
        "host": address.http_host,
        "http_port": address.http_port,
        "grpc_port": address.grpc_port,
        "api_key_file": str(home / "api_key") if address.api_key and (home / "api_key").exists() else None,
        "alias": ALIAS,
        "collection": live,
        "collections": [_collection(pictures) for pictures in list_pictures(client)],
        "home": str(home),
        "disk_bytes": bytes_in(home),
    }


def _collection(pictures: Pictures) -> dict[str, Any]:
    count = pictures.collection.aggregate.over_all(total_count=True).total_count
    return {
        "name": pictures.name,
        "pictures": count,
        "encoder": pictures.identity.id,
        "dims": dict(pictures.identity.dims),
        "near_text": pictures.near_text,
    }


def text_of(facts: dict[str, Any]) -> str:
    if not facts["running"]:
        return str(facts["reason"])
    lines = [f"Weaviate {facts['version']} at {facts['address']}"]
    if not facts["collections"]:
        lines.append("There is no library yet. Make one with: python -m ingest FOLDER")
    for each in facts["collections"]:
        mark = "" if each["name"] == facts["collection"] else " (not in use)"
        lines.append(f"{each['name']}{mark}: {each['pictures']} pictures, encoder {each['encoder']}")
        if not each["near_text"]:
            lines.append("  near_text is off: this server has no multi2vec-clip module. Loupe itself does not need it.")
    lines.append(f"{facts['disk_bytes'] / 1e6:.0f} MB in {facts['home']}")
    return "\n".join(lines)
