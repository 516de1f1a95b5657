"""Asks AWS whether it accepts an access key, and waits until a new one is accepted or a deleted one refused."""

from coffre.storage.aws.faults import aws_errors
from coffre.storage.aws.session import AwsSession
from coffre.storage.s3.answers import reading, word
from coffre.storage.s3.client import make_client
from coffre.storage.s3.faults import AccessRefusedError, UnknownKeyError, s3_errors
from coffre.storage.values import AccessKey


def find_arn(session: AwsSession, key: AccessKey) -> str:
    """Return the ARN of a key's user, which needs no right; UnknownKeyError for an unknown or inactive key."""
    doing, sts = f"ask whose access key {key.access_key_id} is", session.client_of("sts", key)
    with aws_errors(doing, sts.meta.endpoint_url):
        answer = sts.get_caller_identity()
    with reading(doing):
        return word(answer["Arn"])


def is_known(session: AwsSession, key: AccessKey) -> bool:
    """Tell whether AWS's token service accepts a key."""
    try:
        find_arn(session, key)
    except UnknownKeyError:
        return False
    return True


def is_known_to_s3(session: AwsSession, key: AccessKey) -> bool:
    """Tell whether S3 accepts a key; a user without this right is refused in another way than an unknown key."""
    client = make_client(session.endpoint, key)
    try:
        with s3_errors(f"use access key {key.access_key_id}", session.endpoint.url):
            client.list_buckets(MaxBuckets=1)
    except UnknownKeyError:
        return False
    except AccessRefusedError as refusal:
        return refusal.code == "AccessDenied"
    return True
