"""What a value breaks of a JSON Schema, for the words that our schemas use, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
SAID = {"$schema", "$defs", "title", "description", "default", "contentEncoding", "discriminator"}


@dataclass(frozen=True, slots=True)
class Checker:
    """A schema, with the other files that it refers to, by name."""

    schema: dict[str, Any]
    others: Mapping[str, dict[str, Any]]

    def faults(self, value: object, place: str = "the file") -> list[str]:
        """Every fault as `place: word`; empty if `value` keeps to the schema."""
        return list(self._of(value, self.schema, place))

    def _of(self, value: Any, schema: dict[str, Any], place: str) -> Iterator[str]:
        for word, said in schema.items():
            if word in SAID:
                continue
            yield from getattr(self, WORDS[word])(value, said, place, schema)

    def _ref(self, value: Any, said: str, place: str, _: object) -> Iterator[str]:
        if said.startswith("#/$defs/"):
            yield from self._of(value, self.schema["$defs"][said.removeprefix("#/$defs/")], place)
        else:
            yield from Checker(self.others[said], self.others).faults(value, place)

    def _type(self, value: Any, said: str, place: str, _: object) -> Iterator[str]:
        # bool is an int to Python, and none to JSON Schema.
        if type(value) not in TYPES[said]:
            yield f"{place}: type"

    def _any(self, value: Any, said: list[Any], place: str, _: object) -> Iterator[str]:
        if all(list(self._of(value, one, place)) for one in said):
            yield f"{place}: anyOf"

    def _enum(self, value: Any, said: list[Any], place: str, _: object) -> Iterator[str]:
        if not any(value == one and type(value) is type(one) for one in said):
            yield f"{place}: enum"

    def _const(self, value: Any, said: object, place: str, _: object) -> Iterator[str]:
        yield from self._enum(value, [said], place, _)

    def _least(self, value: Any, said: int, place: str, _: object) -> Iterator[str]:
        if type(value) in TYPES["number"] and value < said:
            yield f"{place}: minimum"

    def _most(self, value: Any, said: int, place: str, _: object) -> Iterator[str]:
        if type(value) in TYPES["number"] and value > said:
            yield f"{place}: maximum"

    def _below(self, value: Any, said: int, place: str, _: object) -> Iterator[str]:
        if type(value) in TYPES["number"] and value >= said:
            yield f"{place}: exclusiveMaximum"

    def _longer(self, value: Any, said: int, place: str, _: object) -> Iterator[str]:
        if isinstance(value, str) and len(value) < said:
            yield f"{place}: minLength"

    def _shorter(self, value: Any, said: int, place: str, _: object) -> Iterator[str]:
        if isinstance(value, str) and len(value) > said:
            yield f"{place}: maxLength"

    def _pattern(self, value: Any, said: str, place: str, _: object) -> Iterator[str]:
        if isinstance(value, str) and re.search(said, value) is None:
            yield f"{place}: pattern"

    def _more(self, value: Any, said: int, place: str, _: object) -> Iterator[str]:
        if isinstance(value, list | dict) and len(value) < said:
            yield f"{place}: too few"

    def _fewer(self, value: Any, said: int, place: str, _: object) -> Iterator[str]:
        if isinstance(value, list | dict) and len(value) > said:
            yield f"{place}: too many"

    def _items(self, value: Any, said: Any, place: str, schema: dict[str, Any]) -> Iterator[str]:
        skipped = len(schema.get("prefixItems", ()))
        for i, item in enumerate(value[skipped:] if isinstance(value, list) else (), skipped):
            yield from self._of(item, said, f"{place}[{i + 1}]")

    def _prefix(self, value: Any, said: list[Any], place: str, _: object) -> Iterator[str]:
        for i, item in enumerate(value[: len(said)] if isinstance(value, list) else ()):
            yield from self._of(item, said[i], f"{place}[{i + 1}]")

    def _required(self, value: Any, said: list[str], place: str, _: object) -> Iterator[str]:
        if isinstance(value, dict):
            yield from (f"{place}.{name}: required" for name in said if name not in value)

    def _names(self, value: Any, said: dict[str, Any], place: str, _: object) -> Iterator[str]:
        for name in value if isinstance(value, dict) else ():
            yield from self._of(name, said, f"{place}.{name}")

    def _properties(self, value: Any, said: dict[str, Any], place: str, _: object) -> Iterator[str]:
        for name in value if isinstance(value, dict) else ():
            if name in said:
                yield from self._of(value[name], said[name], f"{place}.{name}")

    def _rest(self, value: Any, said: Any, place: str, schema: dict[str, Any]) -> Iterator[str]:
        for name in value if isinstance(value, dict) else ():
            if name in schema.get("properties", {}):
                continue
            if said is False:
                yield f"{place}.{name}: unknown"
            elif said is not True:
                yield from self._of(value[name], said, f"{place}.{name}")

    def _matching(self, value: Any, said: dict[str, Any], place: str, _: object) -> Iterator[str]:
        for name in value if isinstance(value, dict) else ():
            for pattern, schema in said.items():
                if re.search(pattern, name) is not None:
                    yield from self._of(value[name], schema, f"{place}.{name}")


# A word that is not here is a KeyError: a schema that says more than is checked does not pass.
WORDS: Mapping[str, str] = {
    "$ref": "_ref",
    "type": "_type",
    "anyOf": "_any",
    "enum": "_enum",
    "const": "_const",
    "minimum": "_least",
    "maximum": "_most",
    "exclusiveMaximum": "_below",
    "minLength": "_longer",
    "maxLength": "_shorter",
    "pattern": "_pattern",
    "minItems": "_more",
    "maxItems": "_fewer",
    "minProperties": "_more",
    "maxProperties": "_fewer",
    "items": "_items",
    "prefixItems": "_prefix",
    "required": "_required",
    "propertyNames": "_names",
    "properties": "_properties",
    "additionalProperties": "_rest",
    "patternProperties": "_matching",
}
