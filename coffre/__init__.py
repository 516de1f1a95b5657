"""Coffre: a managed backup contract, carried out as code."""

__version__ = "0.1.0"
