"""The bank's embeddings, kept in a file for the next process: encoding it takes seconds. Knows no database.

A file belongs to one encoder and one bank of texts. One that cannot be read or written costs the seconds, nothing else.
"""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from encoder.protocol import Encoder
from host.files import write_whole
from host.folders import explain
from search.relevance import Bank, sensible_texts, unrelated_texts

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cut:
    """How the line under likely hits is drawn."""

    false_alarm: float = 0.01
    """The share of unrelated questions that may find something likely."""
    folder: Path | None = None
    """Where the bank's embeddings are kept; None: nowhere."""


def keep_bank(encoder: Encoder, folder: Path | None) -> Bank:
    """From the file, or encoded and written there."""
    if folder is None:
        return Bank.encode(encoder)
    texts = hashlib.sha256("\n".join([*unrelated_texts(), "", *sensible_texts()]).encode()).hexdigest()
    path = folder / f"{encoder.identity.id}-{texts[:8]}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return Bank(arrays["unrelated"], arrays["sensible"])
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        log.info("%s cannot be read (%s); the bank is encoded again", path, error)
    bank = Bank.encode(encoder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda part: _save(part, bank), sync=False)
    except OSError as error:
        log.info("the bank is encoded again next time: %s", explain(error, path))
    return bank


def _save(path: Path, bank: Bank) -> None:
    with path.open("wb") as output:  # to a name, numpy would add its suffix
        np.savez(output, allow_pickle=False, unrelated=bank.unrelated, sensible=bank.sensible)
