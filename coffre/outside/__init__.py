"""The edge: what comes from a customer's machine, the storage host or a pull request, bounded before anybody uses it."""
