"""Adds up the hours in a shift book."""

__version__ = "1.3.0"
