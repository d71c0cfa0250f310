"""The pairs that Loupe learns from: packages obtained by name, drawings rendered, phrases, a split by concept."""
