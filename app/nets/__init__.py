"""The networks: torch modules and nothing else. No file is read here."""
