"""An explanation and a decision as one HTML page that needs no other file and runs no script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from mpcstats.party.alternatives import HEADS, Alternative
from mpcstats.plan.drawing import drawing
from mpcstats.plan.explanation import Composed, Explanation, Joint
from mpcstats.plan.figures import most, size, times
from mpcstats.policy.verdict import Verdict

STYLE = """
body { font: 15px/1.4 sans-serif; margin: 2em; color: #222; }
table { border-collapse: collapse; margin-bottom: 1em; }
th, td { border: 1px solid #bbb; padding: .3em .6em; vertical-align: top; text-align: left; }
th { background: #eee; }
pre { background: #f6f6f6; padding: .6em; white-space: pre-wrap; overflow-wrap: anywhere; }
code { font-size: 90%; overflow-wrap: anywhere; }
.yes { color: #060; } .no { color: #900; }
svg { max-width: 100%; height: auto; }
svg text { font: 13px sans-serif; fill: #222; }
svg rect { stroke: #666; fill: #fff; }
svg .home rect { fill: #eef4ff; } svg .step rect { fill: #f4f4f4; }
svg .gate rect { fill: #fff3d6; } svg .recipient rect { fill: #e6f6e6; }
"""


def page(plan: Explanation, verdict: Verdict, alternatives: Sequence[Alternative] = ()) -> str:
    """The page: the decision, the drawing, then tables, of engines too if there are several. Every text is escaped."""
    compared = [("Engines compared", table(HEADS, (each.row for each in alternatives)))]
    sections = (
        ("The decision", _decision(verdict)),
        ("The question", _question(plan)),
        ("The plan", drawing(plan)),
        ("Computed at home", _homes(plan)),
        ("Computed together", _steps(plan)),
        ("Who learns what", _learned(plan)),
        ("What it costs", _costs(plan)),
        *(compared if len(alternatives) > 1 else ()),
        ("Levels of what is derived", _derived(verdict)),
    )
    body = "\n".join(f"<h2>{heading}</h2>\n{content}" for heading, content in sections)
    title = f"A question of {escape(plan.initiator)}: {escape(plan.purpose)}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of plain texts, which are escaped."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows
    )
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _decision(found: Verdict) -> str:
    word, style = ("permitted", "yes") if found.permitted else ("refused", "no")
    because = f" because of {', '.join(found.columns)}" if found.columns else ""
    rule = "no rule speaks of it" if found.rule is None else f"rule {found.rule}"
    rows = (
        (f.condition, "refused" if f.reasons else "passed", "; ".join(r.text for r in f.reasons))
        for f in found.findings
    )
    return (
        f'<p class="{style}">{word} by the policy of {escape(found.party)}</p>\n'
        f"<p>Level {escape(found.level_words)}{escape(because)}; {escape(rule)}; "
        f"policy <code>{escape(found.policy)}</code></p>\n"
        + table(("condition", "decision", "reasons"), rows)
    )


def _question(plan: Explanation) -> str:
    rows = (
        ("scenario", plan.scenario),
        ("purpose", plan.purpose),
        ("asked by", plan.initiator),
        ("answer to", ", ".join(plan.recipients)),
        ("providers", ", ".join(plan.providers)),
        ("compute parties", f"{', '.join(plan.compute)} (engine {plan.engine})"),
        ("plan", plan.plan),
    )
    return f"<pre>{escape(plan.question)}</pre>\n{table(('', ''), rows)}"


def _homes(plan: Explanation) -> str:
    rows = []
    for home in plan.fragments:
        reads = "; ".join(
            f"{read.column} ({read.level.name}, {' and '.join(read.uses)}"
            f"{', special codes' if read.special else ''})"
            for read in home.reads
        )
        rows.append(
            (home.name, home.owner, f"{home.rows:,}", ", ".join(home.yields), reads, home.sql)
        )
    return table(
        ("fragment", "owner", "rows at most", "yields", "reads (level, use)", "query at home"), rows
    )


def _steps(plan: Explanation) -> str:
    return table(
        ("step", "protocol", "computes", "withstands", "sizes", "leaks", "why this protocol"),
        (_step(step) for step in plan.steps),
    )


def _step(step: Joint) -> tuple[str, ...]:
    trust = step.trust
    others = "; ".join(f"not {other.card}: {other.why_not}" for other in step.choice.others)
    leaks = (
        f"{leak.id} to {'everybody' if leak.public else ', '.join(leak.to)}: {leak.words}"
        for leak in step.leaks
    )
    return (
        step.name,
        f"{step.card} v{step.version}, {step.status}",
        step.what,
        f"{trust.adversary}, {trust.corruptions} of {trust.count} corrupted; cheating {trust.on_cheating}",
        "; ".join([_sizes(step.sizes), *(_composed(part) for part in step.composed)]),
        "; ".join(leaks),
        f"{step.choice.because}; {others or 'there is no alternative'}",
    )


def _sizes(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sizes.items())


def _composed(part: Composed) -> str:
    runs = f" {part.runs} times" if part.runs > 1 else ""
    return f"with {part.card}{runs}: {_sizes(part.sizes)}"


def _learned(plan: Explanation) -> str:
    return table(("who", "learns"), ((each.who, each.what) for each in plan.learned))


def _costs(plan: Explanation) -> str:
    parties = list(plan.bytes_sent)
    rows = [
        (
            step.name,
            most(f"{step.rounds}", exact=step.rounds_exact),
            *(_sent(step.bytes_sent.get(party, 0), exact=step.bytes_exact) for party in parties),
        )
        for step in plan.steps
    ]
    rows.append(
        (
            "all",
            f"at most {plan.rounds}",
            *(_sent(plan.bytes_sent[party], exact=plan.bytes_exact) for party in parties),
        )
    )
    return (
        table(("step", "rounds", *(f"{party} sends" for party in parties)), rows)
        + f"\n<p>Payload, without framing: {escape(size(plan.total_bytes))} over all parties. "
        "Steps that need not wait for one another run side by side. "
        f"Estimated time, roughly: {escape(times(plan.seconds))}.</p>"
    )


def _sent(count: int, *, exact: bool) -> str:
    return most(f"{count:,} B", exact=exact)


def _derived(found: Verdict) -> str:
    rows = (
        (f"{d.of}.{d.name}", d.stage, d.level.name, ", ".join(d.because), "yes" if d.blind else "")
        for d in found.derived
    )
    return table(("column", "stage", "level", "from", "blind key"), rows)
