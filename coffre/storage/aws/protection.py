"""The settings that protect every bucket of Coffre's on AWS, and where AWS makes a bucket."""

from typing import Any

VERSIONING = "Enabled"
OWNERSHIP = "BucketOwnerEnforced"
ENCRYPTION = "AES256"

NOTHING_PUBLIC = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
OWNER_ENFORCED: dict[str, Any] = {"Rules": [{"ObjectOwnership": OWNERSHIP}]}
ENCRYPTED: dict[str, Any] = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": ENCRYPTION}}]}

_REGION_WITHOUT_CONSTRAINT = "us-east-1"


def place_of(region: str) -> dict[str, Any]:
    """Return the arguments by which CreateBucket makes a bucket in a region; one region is never named. Pure."""
    if region == _REGION_WITHOUT_CONSTRAINT:
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}
