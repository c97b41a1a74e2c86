"""What a transform is, and how a mapping's `with` becomes one function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hub.errors import ConfigError
from hub.mapping.nearest import did_you_mean
from hub.mapping.values import Clean, Json


@dataclass(frozen=True, slots=True)
class Transform:
    """A named, pure transform.

    `build` takes the options written in the mapping and gives the function. That function gets a present
    value and gives the new one, None for absent, or raises ValueError for unusable. A transform with
    `gives` makes an object of canonical fields (and perhaps `marks`) for use under `spread`.
    """

    name: str
    build: Callable[..., Clean]
    gives: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The first line of its documentation."""
        return (inspect.getdoc(self.build) or "").partition("\n")[0]

    @property
    def options(self) -> str:
        """Its options as a signature without types."""
        parameters = inspect.signature(self.build).parameters.values()
        return ", ".join(
            p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters
        )


def compile_chain(
    steps: Json, known: Mapping[str, Transform], where: str
) -> tuple[Clean | None, tuple[str, ...]]:
    """The function of a `with`, and the canonical fields that its last transform gives.

    `steps` is a name, or a list of names and of single-key objects `{name: options}`; options are an
    object of named options or the first option alone.

    Raises:
        ConfigError: unknown transform or option; names `where`.
    """
    if steps is None:
        return None, ()
    entries = steps if isinstance(steps, list) else [steps]
    built = [_build(entry, known, f"{where}.with") for entry in entries]
    functions = [function for function, _ in built]
    gives = built[-1][1].gives if built else ()
    return (functions[0] if len(functions) == 1 else _in_turn(functions)), gives


def _build(entry: Json, known: Mapping[str, Transform], where: str) -> tuple[Clean, Transform]:
    if isinstance(entry, dict) and len(entry) == 1:
        ((name, options),) = entry.items()
    else:
        name, options = entry, {}
    transform = known.get(name) if isinstance(name, str) else None
    if transform is None:
        raise ConfigError(
            f"{where}: no transform {name!r}{did_you_mean(name, known)};"
            " `hub mapping transforms` lists them"
        )
    given = options if isinstance(options, dict) else {}
    first = () if isinstance(options, dict) else (options,)
    try:
        return transform.build(*first, **given), transform
    except (TypeError, ValueError, KeyError) as error:
        raise ConfigError(f"{where}: {name}({transform.options}): {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{where}: {name}: {error}") from error


def _in_turn(functions: Sequence[Clean]) -> Clean:
    def run(value: Json) -> Json:
        for function in functions:
            value = function(value)
            if value is None:
                return None
        return value

    return run
