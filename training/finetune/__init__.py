"""Your captioned folder -> an encoder that knows it better, and what that cost elsewhere."""
