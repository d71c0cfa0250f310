"""What the schema command reads, asks and says."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import weaviate

from errors import NoLibrary
from host.folders import bytes_in
from schema.check import Check
from schema.client import Address
from schema.collection import ALIAS, Pictures, list_pictures, open_pictures
from schema.indexing import waiting

HELP = """\
start   start Weaviate on this machine (built first where it is not there yet) and keep it running
stop    stop it
status  version, address, pictures, encoder, disk
check   whether every picture is found by its own vectors; with --mend, put those that are not into the index again
backup  NAME: write the library, albums and profiles into a backup of that name
restore NAME: read it into a server that has no library
reset   remove every picture from the library
switch  search the collection of the encoder that LOUPE_ENCODER names"""


NAMED = 20
"""Pictures named one by one at the terminal."""


def parse_arguments(commands: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m schema", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=commands)
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="backup, restore: of the backup")
    parser.add_argument("--json", action="store_true", help="status, check: print JSON")
    parser.add_argument("--mend", action="store_true", help="check: mend what is not found")
    parser.add_argument("--yes", action="store_true", help="reset: do not ask")
    return parser.parse_args()


def agreed(question: str) -> bool:
    """Yes only from a person at a terminal; ctrl-D is no."""
    if not sys.stdin.isatty():
        print(f"{question} Not done, because nobody can be asked here; add --yes to agree.", file=sys.stderr)
        return False
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print(file=sys.stderr)
        return False


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
        "waiting": waiting(pictures.collection),
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
        if each["waiting"]:
            lines.append(
                f"  {each['waiting']:,} vectors wait to be indexed (ASYNC_INDEXING); until then they find nothing."
            )
        if not each["near_text"]:
            lines.append("  near_text is off: this server has no multi2vec-clip module. Loupe itself does not need it.")
    lines.append(f"{facts['disk_bytes'] / 1e6:.0f} MB in {facts['home']}")
    return "\n".join(lines)


def text_of_checks(checks: Sequence[Check]) -> str:
    if not checks:
        return "There is no library yet. Make one with: python -m ingest FOLDER"
    lines = []
    for one in checks:
        lines.append(str(one))
        lines += [f"  {item.path or item.uuid}: {', '.join(item.vectors)}" for item in one.unfound[:NAMED]]
        if len(one.unfound) > NAMED:
            lines.append(f"  and {len(one.unfound) - NAMED:,} more; --json names them all")
    if any(one.unfound and not one.mended for one in checks):
        lines.append("To mend it: python -m schema check --mend")
    return "\n".join(lines)
