"""The Pulumi program: one component file per kind of platform, resources only, no logic."""
