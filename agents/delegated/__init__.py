"""Attempts that another program carries out: its process, its clocks, and the hand-off to us."""
