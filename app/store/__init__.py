"""Model files: cards, where they lie, how they come here. Reads safetensors and weights-only state dicts alone."""
