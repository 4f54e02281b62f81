"""Least squares over providers' sufficient statistics: coefficients are opened, and nothing of the sums behind them.

Each provider sums up its rows at home; the normal equations are solved on shares in a prime field, exactly but for the
last rounding, if enough rows and providers are behind them. Specification and argument: protocols/regression/spec.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from mpcstats.engines.shamir.field.circuit import Circuit, Element, Shares
from mpcstats.engines.shamir.field.digits import conjunction, negative, products
from mpcstats.engines.shamir.field.inputs import dealt, revealed
from mpcstats.engines.shamir.field.ratio import ratios
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.design import Design, Rules, most_corrupted
from mpcstats.protocols.gram import Gram, check_gram
from mpcstats.session import Session, parallel

LEAK = "gated-coefficient"


@dataclass(frozen=True, slots=True)
class Fit:
    """What a recipient learns. Coefficients are those of 1, x_1, ..., to within 2^(1 - fraction_bits) each.

    enough: whether the rules on rows and providers are met; if not, all else is None.
    determined: whether the normal equations have one solution, of norm at most 2^magnitude_bits.
    r_squared is None if it was not asked for, or y is constant.
    """

    enough: bool
    determined: bool | None = None
    coefficients: tuple[Fraction, ...] | None = None
    rows: int | None = None
    r_squared: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Solved:
    """Secrets: whether the rules are met, and so are all conditions; the rest is 0 where `released` is 0."""

    enough: Element
    released: Element
    coefficients: list[Element]
    rows: Element
    r_squared: list[Element]  # the value and whether y varies; empty if not asked for

    def flat(self) -> list[Element]:
        """All of it, in the order that is opened."""
        return [self.enough, self.released, self.rows, *self.coefficients, *self.r_squared]


async def regression(
    session: Session,
    compute: tuple[str, ...],
    design: Design,
    rules: Rules,
    *,
    providers: Sequence[str],
    to: tuple[str, ...],
    own: Gram | None,
    threshold: int | None = None,
) -> Fit | None:
    """The fit over all providers' rows at the recipients `to`, None elsewhere. `own` is given by providers alone.

    Any `threshold` compute parties together learn nothing; without one, as many as there may be: (n - 1) // 2.
    Raises UsageError for sums that no rows within the design's bounds have, and for rules that cannot be met; PeerFault
    and TransportFault for what a peer does.
    """
    rules.check(design, compute, providers)
    t = most_corrupted(compute) if threshold is None else threshold
    if not 1 <= t <= most_corrupted(compute):
        raise UsageError(
            f"expected a threshold from 1 to {most_corrupted(compute)} for {len(compute)} parties, got {t}"
        )
    field = _Field(compute, t, design.prime(len(providers)))
    shares = await _shared(session, field, design, providers, own)
    found: list[int] = []
    if session.me in compute:
        insiders = [provider for provider in providers if provider in to]
        found = await _solved(session.narrow("solve"), field, design, rules, shares, insiders)
    opened = await revealed(
        session.narrow("open"),
        compute,
        t=t,
        p=field.p,
        shares=found,
        count=design.results,
        leak=LEAK,
        to=to,
    )
    return None if opened is None else _fit(design, opened)


@dataclass(frozen=True, slots=True)
class _Field:
    """Who computes, how many of them learn nothing together, and modulo what."""

    compute: tuple[str, ...]
    t: int
    p: int


async def _shared(
    session: Session, field: _Field, design: Design, providers: Sequence[str], own: Gram | None
) -> dict[str, list[int]]:
    """Provider -> this party's shares of its sums, which are checked at the provider before."""
    if (session.me in providers) != (own is not None):
        raise InternalError(f"expected sums at providers alone, got another at {session.me}")
    if own is not None:
        check_gram(design, own)
    shares = await parallel(
        *(
            dealt(
                session.narrow(f"sums-{i}"),
                field.compute,
                t=field.t,
                p=field.p,
                owner=provider,
                count=design.sums,
                values=own.sums if own is not None and provider == session.me else None,
            )
            for i, provider in enumerate(providers)
        )
    )
    return dict(zip(providers, shares, strict=True))


async def _solved(
    session: Session,
    field: _Field,
    design: Design,
    rules: Rules,
    shares: Mapping[str, Sequence[int]],
    insiders: Sequence[str],
) -> list[int]:
    """This party's shares of what is opened."""
    # Here, not above: it imports MPyC, which takes a while.
    from mpcstats.engines.shamir.field.run import run
    from mpcstats.engines.shamir.field.runtime import FieldRuntime

    async def body(rt: FieldRuntime) -> list[int]:
        circuit = Shares(rt, field.p)
        sums = {provider: circuit.of(held) for provider, held in shares.items()}
        return circuit.numbers((await solve(circuit, design, rules, sums, insiders)).flat())

    return await run(session, field.compute, field.t, body)


def _fit(design: Design, opened: Sequence[int]) -> Fit:
    enough, released, rows, *values = opened
    if not enough:
        return Fit(enough=False)
    if not released:
        return Fit(enough=True, determined=False)
    unit = 1 << design.fraction_bits
    k = design.coefficients
    squared = values[k:]
    return Fit(
        enough=True,
        determined=True,
        coefficients=tuple(Fraction(value, unit) for value in values[:k]),
        rows=rows if design.tell_rows else None,
        r_squared=Fraction(squared[0], unit) if squared and squared[1] else None,
    )


