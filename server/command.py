"""Does what `python -m server` is asked for: the local Weaviate, and the library in it. A part of that entry point."""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import weaviate
from tqdm import tqdm

import assembly
from errors import Exit, NoLibrary, Unreachable
from host.folders import bytes_in
from host.jobs import StatusFile, hold
from ingest.roots import Roots
from schema.backup import back_up
from schema.backup import restore as restore_backup
from schema.check import Check, mend
from schema.check import check as check_library
from schema.client import Address
from schema.collection import ALIAS, Pictures, delete_library, list_pictures, open_pictures, switch_alias
from schema.indexing import waiting
from settings import Settings, read_settings

NAMED = 20
"""Pictures named one by one at the terminal."""


def start(settings: Settings, arguments: Namespace) -> int:
    if settings.weaviate_url:
        print(f"WEAVIATE_URL is {settings.weaviate_url}: that server is used, and none is started here.")
        return Exit.DONE
    server = assembly.local_server(settings)
    running = server.start()
    if running.to_check:
        with assembly.connected(settings):
            pass
    print(f"Weaviate {running.version} is running at {running.url} (gRPC port {running.grpc_port}).")
    return Exit.DONE


def stop(settings: Settings, arguments: Namespace) -> int:
    print("Weaviate is stopped." if assembly.local_server(settings).stop() else "Weaviate was not running.")
    return Exit.DONE


def status(settings: Settings, arguments: Namespace) -> int:
    try:
        with assembly.attached(settings) as (client, address):
            facts = describe(client, address, settings.loupe_home)
    except Unreachable as error:
        facts = {"running": False, "reason": str(error)}
    print(json.dumps(facts) if arguments.json else text_of(facts))
    return Exit.DONE if facts["running"] else Exit.UNREACHABLE


def reset(settings: Settings, arguments: Namespace) -> int:
    question = "Remove every picture from the library? The files stay as they are; tags given in Loupe are lost."
    if not arguments.yes and not agreed(question):
        print("Nothing was removed.", file=sys.stderr)
        return Exit.USAGE
    home = assembly.make_home(settings)
    with assembly.connected(settings) as client, ExitStack() as held:
        for pictures in list_pictures(client):
            held.enter_context(hold(home, pictures.name))
        delete_library(client)
    StatusFile(home).forget()
    Roots(home).forget()
    assembly.thumbnails(settings).clear()
    print("The library is empty.")
    return Exit.DONE


def switch(settings: Settings, arguments: Namespace) -> int:
    identity = assembly.encoder(settings).identity
    with assembly.connected(settings) as client:
        print(f"The library is now {switch_alias(client, identity).name}.")
    return Exit.DONE


def check(settings: Settings, arguments: Namespace) -> int:
    found = []
    with assembly.connected(settings, mending=False) as client, ExitStack() as held:
        for pictures in list_pictures(client):
            if arguments.mend:
                held.enter_context(hold(assembly.make_home(settings), pictures.name))
            with tqdm(desc=pictures.name, unit=" pictures", disable=None) as bar:
                one = check_library(pictures, on_progress=bar.update)
            found.append(mend(pictures, one) if arguments.mend else one)
    print(json.dumps([one.to_json() for one in found]) if arguments.json else text_of_checks(found))
    return Exit.SOME_FAILED if any(one.unfound for one in found) else Exit.DONE


def backup(settings: Settings, arguments: Namespace) -> int:
    home = assembly.make_home(settings)
    with assembly.connected(settings) as client, ExitStack() as held:
        for pictures in list_pictures(client):
            held.enter_context(hold(home, pictures.name))
        kept = back_up(client, arguments.name)
    folder = own_backup(settings, arguments.name)
    if folder is not None:
        Roots(home).copy_to(folder)
    print(f"Backed up: {', '.join(kept)}, in {folder or 'BACKUP_FILESYSTEM_PATH of the server'}.")
    print("Not in it: your pictures' files, and thumbnails (the next ingest makes them again).")
    return Exit.DONE


def restore(settings: Settings, arguments: Namespace) -> int:
    with assembly.connected(settings) as client:
        restored, left = restore_backup(client, arguments.name)
    print(f"Restored: {', '.join(restored)}.")
    if left:
        print(f"Left as they are, because they are here already: {', '.join(left)}.")
    folder = own_backup(settings, arguments.name)
    if folder is not None:
        Roots(assembly.make_home(settings)).add_from(folder)
    print("Ingest your folders again for the thumbnails; no picture is encoded for that.")
    return Exit.DONE


def own_backup(settings: Settings, name: str) -> Path | None:
    """Where the local server keeps it; None for a server of the user's own, whose disk is not ours."""
    return None if settings.weaviate_url else assembly.local_server(settings).backups / name


COMMANDS = {
    "start": start,
    "stop": stop,
    "status": status,
    "check": check,
    "backup": backup,
    "restore": restore,
    "reset": reset,
    "switch": switch,
}


def run(arguments: Namespace) -> int:
    return COMMANDS[arguments.command](read_settings(), arguments)


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
        lines.append("To mend it: python -m server check --mend")
    return "\n".join(lines)
