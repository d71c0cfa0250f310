"""python -m search "beach + sunset - people": ask the library from the shell."""

import argparse
import json

import assembly
import exits
from schema.collection import open_pictures
from schema.documents import DocumentStore
from search.albums import find
from search.command import of_album, open_files, parse_arguments, query_of, text_of, uuids_of, with_files
from search.results import to_json
from search.searcher import Searcher
from settings import read_settings


def main(arguments: argparse.Namespace) -> int:
    settings = read_settings()
    limits = assembly.limits(settings)
    query = query_of(arguments, limits)
    files = open_files(query, limits)
    with assembly.connected(settings) as client:
        open_pictures(client)  # says at once, before any model is loaded, that there is no library
        encoder = assembly.encoder(settings)
        patience = assembly.patience(settings)
        searcher = Searcher(open_pictures(client, encoder.identity), encoder, patience, assembly.threshold(settings))
        if arguments.album is not None:
            query = of_album(find(DocumentStore(client, "Albums", patience), arguments.album), query)
        query = with_files(query, files, searcher.records(uuids_of(files))) if files else query
        results = searcher.answer(query)
    if arguments.json:
        print(json.dumps(to_json(query, results), ensure_ascii=False))
    else:
        print(text_of(query, results, unlikely=arguments.unlikely, why=arguments.why))
    return exits.Exit.DONE


if __name__ == "__main__":
    exits.run(lambda: main(parse_arguments()))
