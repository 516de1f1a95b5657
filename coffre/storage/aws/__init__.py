"""Amazon S3 as a kind of platform: IAM for users, S3 for buckets, Pulumi's AWS provider for resources."""
