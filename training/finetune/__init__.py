"""Tune an encoder to your captioned folder, and measure what that cost elsewhere."""
