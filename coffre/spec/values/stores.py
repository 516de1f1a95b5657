"""The form of a place in an S3 bucket: s3://BUCKET/PREFIX."""

S3_SCHEME = "s3://"
BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
S3_PLACE = rf"{S3_SCHEME}{BUCKET}(/[A-Za-z0-9_-]([A-Za-z0-9._-]|/(?!/))*)?/?"
