"""The edge: what comes from machines, the storage host or a pull request, bounded before anybody uses it."""
