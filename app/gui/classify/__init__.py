"""The Classify panel: a picture on the left, what networks say of it on the right."""
