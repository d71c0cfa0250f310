"""Pictures and words -> unit vectors in one space."""
