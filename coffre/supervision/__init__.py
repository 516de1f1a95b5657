"""Supervision: looks at every tenant every few minutes, judges, acts before the customer is hurt, and tells."""
