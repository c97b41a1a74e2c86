"""One error tree, grouped by what the caller does about it.

HubError
├── ConfigError            stop the run; a person must change settings
├── TransientError         try again later, after `retry_after_s` if set
│   ├── RateLimitedError
│   └── PlatformDownError
├── PlatformRejectedError  the platform said no; retrying will not help; carries its `code`
│   └── AuthorizationLostError  a person must authorise the source again
├── SignatureError         refuse the webhook
├── RefusedError           refuse the request; carries the HTTP `status` and a `reason`
├── StoreError             the database gave an answer that a retry will not change
│   └── StoreAwayError     the database is away; retry, then spool
└── RecordError            hold this record, carry on; carries `reason` and `path`

Messages never carry a phone number, a name, a token or a payload: a `reason`, a JSON Pointer, a count.
"""


class HubError(Exception):
    """Anything the hub raises on purpose; its text can be shown to a person."""


class ConfigError(HubError):
    """Settings are wrong and a person must change them; the text says which and how."""


class TransientError(HubError):
    """The same call may work later."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimitedError(TransientError):
    """The platform limits us; `dimension` names which of its limits."""

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, dimension: str = "unknown"
    ) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.dimension = dimension


class PlatformDownError(TransientError):
    """The platform did not answer, or answered that it is broken."""


class PlatformRejectedError(HubError):
    """The platform refused the call for good; `code` is its own code."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class AuthorizationLostError(PlatformRejectedError):
    """The grant is gone: a person must run `hub source authorize`."""


class SignatureError(HubError):
    """The request was not signed by the platform, or not with the secret we know."""


class RefusedError(HubError):
    """The request cannot be taken: `status` for HTTP, `reason` for machines."""

    def __init__(self, reason: str, *, status: int, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason
        self.status = status


class StoreError(HubError):
    """The database refused for a reason that a retry will not change."""


class StoreAwayError(StoreError, TransientError):
    """The database is away or told us to try again (SQLSTATE 08, 40, 53, 57)."""


class RecordError(HubError):
    """One record cannot be loaded and is held.

    `reason` is a short machine-readable word, `path` a JSON Pointer into the payload ("" for all of it).
    """

    def __init__(self, reason: str, path: str = "", detail: str = "") -> None:
        super().__init__(f"{reason} at {path or '/'}" + (f": {detail}" if detail else ""))
        self.reason = reason
        self.path = path
        self.detail = detail
