"""What a party's ledger says of a question: its request, the reasons of a refusal, and who answers for it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from mpcstats.party.question import Question
from mpcstats.plan.physical import Physical, Release
from mpcstats.records.canonical import JSON
from mpcstats.records.papers.papers import read
from mpcstats.records.principals import Principals
from mpcstats.records.signed import Statement

# Bytes of a question's text that are kept: escaped, they may be twice as many, and a body has 64 KiB.
TEXT_KEPT = 24 * 1024
REASONS_KEPT = 32 * 1024  # bytes of a refusal's reasons, as JSON
REASON_KEPT = 2000  # characters of each
RELEASES_KEPT = 16 * 1024  # bytes of what a gate releases to whom, as JSON
# A phone number, a card's or an identity card's: whoever asks about one person may have written it there.
NUMBER = re.compile(r"[0-9]{11,}[Xx]?")


def request_body(question: Question, papers: Sequence[Statement]) -> dict[str, JSON]:
    """The body of the entry `request`. Of a very long question it keeps the digest alone."""
    short = len(question.text.encode()) <= TEXT_KEPT
    return {
        "question": question.digest(),
        "initiator": question.initiator,
        "recipients": list(question.recipients),
        "scenario": question.scenario,
        "purpose": question.purpose,
        "day": question.day,
        "user": question.user,
        "project": question.project,
        "papers": [paper.digest for paper in papers],
        "text": NUMBER.sub("[number]", question.text) if short else None,
        **({} if question.resumes is None else {"resumes": question.resumes.to_json()}),
    }


def reasons_kept(reasons: Sequence[str]) -> list[str]:
    """As many of a refusal's reasons as an entry has place for, and how many more there are.

    With papers that are wrong in many ways who asks could make them so long that no entry held them.
    """
    kept: list[str] = []
    left = REASONS_KEPT
    for reason in reasons:
        short = reason[:REASON_KEPT]
        left -= len(json.dumps(short, ensure_ascii=False).encode()) + 1
        if left < 0:
            return [*kept, f"and {len(reasons) - len(kept)} more"]
        kept.append(short)
    return kept


def released(plan: Physical, *, exempt: bool = False) -> list[dict[str, JSON]]:
    """Who may see what of a plan's answer, release by release; with `exempt` those alone that an approval exempts.

    As many as an entry has place for, and how many more there are.
    """
    releases = [r for r in plan.gate.releases if r.exempt is not None or not exempt]
    kept: list[dict[str, JSON]] = []
    left = RELEASES_KEPT
    for release in releases:
        body = _release(plan, release)
        left -= len(json.dumps(body, ensure_ascii=False).encode()) + 1
        if left < 0:
            return [*kept, {"more": len(releases) - len(kept)}]
        kept.append(body)
    return kept


def _release(plan: Physical, release: Release) -> dict[str, JSON]:
    columns = release.columns
    named = [c.name for c in plan.output if c.kind == "total" and c.position in (columns or ())]
    return {
        "to": list(release.recipients),
        "k": release.k,
        "contributors": release.contributors,
        **{name: value for name, value in _rules(release).items() if value},
        "columns": None if columns is None else list(named),
        "cells": None if release.cells is None else len(release.cells),
        "approval": release.exempt,
    }


def _rules(release: Release) -> dict[str, JSON]:
    """The rules beside minimums, of which most releases have few."""
    return {
        "p": release.p,
        "largest": list(release.largest or ()),
        "complement": release.complement,
        "zeros": release.zeros,
        "rounding": release.rounding if release.rounding > 1 else 0,
        "own": list(release.own),
    }


def named_asker(question: Question) -> str:
    """Who asks: the user that the question names, if it is one of the initiator's; else the initiator."""
    user = question.user
    own = user is not None and user.partition(".")[0] == question.initiator
    return user if user is not None and own else question.initiator


def answerable(question: Question, papers: Sequence[Statement], principals: Principals) -> str:
    """Who answers for a question: who asks, if it has signed it; else the initiator.

    A name that nobody has signed under is the initiator's word: it could take another one for every question.
    """
    asker = named_asker(question)
    digest = question.digest()
    signed = any(
        paper.body.question == digest and asker in paper.signers
        for paper in read(papers, principals).requests
    )
    return asker if signed else question.initiator
