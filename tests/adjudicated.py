"""Claims and rules for tests, what is payable by plain arithmetic, and a run of the protocol in lockstep."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from mpcstats.protocols.adjudication import Form, Rule, Settled, adjudicate
from mpcstats.session import Opening, Session
from mpcstats.testing import Outcome, Tamper, run_together

PAIR = ("bureau", "insurer")
Found = tuple[int | None, tuple[Opening, ...]]  # the payable amount, and what was opened


def payable(settled: Settled, rule: Rule) -> int:
    """By the contract's words: rounded down to whole fen."""
    if any(settled.reasons[reason] for reason in rule.excluded_reasons):
        return 0
    paid_for = sum(
        amount for i, amount in enumerate(settled.amounts) if i not in rule.excluded_amounts
    )
    share = Fraction(rule.ratio, 10_000) * max(0, paid_for - rule.deductible)
    return min(rule.cap, share.numerator // share.denominator)


def run(
    form: Form, settled: Settled, rule: Rule, *, tamper: Tamper | None = None
) -> Outcome[Found]:
    """Both parties in one thread."""

    async def body(session: Session) -> Found:
        amount = await adjudicate(
            session,
            form,
            holder="bureau",
            insurer="insurer",
            settled=settled if session.me == "bureau" else None,
            rule=rule if session.me == "insurer" else None,
        )
        return amount, tuple(session.openings)

    return run_together(PAIR, body, tamper=tamper)


def claims(form: Form) -> st.SearchStrategy[Settled]:
    """Settlements of a form: their amounts are drawn one after the other from what is left."""

    def split(parts: list[int]) -> Settled:
        *cuts, flags = sorted(parts[: form.amounts]), parts[form.amounts :]
        (edges,) = cuts
        amounts = [b - a for a, b in zip([0, *edges], edges, strict=False)]
        return Settled(tuple(amounts), tuple(bool(flag & 1) for flag in flags))

    numbers = st.integers(0, form.largest)
    size = form.amounts + form.reasons
    return st.lists(numbers, min_size=size, max_size=size).map(split)


def rules(form: Form) -> st.SearchStrategy[Rule]:
    """Rules of a form, with numbers above its largest sum too."""
    money = st.integers(0, form.largest) | st.just(0) | st.just(2 * form.largest)
    return st.builds(
        Rule,
        money,
        st.integers(0, 10_000) | st.just(10_000),
        money,
        st.frozensets(st.integers(0, form.amounts - 1)),
        st.frozensets(st.integers(0, form.reasons - 1)) if form.reasons else st.just(frozenset()),
    )
