"""Run many AI coding agents on one repository; everything that decides is deterministic."""

__version__ = "0.1.0"
