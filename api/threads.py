"""Threads for what waits for Weaviate, apart from those that all other routes share: thumbnails and the page's own
files are sent while questions hang."""

from anyio import CapacityLimiter

QUESTIONS = CapacityLimiter(40)
ORIGINALS = CapacityLimiter(8)
HEALTH = CapacityLimiter(2)
ZIPS = CapacityLimiter(2)  # copying gigabytes
