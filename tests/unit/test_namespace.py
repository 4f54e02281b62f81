"""What `import mpcstats` offers is what `__all__` says, and all of it says what it is."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest

import mpcstats


def offered(module: ModuleType) -> set[str]:
    """The names of a module, without its sub-modules and Python's own names."""
    return {
        name
        for name, value in vars(module).items()
        if not (name.startswith("__") and name.endswith("__"))
        and not (inspect.ismodule(value) and value.__name__ == f"{module.__name__}.{name}")
    }


def public(module: ModuleType) -> set[str]:
    return {name for name in module.__all__ if not name.startswith("__")}


def test_what_is_offered_is_what_all_says() -> None:
    assert offered(mpcstats) == public(mpcstats)
    assert set(mpcstats.__all__) - public(mpcstats) == {"__version__"}
    assert isinstance(mpcstats.__version__, str)


def test_the_names_are_in_order_and_each_is_there() -> None:
    assert mpcstats.__all__ == sorted(mpcstats.__all__)
    assert [name for name in mpcstats.__all__ if not hasattr(mpcstats, name)] == []


@pytest.mark.parametrize("name", sorted(public(mpcstats)))
def test_every_name_and_public_method_has_a_docstring(name: str) -> None:
    value = getattr(mpcstats, name)
    assert value.__doc__
    assert not value.__doc__.startswith(f"{name}(")  # what dataclass writes for want of a text
    if not inspect.isclass(value) or issubclass(value, Exception):
        return
    for member, inner in vars(value).items():
        if not member.startswith("_") and (
            inspect.isfunction(inner) or isinstance(inner, property)
        ):
            assert inner.__doc__, f"{name}.{member}"


def test_every_error_is_one_of_mpcstats() -> None:
    errors = [v for v in vars(mpcstats).values() if inspect.isclass(v) and issubclass(v, Exception)]
    assert len(errors) > 5
    assert all(issubclass(error, mpcstats.MpcstatsError) for error in errors)


def test_leftovers_are_caught() -> None:
    module = ModuleType("example")
    module.__all__ = ["one"]  # type: ignore[attr-defined]
    inner = ModuleType("example.inner")
    vars(module).update(one=1, inner=inner, _left=2, json=ModuleType("json"))
    assert offered(module) - public(module) == {"_left", "json"}
