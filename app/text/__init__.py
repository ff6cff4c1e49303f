"""Text: sentences, what is copied, documents, history, typing; timelines of captions. No network, no picture."""
