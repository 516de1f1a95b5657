"""`make bench`: how fast Coffre is, each figure beside its floor, the same calls without Coffre."""
