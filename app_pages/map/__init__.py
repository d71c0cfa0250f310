"""The page of the Map."""
