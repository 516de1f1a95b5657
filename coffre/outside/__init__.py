"""Limits and checks for data from machines, the storage host or a pull request, before any use."""
