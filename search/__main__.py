"""python -m search "red bicycle": ask the library from the shell."""

import argparse
import json

import assembly
import exits
from schema.collection import open_pictures
from search.command import parse_arguments, query_of, text_of
from search.searcher import Searcher
from settings import read_settings


def main(arguments: argparse.Namespace) -> int:
    settings = read_settings()
    query = query_of(arguments, assembly.limits(settings))
    with assembly.connected(settings) as client:
        open_pictures(client)  # says at once, before any model is loaded, that there is no library
        encoder = assembly.encoder(settings)
        searcher = Searcher(open_pictures(client, encoder.identity), encoder, assembly.remedy(settings))
        results = searcher.search(query)
    print(json.dumps(results.to_json(), ensure_ascii=False) if arguments.json else text_of(results))
    return exits.Exit.DONE


if __name__ == "__main__":
    arguments = parse_arguments()
    exits.run(lambda: main(arguments))
