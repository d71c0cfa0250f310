"""How good a shared space is, in figures that anybody can reproduce."""
