"""Storage platforms: the protocols that Coffre uses, and their implementation for Ceph RGW."""
