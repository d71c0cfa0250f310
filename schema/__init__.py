"""What is stored, and the server that stores it."""
