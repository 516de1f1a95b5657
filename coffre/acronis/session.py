"""Calls of one API client: with a valid token, tried again where that is safe, pages read to their end."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from coffre.acronis.access import Access
from coffre.acronis.errors import (
    AcronisAwayError,
    CredentialRefusedError,
    error_of,
    read_retry_after,
)
from coffre.acronis.exchange import Answer, Exchange, NoAnswerError, NotSentError, Query, Question, absurd, read_answer
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.patience import Effect, Patience, WaitingError
from coffre.acronis.tokens import Tokens
from coffre.workspace import fence

PAGE_SIZE = 500
MAX_PAGES = 1000
_CURSOR_CHARACTERS = 16 * 1024

_Part = TypeVar("_Part", bound=BaseModel)


class Session:
    """Calls as an API client, or as it acts inside one customer; safe to use from many threads."""

    def __init__(
        self,
        exchange: Exchange,
        access: Access,
        patience: Patience | None = None,
        *,
        tokens: Tokens | None = None,
        customer: TenantUuid | None = None,
    ) -> None:
        self._exchange, self._access = exchange, access
        self._patience = patience or Patience()
        self._tokens = tokens or Tokens(access, exchange, self._ask_for_token)
        self.customer = customer

    @property
    def url(self) -> str:
        """The address of the data center."""
        return self._exchange.url

    @property
    def access(self) -> Access:
        """What it was opened with."""
        return self._access

    def within(self, customer: TenantUuid) -> "Session":
        """Return the calls of the same client that act inside one customer; connections and tokens are shared."""
        TenantUuid.text(customer)
        return Session(self._exchange, self._access, self._patience, tokens=self._tokens, customer=customer)

    def close(self) -> None:
        """End the connections."""
        self._exchange.close()

    def read(self, doing: str, path: str, query: Query | None = None) -> Any:
        """Return the JSON at a path; AcronisError when the service says no."""
        return self._call(Question(doing, "GET", path, query or {}), Effect.READS)

    def set(self, doing: str, method: str, path: str, query: Query | None = None, body: Any = None) -> Any:
        """Make a change that may be sent twice, and return its JSON, None without one."""
        return self._call(Question(doing, method, path, query or {}, body), Effect.SETS)

    def create(self, doing: str, path: str, body: Any = None) -> Any:
        """Make a POST that creates something; OutcomeUnknownError when its answer was lost."""
        return self._call(Question(doing, "POST", path, {}, body), Effect.CREATES)

    def whole(self, question: Question) -> bytes:
        """Return the body of an answer that is not JSON, like a report."""
        answer = self.answer(question)
        if answer.status >= 300:
            raise error_of(question.doing, answer.status, answer.body, self._tokens.conceal)
        return answer.body

    def answer(self, question: Question, effect: Effect = Effect.READS) -> Answer:
        """Return the answer to a question, of any status but those that mean another attempt."""

        def attempt() -> Answer:
            if effect is not Effect.READS:
                fence.check()  # before each: the lock may be lost while the service has Coffre wait
            return self._ask_with_token(question)

        return self._patience.run(effect, attempt)

    def read_open(self, doing: str, path: str) -> Any:
        """Return the JSON at a path that needs no token."""
        question = Question(doing, "GET", path)
        answer = self._patience.run(Effect.READS, lambda: self._checked(question, self._exchange.ask(question)))
        return self._value(question, answer)

    def pages(self, doing: str, path: str, query: Query | None = None) -> Iterator[Any]:
        """Yield the items of every page of a listing. A cursor has the filters in it: it is sent alone."""
        after: str | None = None
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            asked: Query = (query or {}) if after is None else {"after": after}
            page = self.read(doing, path, {**asked, "limit": PAGE_SIZE})
            yield from self.items_of(doing, page)
            after = self._next_of(doing, page)
            if after is None:
                return
            if after in seen:
                raise absurd(doing, self.url, "its pages go round in a circle")
            seen.add(after)
        raise absurd(doing, self.url, f"it has more than {MAX_PAGES} pages")

    def items_of(self, doing: str, page: Any) -> list[Any]:
        """Return the items of an answer that is a list."""
        items = page.get("items") if isinstance(page, dict) else None
        if not isinstance(items, list):
            raise absurd(doing, self.url, "it has no items")
        return items

    def part(self, doing: str, kind: type[_Part], value: Any) -> _Part:
        """Return an answer as its type; AbsurdAnswerError for another one."""
        try:
            return TypeAdapter(kind).validate_python(value)
        except ValidationError as error:
            del value  # a token may be in it, and tracebacks can have the values of their frames
            where = ".".join(str(each) for each in error.errors(include_input=False)[0]["loc"])[:100]
            raise absurd(doing, self.url, f"its field {where.encode('ascii', 'replace').decode()} is wrong") from None

    def parts(self, doing: str, kind: type[_Part], values: list[Any] | Iterator[Any]) -> Iterator[_Part]:
        """Yield the items of a listing as their type."""
        for value in values:
            yield self.part(doing, kind, value)

    def _next_of(self, doing: str, page: Any) -> str | None:
        paging = page.get("paging") if isinstance(page, dict) else None
        cursors = paging.get("cursors") if isinstance(paging, dict) else None
        after = cursors.get("after") if isinstance(cursors, dict) else None
        if after is None or after == "":
            return None
        if not isinstance(after, str) or len(after) > _CURSOR_CHARACTERS:
            raise absurd(doing, self.url, "its cursor is not one")
        return after

    def _call(self, question: Question, effect: Effect) -> Any:
        answer = self.answer(question, effect)
        return self._value(question, answer)

    def _value(self, question: Question, answer: Answer) -> Any:
        if answer.status >= 300:
            raise error_of(question.doing, answer.status, answer.body, self._tokens.conceal)
        return read_answer(question, answer, self.url)

    def _ask_with_token(self, question: Question) -> Answer:
        """Ask with the token at hand, and once more with a new one when the service refuses that."""
        token = self._tokens.take(self.customer)
        answer = self._exchange.ask(question, token.header)
        if answer.status == 401:
            self._tokens.drop(token)
            token = self._tokens.take(self.customer)
            answer = self._exchange.ask(question, token.header)
        return self._checked(question, answer)

    def _ask_for_token(self, question: Question, authorization: Callable[[], str]) -> Answer:
        """Ask for a token. Without one nothing was sent of the call that wants it, so its error is of neither kind."""
        try:
            return self._patience.run(
                Effect.READS, lambda: self._checked(question, self._exchange.ask(question, authorization))
            )
        except (NotSentError, NoAnswerError) as error:
            raise AcronisAwayError(error.message, error.hint) from None

    def _checked(self, question: Question, answer: Answer) -> Answer:
        """Return an answer; WaitingError when it asks for another attempt."""
        if answer.status < 300:
            return answer
        error = error_of(question.doing, answer.status, answer.body, self._tokens.conceal)
        if isinstance(error, AcronisAwayError):
            raise WaitingError(error, read_retry_after(answer.headers))
        if isinstance(error, CredentialRefusedError):
            raise error
        return answer
