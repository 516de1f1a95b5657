"""What every S3 platform has in common: clients, errors, listings, buckets, policies and lifecycle rules."""
