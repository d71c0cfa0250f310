"""What programs are served: the HTTP API, originals, thumbnails, downloads; and the live connection behind it."""
