"""The experiments that reproduce claims about embeddings, each with its bars, baselines, seeds, JSON and figure."""
