"""Text: timelines of captions and how they are kept. No network, no picture."""
