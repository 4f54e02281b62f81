"""The matrix of a policy as one HTML page that needs no other file."""

from __future__ import annotations

from html import escape

from mpcstats.party.desk.policy import Row
from mpcstats.policy.rule import Policy

STYLE = """
body { font: 15px/1.4 sans-serif; margin: 2em; color: #222; }
table { border-collapse: collapse; }
th, td { border: 1px solid #bbb; padding: .4em .6em; vertical-align: top; text-align: left; }
th { background: #eee; }
.yes { color: #060; } .no { color: #900; }
code { font-size: 90%; overflow-wrap: anywhere; }
"""
HEADS = ("scenario", "level", "protocols permitted", "not permitted", "also asked for", "because")


def page(policy: Policy, found: tuple[Row, ...]) -> str:
    """The page: a row for each scenario and level, every reason against every protocol in it."""
    head = "".join(f"<th>{escape(text)}</th>" for text in HEADS)
    body = "\n".join(_row(row) for row in found)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>What the policy permits</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        "<h1>What the policy permits</h1>\n"
        "<p>Which protocols a plan may use, by scenario and level of the question. What only a plan can show, "
        "such as recipients, persons of a cell and papers, is decided by each party on the plan.</p>\n"
        f"<p>Policy <code>{escape(policy.digest)}</code></p>\n"
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</body>\n</html>\n"
    )


def _row(row: Row) -> str:
    refused = [
        f'<details class="no"><summary>{escape(cell.card)}</summary>'
        + "<br>".join(escape(reason.text) for reason in cell.reasons)
        + "</details>"
        for cell in row.cells
        if not cell.permitted
    ]
    cells = (
        escape(row.scenario),
        escape(row.level),
        f'<span class="yes">{escape(", ".join(row.permitted))}</span>',
        "".join(refused),
        "<br>".join(escape(remark) for remark in row.remarks),
        escape(row.because),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
