"""A finished run as HTML: what a notebook shows of it, and a page that stands alone and goes to others.

A page may be passed on. So it holds no salt of a commitment, and nothing that is this party's alone: not what is
wrong with its own keys, and not whose consent is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mpcstats.party.shown import markup
from mpcstats.party.shown.markup import text
from mpcstats.plan.partial import without_of
from mpcstats.records.ledger.finding import Finding

if TYPE_CHECKING:
    from mpcstats.party.ask import Result

# Nothing on the page may load or run anything, whatever a label says.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
PAGE = "body { margin: 2em; color-scheme: light dark; } .mpcstats h2 { font-size: 1.1em; margin: 1.4em 0 .2em; }"


def notebook(result: Result) -> str:
    """The table under what it answers, as HTML to stand in another page."""
    return markup.block(markup.pairs(_head(result)), _answer(result))


def page(result: Result, learned: Iterable[str], findings: Iterable[Finding]) -> str:
    """The whole page: the table, who `learned` what, and the `findings` on the receipt."""
    purpose = text(result.permit.plan.purpose)
    items = "".join(f"<li>{text(line.strip())}</li>" for line in learned)
    body = markup.block(
        f"<h1>{purpose}</h1>",
        markup.pairs(_head(result)),
        _answer(result),
        f"<h2>Who learned what</h2>\n<ul>{items}</ul>",
        f"<h2>What the receipt proves</h2>\n{_proofs(result, tuple(findings))}",
        f"<h2>What the run took</h2>\n{_spent(result)}",
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{purpose}</title>\n<style>{PAGE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _head(result: Result) -> list[tuple[str, str]]:
    permit = result.permit
    plan = permit.plan
    return [
        ("scenario", plan.scenario),
        ("purpose", plan.purpose),
        ("asked by", f"{plan.initiator}, for {', '.join(plan.gate.recipients)}"),
        ("least persons", f"{plan.gate.k:,} in a cell"),
        ("plan", permit.plan_digest),
        ("run", result.label),
        *((("partial", f"without {', '.join(lost)}"),) if (lost := without_of(plan)) else ()),
        ("receipt", "none" if result.receipt is None else result.receipt.digest),
    ]


def _answer(result: Result) -> str:
    if result.answer is None:
        return f"<p>{text(str(result))}</p>"
    return markup.table(result.answer)


def _proofs(result: Result, findings: tuple[Finding, ...]) -> str:
    troubles = "".join(f'<p class="bad">{text(trouble)}</p>' for trouble in result.closed.troubles)
    if result.receipt is None:
        return f"{troubles}<p>The run has no receipt.</p>"
    bad = sum(not finding.good for finding in findings)
    said = (
        f'<p class="bad">{bad} of {len(findings)} checks fail.</p>'
        if bad
        else f"<p>{len(findings)} checks, all hold. Whoever has the receipt's file can check it: "
        "<code>mpcstats receipt verify</code>.</p>"
    )
    rows = [
        ["holds" if f.good else "FAILS", f.party or "", f.check, f.why]
        for f in sorted(findings, key=lambda f: f.good)  # what fails comes first
    ]
    return troubles + said + markup.plain_table(("", "party", "check", "finding"), rows)


def _spent(result: Result) -> str:
    heads = ("party", "rounds", "bytes sent", "ms", "CPU ms")
    names = ("rounds", "bytes_sent", "wall_ms", "cpu_ms")
    rows: list[list[str | int]] = [
        [party, *(spent[name] for name in names)] for party, spent in result.spent.items()
    ]
    return markup.plain_table(heads, rows)
