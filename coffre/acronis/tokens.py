"""The tokens of one API client: taken once, renewed in time, given up when the service refuses them.

A token for one customer is exchanged against the client's own one and ends with it. No token is in an error, a log or a
repr. Safe to use from many threads: one of them renews, the others wait for it.
"""

import threading
import time
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from coffre.acronis.access import Access
from coffre.acronis.data_center import ACCOUNT, path
from coffre.acronis.errors import AcronisError, CredentialRefusedError, error_of
from coffre.acronis.exchange import Answer, Exchange, Question, absurd, read_answer
from coffre.acronis.identifiers import ClientId, TenantUuid
from coffre.acronis.unverified.account import TOKEN_PATH

RENEWED_BEFORE_SECONDS = 15 * 60.0
_EXCHANGE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_MAX_CUSTOMERS = 1000

Ask = Callable[[Question, Callable[[], str]], Answer]
"""Sends a question with an authorization, as often as it takes."""


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    access_token: SecretStr = Field(min_length=1, max_length=16 * 1024)
    expires_in: float = Field(default=7200.0, gt=0, le=366 * 86400.0)


@dataclass(frozen=True)
class Token:
    """A token, and when it is to be renewed by this computer's monotonic clock."""

    value: SecretStr
    renewed_at: float

    def header(self) -> str:
        """Return it as the value of an Authorization header."""
        return f"Bearer {self.value.get_secret_value()}"


class Tokens:
    """The tokens of one API client; ``ask`` is how they are asked for."""

    def __init__(
        self, access: Access, exchange: Exchange, ask: Ask, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._access, self._url, self._ask, self._clock = access, exchange.url, ask, clock
        self._guard = threading.RLock()
        self._own: Token | None = None
        self._customers: OrderedDict[TenantUuid, Token] = OrderedDict()
        self._failure: tuple[float, AcronisError] | None = None

    def take(self, customer: TenantUuid | None = None) -> Token:
        """Return a valid token, of the client itself or for one customer; CredentialRefusedError without one."""
        began = self._clock()
        with self._guard:
            if self._failure is not None and self._failure[0] > began:
                raise self._failure[1].with_traceback(None)  # another thread tried it while this one waited
            try:
                return self._take_own() if customer is None else self._take_for(customer)
            except AcronisError as error:
                self._failure = (self._clock(), error)
                raise

    def drop(self, refused: Token) -> None:
        """Forget the tokens after one of them was refused. A token that was replaced meanwhile changes nothing."""
        with self._guard:
            if refused is self._own or any(refused is each for each in self._customers.values()):
                self._forget()

    def conceal(self, text: str) -> str:
        """Return a text without the secret and the tokens, should somebody have written them into it."""
        with self._guard:
            tokens = [each.value for each in (self._own, *self._customers.values()) if each is not None]
        for secret in (self._access.client_secret, *tokens):
            if secret.get_secret_value():
                text = text.replace(secret.get_secret_value(), "[concealed]")
        return text

    def _forget(self) -> None:
        self._own = None
        self._customers.clear()

    def _take_own(self) -> Token:
        if self._own is None or self._clock() >= self._own.renewed_at:
            self._forget()
            doing = f"take a token for the API client {self._access.client_id}"
            self._own = self._take_new(doing, {"grant_type": "client_credentials"}, self._account)
        return self._own

    def _take_for(self, customer: TenantUuid) -> Token:
        own = self._take_own()  # may drop all others
        held = self._customers.get(customer)
        if held is None or self._clock() >= held.renewed_at:
            try:
                held = self._exchange_for(customer, own)
            except CredentialRefusedError:
                self._forget()  # the client's own token was ended early
                held = self._exchange_for(customer, self._take_own())
            self._customers[customer] = held
        self._customers.move_to_end(customer)
        while len(self._customers) > _MAX_CUSTOMERS:
            self._customers.popitem(last=False)
        return held

    def _exchange_for(self, customer: TenantUuid, own: Token) -> Token:
        scope = f"urn:acronis.com:tenant-id:{TenantUuid.text(customer)}"
        form = {"grant_type": _EXCHANGE, "assertion": own.value.get_secret_value(), "scope": scope}
        given = self._take_new(f"take a token for the tenant {customer}", form, own.header)
        return Token(given.value, min(given.renewed_at, own.renewed_at))

    def _take_new(self, doing: str, form: Mapping[str, str], authorization: Callable[[], str]) -> Token:
        question = Question(doing, "POST", path(ACCOUNT, *TOKEN_PATH.value), form=form)
        began = self._clock()
        answer = self._ask(question, authorization)
        if answer.status >= 300:
            raise self._refused(doing, answer)
        try:
            given = _Given.model_validate(read_answer(question, answer, self._url))
        except ValidationError:
            raise absurd(doing, self._url, "it has no token", answer.status) from None
        return Token(given.access_token, began + max(given.expires_in - RENEWED_BEFORE_SECONDS, given.expires_in / 2))

    def _refused(self, doing: str, answer: Answer) -> AcronisError:
        error = error_of(doing, answer.status, answer.body, self.conceal)
        if answer.status == 400 and error.code in ("invalid_client", "unauthorized_client", "invalid_grant"):
            return CredentialRefusedError(
                error.message,
                "Check in the vendor's portal that the API client is enabled, and its secret.",
                status=400,
            )
        return error

    def _account(self) -> str:
        client = ClientId.text(self._access.client_id)
        return f"Basic {b64encode(f'{client}:{self._access.client_secret.get_secret_value()}'.encode()).decode()}"
