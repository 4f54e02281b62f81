"""A policy as the text of its file: what a template has become once it is filled."""

from __future__ import annotations

import json

from mpcstats.policy.rule import Helper, Policy, Rule


def written(policy: Policy) -> str:
    """TOML that `Policy.load` reads as an equal policy. What a rule has by default is left out."""
    parts = ["version = 1\n", *map(_rule, policy.rules), *map(_helper, policy.accepted)]
    return "\n".join(parts)


def _rule(rule: Rule) -> str:
    given = rule.model_dump(mode="json", exclude_defaults=True)
    fields = {"scenario": rule.scenario, "level": rule.level.name, "permit": rule.permit}
    return _table("rule", {**fields, **{n: v for n, v in given.items() if n not in fields}})


def _helper(helper: Helper) -> str:
    return _table("helper", {"owner": helper.owner, "accepts": helper.accepts})


def _table(name: str, fields: dict[str, object]) -> str:
    return f"[[{name}]]\n" + "".join(f"{n} = {_value(v)}\n" for n, v in fields.items())


def _value(value: object) -> str:
    match value:
        case dict():
            return "{ " + ", ".join(f"{n} = {_value(v)}" for n, v in value.items()) + " }"
        case list():
            return "[" + ", ".join(_value(v) for v in value) + "]"
        case str():
            # A text of JSON is one of TOML, but for one control character that JSON leaves as it is.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case _:
            return json.dumps(value)
