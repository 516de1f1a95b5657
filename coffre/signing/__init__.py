"""Proves who did an act: the repository's trusted keys, signed commits, signed statements. It ignores git settings."""
