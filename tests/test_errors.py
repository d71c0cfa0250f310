"""The tree of errors is the one that is drawn; each knows how a command ends, and how the API answers."""

import re

import pytest

import errors
from api.search import Refused
from errors import Exit, LoupeError
from search.export import ExportError
from search.parser import GrammarError

DRAWN = re.findall(r"^([│├└─ ]*)(\w+)(?:  .*)?$", (errors.__doc__ or "").partition("LoupeError\n")[2], re.MULTILINE)
CODES = {
    "LoupeError": (2, 503), "FolderError": (2, 507), "PictureError": (2, 400), "EncoderError": (4, 503),
    "SchemaError": (3, 503), "HomeError": (2, 503), "NoLibrary": (2, 503), "BackupError": (2, 503),
    "EncoderMismatch": (4, 503), "DocumentError": (2, 400), "NameUnknown": (2, 404), "SearchError": (3, 503),
    "QueryError": (2, 400),
}  # fmt: skip
"""The others have what they derive from."""


def test_the_tree_is_the_one_that_is_drawn() -> None:
    parents = ["LoupeError"]
    for lines, name in DRAWN:
        depth = len(lines) // 4
        del parents[depth:]
        kind = GrammarError if name == "GrammarError" else getattr(errors, name)
        assert kind.__bases__[0].__name__ == parents[-1], name
        parents.append(name)
    assert {name for _, name in DRAWN} >= {kind.__name__ for kind in LoupeError.__subclasses__() if kind is not Refused}


@pytest.mark.parametrize("kind", [LoupeError, *(getattr(errors, n) for _, n in DRAWN if n != "GrammarError")])
def test_an_error_knows_how_a_command_ends_and_how_the_api_answers(kind: type[LoupeError]) -> None:
    nearest = next(one.__name__ for one in kind.__mro__ if one.__name__ in CODES)
    assert (kind.exit, kind.status) == CODES[nearest]
    assert isinstance(kind.exit, Exit) and ExportError.status == 409
