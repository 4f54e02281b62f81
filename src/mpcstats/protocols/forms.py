"""Which forms of a term, number or bit rows, come without a conversion.

Rules: protocols/derive/spec.md, section "Forms".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mpcstats.protocols.expression import Bounds
from mpcstats.protocols.terms import FLAGS, Term, Terms

MUXES = frozenset({"if", "choose", "coalesce"})


@dataclass(frozen=True, slots=True)
class Given:
    """What is public of a column: its bounds, and in which forms it is there."""

    bounds: Bounds
    number: bool
    bits: bool


class Forms:
    """The natural forms of terms over columns."""

    def __init__(self, terms: Terms, columns: Mapping[str, Given]) -> None:
        self.terms, self.columns = terms, columns
        self._found: dict[int, tuple[bool, bool]] = {}

    def natural(self, place: int) -> tuple[bool, bool]:
        """Whether the number, and whether the bit rows, come without a conversion."""
        if place not in self._found:
            self._found[place] = self._natural_forms(place)
        return self._found[place]

    def _natural_forms(self, place: int) -> tuple[bool, bool]:
        term = self.terms[place]
        if term.bounds.constant:
            return True, True
        if term.op in FLAGS:
            return False, True
        if term.op == "column":
            given = self.columns[term.name]
            return given.number, given.bits
        if term.op in MUXES:
            return self._natural_mux(term)
        forms = [self.natural(a) for a in term.args]
        numbers, bits = (all(form[i] for form in forms) for i in range(2))
        if term.op in ("add", "sub"):
            bits = bits and (not numbers or self._shifted(term))
            return numbers or not bits, bits
        if term.op == "mul":
            return self._natural_product(term, numbers=numbers, bits=bits)
        return term.op != "quotient", term.op == "quotient"

    def _shifted(self, term: Term) -> bool:
        """Whether a sum or difference has the bits of one argument, or their complement."""
        x, y = term.args
        if self._constant(y) or term.op == "add":
            return self._constant(y) or self._constant(x)
        of = self.terms.bounds(y)
        return self._constant(x) and of.maximum - of.minimum == (1 << of.width) - 1

    def _natural_mux(self, term: Term) -> tuple[bool, bool]:
        branches = [self.natural(a) for a in term.args[-2:] if not self.terms.bounds(a).empty]
        numbers, bits = (all(form[i] for form in branches) for i in range(2))
        # 1 or 0 by a flag is the flag's row.
        flag = self.is_linear(term) and (term.bounds.minimum, term.bounds.maximum) == (0, 1)
        return (numbers or not bits) and not flag, bits

    def _natural_product(self, term: Term, *, numbers: bool, bits: bool) -> tuple[bool, bool]:
        flags = [a for a in term.args if self.is_bit(a)]
        if len(flags) == 2:
            return False, True
        if any(self._constant(a) for a in term.args):
            return numbers or not (flags and bits), bool(flags) and bits
        if flags and bits:
            (other,) = (a for a in term.args if a not in flags)
            return self.natural(other)[0], True
        return True, False

    def is_bit(self, place: int) -> bool:
        """Whether the term is 0 or 1, and may be both."""
        of = self.terms.bounds(place)
        return (of.minimum, of.maximum) == (0, 1)

    def is_linear(self, term: Term) -> bool:
        """Whether the number is that of one argument or flag, but for public numbers."""
        if term.op in MUXES:
            return all(self._constant(a) for a in term.args[-2:])
        return term.op in ("add", "sub", "mul") and any(self._constant(a) for a in term.args)

    def _constant(self, place: int) -> bool:
        return self.terms.bounds(place).constant
