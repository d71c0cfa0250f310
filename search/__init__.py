"""Questions -> hits."""
