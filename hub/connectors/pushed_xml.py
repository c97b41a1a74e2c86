"""A pushed XML document as the objects and texts of JSON. No document type, no entities but XML's own five."""

from __future__ import annotations

from typing import Any, NoReturn, TypeAlias
from xml.parsers import expat

Xml: TypeAlias = "str | dict[str, Any]"

_DEEPEST = 32
_OPENED = 20_000  # elements; a push has some ten


def read_xml(body: bytes) -> dict[str, Xml | list[Xml]]:
    """The elements inside the root, by name: text, an object where there are elements within, a list of
    those that come several times. Attributes and text between elements are left out.

    Raises:
        ValueError: no well-formed UTF-8 XML, a document type or entity in it, too deep, or a root of text.
    """
    reader = _Reader()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.texts.append
    try:
        parser.Parse(body, True)
    except expat.ExpatError:
        raise ValueError("not well-formed XML") from None
    return reader.root


def _refuse(*_: object) -> NoReturn:
    raise ValueError("a document type or entity")


class _Reader:
    """Collects elements; `texts` is the text since the last tag."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self.texts: list[str] = []
        self._open: list[dict[str, Any]] = []
        self._count = 0

    def start(self, _name: str, _attributes: dict[str, str]) -> None:
        """An element begins."""
        self._count += 1
        if len(self._open) >= _DEEPEST or self._count > _OPENED:
            raise ValueError("too deep or too large")
        self._open.append({})
        self.texts.clear()

    def end(self, name: str) -> None:
        """An element ends: it is its elements, or its text if it has none."""
        inner = self._open.pop()
        value: Xml = inner or "".join(self.texts)
        self.texts.clear()
        if self._open:
            _add(self._open[-1], name, value)
        elif isinstance(value, dict):
            self.root = value
        else:
            raise ValueError("a root without elements")


def _add(into: dict[str, Any], name: str, value: Xml) -> None:
    if name not in into:
        into[name] = value
    elif isinstance(into[name], list):
        into[name].append(value)
    else:
        into[name] = [into[name], value]
