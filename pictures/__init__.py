"""One picture file: opened, described, shrunk. The same decode for a stored picture and for one that asks."""
