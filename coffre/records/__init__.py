"""The records of each tenant, kept for years: append-only events, daily usage, and the runs of commands."""
