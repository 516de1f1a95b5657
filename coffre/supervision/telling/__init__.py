"""Telling: who hears of what supervision finds, when, and how it is sent."""
