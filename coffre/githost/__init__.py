"""The git host of the repository: pull requests, who approved them, comments and statuses."""
