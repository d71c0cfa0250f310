"""The Map: a library as points in two or three dimensions."""
