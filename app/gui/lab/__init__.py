"""The bypass laboratory in the window: what is asked for, what is drawn, and what is said about it."""
