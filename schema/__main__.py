"""python -m schema start|stop|status|check|backup|restore|reset|switch: the local Weaviate, and the library in it."""

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path

from tqdm import tqdm

import assembly
import exits
from errors import Unreachable
from host.jobs import StatusFile, hold
from ingest.roots import Roots
from schema.backup import back_up
from schema.backup import restore as restore_backup
from schema.check import check as check_library
from schema.check import mend
from schema.collection import delete_library, list_pictures, switch_alias
from schema.command import agreed, describe, parse_arguments, text_of, text_of_checks
from settings import Settings, read_settings


def start(settings: Settings, arguments: argparse.Namespace) -> int:
    if settings.weaviate_url:
        print(f"WEAVIATE_URL is {settings.weaviate_url}: that server is used, and none is started here.")
        return exits.Exit.DONE
    server = assembly.local_server(settings)
    running = server.start()
    if running.to_check:
        with assembly.connected(settings):
            pass
    print(f"Weaviate {running.version} is running at {running.url} (gRPC port {running.grpc_port}).")
    return exits.Exit.DONE


def stop(settings: Settings, arguments: argparse.Namespace) -> int:
    print("Weaviate is stopped." if assembly.local_server(settings).stop() else "Weaviate was not running.")
    return exits.Exit.DONE


def status(settings: Settings, arguments: argparse.Namespace) -> int:
    try:
        with assembly.attached(settings) as (client, address):
            facts = describe(client, address, settings.loupe_home)
    except Unreachable as error:
        facts = {"running": False, "reason": str(error)}
    print(json.dumps(facts) if arguments.json else text_of(facts))
    return exits.Exit.DONE if facts["running"] else exits.Exit.UNREACHABLE


def reset(settings: Settings, arguments: argparse.Namespace) -> int:
    question = "Remove every picture from the library? The files stay as they are; tags given in Loupe are lost."
    if not arguments.yes and not agreed(question):
        print("Nothing was removed.", file=sys.stderr)
        return exits.Exit.USAGE
    home = assembly.make_home(settings)
    with assembly.connected(settings) as client, ExitStack() as held:
        for pictures in list_pictures(client):
            held.enter_context(hold(home, pictures.name))
        delete_library(client)
    StatusFile(home).forget()
    Roots(home).forget()
    assembly.thumbnails(settings).clear()
    print("The library is empty.")
    return exits.Exit.DONE


def switch(settings: Settings, arguments: argparse.Namespace) -> int:
    identity = assembly.encoder(settings).identity
    with assembly.connected(settings) as client:
        print(f"The library is now {switch_alias(client, identity).name}.")
    return exits.Exit.DONE


def check(settings: Settings, arguments: argparse.Namespace) -> int:
    found = []
    with assembly.connected(settings, mending=False) as client, ExitStack() as held:
        for pictures in list_pictures(client):
            if arguments.mend:
                held.enter_context(hold(assembly.make_home(settings), pictures.name))
            with tqdm(desc=pictures.name, unit=" pictures", disable=None) as bar:
                one = check_library(pictures, on_progress=bar.update)
            found.append(mend(pictures, one) if arguments.mend else one)
    print(json.dumps([one.to_json() for one in found]) if arguments.json else text_of_checks(found))
    return exits.Exit.SOME_FAILED if any(one.unfound for one in found) else exits.Exit.DONE


def backup(settings: Settings, arguments: argparse.Namespace) -> int:
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
    return exits.Exit.DONE


def restore(settings: Settings, arguments: argparse.Namespace) -> int:
    with assembly.connected(settings) as client:
        restored, left = restore_backup(client, arguments.name)
    print(f"Restored: {', '.join(restored)}.")
    if left:
        print(f"Left as they are, because they are here already: {', '.join(left)}.")
    folder = own_backup(settings, arguments.name)
    if folder is not None:
        Roots(assembly.make_home(settings)).add_from(folder)
    print("Ingest your folders again for the thumbnails; no picture is encoded for that.")
    return exits.Exit.DONE


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


def main(arguments: argparse.Namespace) -> int:
    return COMMANDS[arguments.command](read_settings(), arguments)


if __name__ == "__main__":
    exits.run(lambda: main(parse_arguments(list(COMMANDS))))
