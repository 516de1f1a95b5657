"""Turns the errors of AWS's services inside a check into Coffre's."""

from collections.abc import Iterator
from contextlib import contextmanager

from coffre.storage.s3.faults import AbsurdAnswerError, s3_errors


@contextmanager
def aws_errors(doing: str, url: str) -> Iterator[None]:
    """Turn botocore's errors inside the block into ours, also that of an answer in no format of AWS's."""
    from botocore.parsers import ResponseParserError

    try:
        with s3_errors(doing, url):
            yield
    except ResponseParserError as error:
        raise AbsurdAnswerError(doing, "it is not in a format of AWS's") from error
