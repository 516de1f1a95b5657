"""Acronis Cyber Protect Cloud: the typed client of its API. This is the one room that knows the vendor's calls.

`client` opens it. `values` has what the vendor answers, `calls` what it can be asked, `unverified` what nobody has seen
on a real tenant yet. It reads no checkout and prints nothing.
"""
