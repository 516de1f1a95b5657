"""Signed HTTP to RGW's Admin Ops API, which answers in JSON."""

from typing import Any

from coffre.outside.structured import UnreadableJsonError, read_json, read_json_object
from coffre.storage.ceph.api.faults import error_of
from coffre.storage.s3.answers import ANSWER_BYTES
from coffre.storage.s3.faults import AbsurdAnswerError, S3Error
from coffre.storage.s3.signed_http import Parameters, SignedHttp

MAX_CODE_LENGTH = 100


class AdminHttp(SignedHttp):
    """Signed requests with an administrator's key; safe to use from many threads."""

    def call(self, doing: str, method: str, path: str, parameters: Parameters) -> Any:
        """Make one call and return its JSON (None for an empty answer); ``doing`` names it in the error."""
        answer = self.call_s3(doing, method, path, {**parameters, "format": "json"})
        try:
            return read_json(answer, ANSWER_BYTES, keys_once=False) if answer else None
        except UnreadableJsonError as problem:
            raise AbsurdAnswerError(doing, str(problem)) from problem

    def refusal(self, doing: str, answer: bytes, status: int) -> S3Error:
        try:
            code = read_json_object(answer, ANSWER_BYTES).get("Code")
        except UnreadableJsonError:
            code = None
        if not code:
            return super().refusal(doing, answer, status)
        return error_of(doing, str(code)[:MAX_CODE_LENGTH], status)
