"""The page of recommendation."""
