"""How often, and for how long, a call is tried again: as the service asks, else at growing intervals by chance."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

import tenacity
from tenacity.stop import stop_base

from coffre.acronis.errors import AcronisAwayError, AcronisBusyError, OutcomeUnknownError
from coffre.acronis.exchange import NoAnswerError, NotSentError

_Result = TypeVar("_Result")
_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 30.0


class Effect(Enum):
    """What a second sending of the same call would do."""

    READS = "reads"
    """Nothing."""
    SETS = "sets"
    """Nothing more: it sets what is set already, or it is refused by its old version."""
    CREATES = "creates"
    """One more thing: such a call is not sent again unless the first one certainly did nothing."""


class WaitingError(AcronisAwayError):
    """The service cannot serve now; ``seconds`` is how long it asks to wait, None when it does not say."""

    def __init__(self, refusal: AcronisAwayError, seconds: float | None) -> None:
        super().__init__(refusal.message, refusal.hint, status=refusal.status, code=refusal.code, domain=refusal.domain)
        self.refusal = refusal
        self.seconds = seconds


@dataclass(frozen=True)
class Patience:
    """The bounds of one call with all its attempts: it ends after so many, or before a wait would pass the seconds."""

    attempts: int = 6
    connection_attempts: int = 3
    """How many of them may find no connection at all."""
    total_seconds: float = 120.0
    first_wait_seconds: float = _FIRST_SECONDS

    def run(self, effect: Effect, attempt: Callable[[], _Result]) -> _Result:
        """Return what an attempt returns, after as many as it takes; the error of the last one otherwise.

        OutcomeUnknownError when a call that creates was sent and its answer was lost.
        """
        try:
            return tenacity.Retrying(
                retry=tenacity.retry_if_exception(lambda error: _is_worth_another(error, effect)),
                wait=self._wait,
                stop=tenacity.stop_any(
                    tenacity.stop_after_attempt(self.attempts),
                    tenacity.stop_before_delay(self.total_seconds),
                    _NoConnection(self.connection_attempts),
                ),
                reraise=True,
            )(attempt)
        except WaitingError as error:
            if effect is Effect.CREATES and not isinstance(error.refusal, AcronisBusyError):
                raise _unknown(error.refusal) from None
            raise error.refusal from None
        except NoAnswerError as error:
            if effect is Effect.CREATES:
                raise _unknown(error) from None
            raise

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = _error_of(state)
        growing = tenacity.wait_exponential(multiplier=self.first_wait_seconds, max=_LONGEST_SECONDS)
        by_chance = (growing + tenacity.wait_random(0, self.first_wait_seconds))(state)
        if isinstance(error, WaitingError) and error.seconds is not None:
            return error.seconds + by_chance
        return by_chance


class _NoConnection(stop_base):
    """Ends the attempts when so many found no connection."""

    def __init__(self, attempts: int) -> None:
        self._attempts = attempts

    def __call__(self, state: tenacity.RetryCallState) -> bool:
        return isinstance(_error_of(state), NotSentError) and state.attempt_number >= self._attempts


def _error_of(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _is_worth_another(error: BaseException, effect: Effect) -> bool:
    if isinstance(error, NotSentError):
        return not error.is_final
    if isinstance(error, WaitingError):
        return effect is not Effect.CREATES or isinstance(error.refusal, AcronisBusyError)
    return isinstance(error, NoAnswerError) and effect is not Effect.CREATES


def _unknown(error: AcronisAwayError) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        error.message,
        "It may have been carried out all the same: the same command finds out, run it again.",
        status=error.status,
        code=error.code,
        domain=error.domain,
    )
