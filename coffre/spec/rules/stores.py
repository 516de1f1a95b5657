"""Rules of the places of state, bundles and records: what several computers share needs a lock between them."""

from collections.abc import Iterator
from typing import Any

from coffre.spec.parsing.lookup import Data, block
from coffre.spec.problems.problems import FileProblem
from coffre.spec.stores import S3Place, find_s3_place

_KEYS = ("state", "secrets", "escrow")


def check_stores(data: Data) -> Iterator[FileProblem]:
    """Return the findings over the places of state, bundles and records."""
    places = {key: place for key in _KEYS if (place := _place(data.get(key))) is not None}
    known = block(data, "stores")
    for key, place in places.items():
        if place.bucket not in known:
            hint = f"add stores: with {place.bucket}: and its endpoint and credential"
            yield FileProblem((key,), f"there is no store of the bucket {place.bucket}", hint)
    if places and str(data.get("records")).startswith("sqlite:"):
        hint = "write env:NAME with a PostgreSQL URL in that variable"
        shared = next(iter(places))
        yield FileProblem(
            ("records",), f"{shared} is in S3, and {{value}} cannot lock a tenant between computers", hint
        )
    if "secrets" in places and "escrow" in places and places["secrets"].bucket == places["escrow"].bucket:
        hint = "name a bucket of another service, or a folder"
        yield FileProblem(("escrow",), "the second copy is in the same bucket as the first one", hint)


def _place(value: Any) -> S3Place | None:
    return find_s3_place(value) if isinstance(value, str) else None
