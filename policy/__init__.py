"""Judgements: pure functions from records to values with reasons; no input or output."""
