"""A personal value that does not show itself: only `reveal` gives it. Pure."""

from __future__ import annotations

from typing import Any, Generic, NoReturn, TypeVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from hub.privacy.mask import mask_value

Value = TypeVar("Value")


class Sensitive(Generic[Value]):
    """`value` wrapped, with the kind of its mask (`phone`, `name`, `id`, `text`; see `hub.privacy.mask`).

    `repr`, `str`, `format`, a log line and pydantic's JSON give the mask; msgspec and `json` ask for
    `str` or refuse. Copies and comparison work; it is no key of a dict, cannot be pickled, and has no length.
    """

    __slots__ = ("_kind", "_value")

    def __init__(self, value: Value, kind: str = "text") -> None:
        self._value = value
        self._kind = "text" if kind == "none" else kind

    def reveal(self) -> Value:
        """The plain value: for whoever may see it, and for the store."""
        return self._value

    @property
    def masked(self) -> str:
        """What a screen or a log may show."""
        return str(mask_value(self._kind, self._value))

    def __repr__(self) -> str:
        return f"Sensitive({self.masked})"

    def __str__(self) -> str:
        return self.masked

    def __format__(self, spec: str) -> str:
        return format(self.masked, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sensitive) and self._value == other._value

    def __hash__(self) -> NoReturn:
        raise TypeError("a sensitive value is no key")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a sensitive value cannot be pickled")

    def __copy__(self) -> Sensitive[Value]:
        return self

    def __deepcopy__(self, _: object) -> Sensitive[Value]:
        return self

    @classmethod
    def __get_pydantic_core_schema__(
        cls,
        source: Any,  # noqa: ANN401 -- pydantic's own signature
        handler: GetCoreSchemaHandler,
    ) -> CoreSchema:
        """Read from the plain value, kind `text`; written as the mask."""
        return core_schema.no_info_after_validator_function(
            lambda value: value if isinstance(value, cls) else cls(value),
            core_schema.union_schema(
                [core_schema.is_instance_schema(cls), core_schema.str_schema()]
            ),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )


def masked_default(value: object) -> str:
    """For `json.dumps(default=…)` and `msgspec`'s `enc_hook`: the mask of a sensitive value.

    Raises:
        TypeError: it is none.
    """
    if isinstance(value, Sensitive):
        return value.masked
    raise TypeError(f"{type(value).__name__} is no JSON")
