"""Opens a platform of platform.yaml, and says the vendor's silence as any platform's."""

from collections.abc import Iterator
from contextlib import contextmanager

from coffre.acronis.access import Access
from coffre.acronis.errors import AcronisAwayError
from coffre.acronis.exchange import Exchange
from coffre.acronis.patience import Patience
from coffre.acronis.session import Session
from coffre.storage.values import PlatformAwayError


def open_session(access: Access, patience: Patience | None = None) -> Session:
    """Return the calls of an API client; nothing is asked before the first one."""
    return Session(Exchange(access.data_center.url, access.ca_file), access, patience)


@contextmanager
def vendor_asked() -> Iterator[None]:
    """Say as every kind of storage does that the service is away: what a call did is unknown then."""
    try:
        yield
    except AcronisAwayError as error:
        raise PlatformAwayError(error.message, error.hint) from error
