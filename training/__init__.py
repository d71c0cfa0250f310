"""Puts pictures and words into one space: samples, losses, heads, negatives, one loop, and the recipes made of them."""
