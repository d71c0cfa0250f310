"""A folder -> Weaviate."""
