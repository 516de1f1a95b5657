"""The Pulumi program: one component file a platform kind, resources only, no logic."""
