"""The base of all errors."""

from typing import Any, ClassVar


class CorpusError(Exception):
    """Base of all errors that are reported to the user without a traceback."""

    retryable: ClassVar[bool] = False
    """Whether the same call may succeed a moment later."""
    exit_code: ClassVar[int] = 1
    """What `mill` exits with."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the message and the fields: constructors here take other arguments."""
        return type(self).__new__, (type(self), *self.args), self.__dict__
