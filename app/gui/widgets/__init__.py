"""Pieces that all panels share, each made once."""
