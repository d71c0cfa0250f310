"""The library, its albums and profiles, into a backup of Weaviate's and back, by its module backup-filesystem."""

import re
from collections.abc import Sequence

import weaviate
from weaviate.backup.backup import BackupListReturn, BackupStorage
from weaviate.exceptions import BackupFailedException, UnexpectedStatusCodeError, WeaviateBaseError

from errors import BackupError, first_line
from schema.collection import ALIAS, list_pictures
from schema.documents import COLLECTIONS

MODULE = "backup-filesystem"
STORAGE = BackupStorage.FILESYSTEM


def back_up(client: weaviate.WeaviateClient, name: str) -> list[str]:
    """Write a backup; gives back the collections in it. Raises BackupError."""
    _check(client, name)
    kept = [*(pictures.name for pictures in list_pictures(client)), *_named(client)]
    if not kept:
        raise BackupError("There is nothing to back up: no library, no albums. Make one with: python -m ingest FOLDER")
    if name in {one.backup_id for one in _backups(client)}:
        raise BackupError(f"There is a backup {name!r} already. Choose another name.")
    try:
        client.backup.create(name, STORAGE, include_collections=kept, wait_for_completion=True)
    except (BackupFailedException, UnexpectedStatusCodeError) as error:
        raise _failed(f"The backup {name!r} was not made", error) from error
    return kept


def restore(client: weaviate.WeaviateClient, name: str) -> tuple[list[str], list[str]]:
    """Read a backup into a server without a library; gives back what was restored, and which albums and profiles were
    left as they are. Raises BackupError."""
    _check(client, name)
    backups = {one.backup_id: one for one in _backups(client)}
    if name not in backups:
        known = ", ".join(sorted(backups)) or "none"
        raise BackupError(f"There is no backup {name!r}. There are: {known}.")
    if there := list_pictures(client):
        raise BackupError(
            f"There is a library already ({', '.join(pictures.name for pictures in there)}), and a backup is never "
            "mixed with one. Remove it with: python -m server reset (no file of yours is touched), then restore again."
        )
    there_too = _named(client)
    wanted = [one for one in backups[name].collections or () if one not in there_too]
    if not wanted:
        raise BackupError(f"The backup {name!r} holds nothing that is not here already, or was not finished.")
    client.alias.delete(alias_name=ALIAS)
    try:
        client.backup.restore(name, STORAGE, include_collections=wanted, wait_for_completion=True)
    except (BackupFailedException, UnexpectedStatusCodeError) as error:
        raise _failed(f"The backup {name!r} was not restored", error) from error
    return wanted, there_too


def _named(client: weaviate.WeaviateClient) -> list[str]:
    return [name for name in COLLECTIONS.values() if client.collections.exists(name)]


def _backups(client: weaviate.WeaviateClient) -> Sequence[BackupListReturn]:
    try:
        return list(client.backup.list_backups(STORAGE))
    except UnexpectedStatusCodeError as error:
        if "no such file" in str(error):  # before the first backup, Weaviate has no folder for them
            return []
        raise BackupError(f"Weaviate does not list its backups: {first_line(error)}.") from error


def _check(client: weaviate.WeaviateClient, name: str) -> None:
    if not re.fullmatch(r"[a-z0-9_-]{1,100}", name):
        raise BackupError(f"The name of a backup is of a-z, 0-9, - and _, got {name!r}. Choose another one.")
    if MODULE not in client.get_meta().get("modules", {}):
        raise BackupError(
            f"This Weaviate has no module {MODULE}. Add it to ENABLE_MODULES and set BACKUP_FILESYSTEM_PATH, or back "
            "the server up by its own means."
        )


def _failed(what: str, error: WeaviateBaseError) -> BackupError:
    return BackupError(
        f"{what}: {first_line(error)}. Look for room on the server's disk and for its rights to the backups' folder; "
        "a backup that was begun is not finished: choose another name."
    )
