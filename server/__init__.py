"""The local Weaviate: its binary, its ports, its life."""