async def solve(
    circuit: Circuit,
    design: Design,
    rules: Rules,
    sums: Mapping[str, Sequence[Element]],
    insiders: Sequence[str],
) -> Solved:
    """The fit as secrets, from provider -> its secret sums; `insiders` are the providers that learn it."""
    totals = [sum(column) for column in zip(*sums.values(), strict=True)]
    k = design.coefficients
    full = _square(totals, k + 1)
    A, b = [row[:k] for row in full[:k]], [row[k] for row in full[:k]]
    enough = await _enough(circuit, design, rules, {q: s[0] for q, s in sums.items()}, insiders)
    determinant, tops = await _cramer(circuit, A, b)
    small = await _small(circuit, design, len(sums), determinant, tops)
    divisors, extra = [determinant], []
    if design.r_squared:
        explained, whole = await _explained(circuit, full, determinant, tops)
        divisors, extra = [determinant, whole], [(explained, 1)]
    # What is divided is 0 unless it may be opened, so that every number below keeps its bounds.
    allowed = await conjunction(circuit, [enough, small])
    dividends = [(top, 0) for top in tops] + extra
    kept = await products(circuit, [(top, allowed) for top, _ in dividends])
    found = await ratios(
        circuit,
        [(top, i) for top, (_, i) in zip(kept, dividends, strict=True)],
        divisors,
        design.precision(len(sums)),
    )
    (released,) = await products(circuit, [(allowed, found.positive[0])])
    others = [full[0][0]] if design.tell_rows else []
    others += found.positive[1:]
    told = await products(circuit, [(released, other) for other in others])
    rows = told[0] if design.tell_rows else released * 0
    squared = [found.values[k], told[-1]] if design.r_squared else []
    return Solved(enough, released, found.values[:k], rows, squared)


def _square(upper: Sequence[Element], size: int) -> list[list[Element]]:
    """A symmetric matrix from its upper triangle, row by row."""
    at = iter(upper)
    matrix: list[list[Element]] = [[None] * size for _ in range(size)]
    for i in range(size):
        for j in range(i, size):
            matrix[i][j] = matrix[j][i] = next(at)
    return matrix


async def _enough(
    circuit: Circuit,
    design: Design,
    rules: Rules,
    rows: Mapping[str, Element],
    insiders: Sequence[str],
) -> Element:
    """Whether enough rows are there, beside those of each recipient too, of enough providers."""
    total = sum(rows.values())
    tests = [total - rules.rows]
    tests += [total - rows[q] - rules.rows for q in insiders]
    bits = design.row_bits(len(rows))
    below = await negative(circuit, [*tests, *(n - 1 for n in rows.values())], bits)
    passed = [1 - bit for bit in below[: len(tests)]]
    contributors = sum(1 - bit for bit in below[len(tests) :])
    (few,) = await negative(
        circuit, [contributors - rules.providers], (2 * len(rows)).bit_length() + 1
    )
    return await conjunction(circuit, [*passed, 1 - few])


async def _cramer(
    circuit: Circuit, A: list[list[Element]], b: list[Element]
) -> tuple[Element, list[Element]]:
    """det A and adj(A) b: beta = adj(A) b / det A. A is symmetric; nothing is divided but by 1, ..., k.

    Faddeev and LeVerrier: M_1 = I, c = -tr(A M_i) / i, M_(i+1) = A M_i + c I; adj A = +- M_k, det A = +- tr(A M_k) / k.
    """
    k, p = len(A), circuit.p
    M: list[list[Element]] = [[int(i == j) for j in range(k)] for i in range(k)]
    AM = A
    for step in range(1, k):
        c = -sum(AM[i][i] for i in range(k)) * pow(step, -1, p)
        M = [[AM[i][j] + c * int(i == j) for j in range(k)] for i in range(k)]
        if step < k - 1:
            # Both are polynomials in A: they commute, and the product is symmetric.
            upper = [_inner(A[i], M[j]) for i in range(k) for j in range(i, k)]
            AM = _square(await circuit.reshared(upper), k)
    if k == 1:
        return A[0][0], b
    trace = sum(_inner(A[i], M[i]) for i in range(k))
    found = await circuit.reshared([trace, *(_inner(row, b) for row in M)])
    sign = -1 if k % 2 == 0 else 1
    return found[0] * (sign * pow(k, -1, p)), [value * sign for value in found[1:]]


async def _small(
    circuit: Circuit, design: Design, providers: int, determinant: Element, tops: list[Element]
) -> Element:
    """Whether the norm of beta is at most 2^magnitude_bits: sum of tops squared <= (2^bits det)^2."""
    scaled = determinant * (1 << design.magnitude_bits)
    slack = scaled * scaled - _inner(tops, tops)
    bits = design.norm_bits(providers)
    (beyond,) = await negative(circuit, await circuit.reshared([slack]), bits)
    return 1 - beyond


async def _explained(
    circuit: Circuit, full: list[list[Element]], determinant: Element, tops: list[Element]
) -> tuple[Element, Element]:
    """R squared as a fraction: n tops.b - det S^2 over det (n yy - S^2), with S the sum of y."""
    k = len(tops)
    n, S, yy = full[0][0], full[0][k], full[k][k]
    b = [row[k] for row in full[:k]]
    dot, square, spread = await circuit.reshared([_inner(tops, b), S * S, n * yy - S * S])
    explained, whole = await circuit.reshared(
        [n * dot - determinant * square, determinant * spread]
    )
    return explained, whole


def _inner(x: Sequence[Element], y: Sequence[Element]) -> Element:
    return sum(a * b for a, b in zip(x, y, strict=True))
