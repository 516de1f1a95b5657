"""Who did it, proved: the keys that a repository knows, signed commits, signed statements. No git settings count."""
