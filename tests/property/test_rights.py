"""Laws of the rights register: the past stays, no licence is wider than its licensor's, fewer rights permit less."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.governance.rights_office import (
    CASES,
    DOCUMENT,
    REPORT,
    SETTLEMENT,
    Office,
    licence,
    product,
    terms,
)

from mpcstats.errors import UsageError
from mpcstats.records.day import later
from mpcstats.records.rights.admission import Input, missing
from mpcstats.records.rights.book import Held, Moment
from mpcstats.records.rights.certificate import certificate
from mpcstats.records.rights.events import Licence
from mpcstats.records.rights.register import RightsRegister
from mpcstats.records.rights.terms import ANY, Right

PARTIES = ["bureau", "hospital", "insurer", "vendor"]
COLUMNS = ["a", "b"]
SCENARIOS = ["supervision", "commercial"]
START = "2026-02-01"
DAYS = [later("2026-01-01", 20 * n) for n in range(12)]
FEW = settings(max_examples=40)
MANY_EVENTS = 14

words = st.sampled_from([["*"], ["a"], ["b"], ["a", "b"]])
scenes = st.sampled_from([["*"], ["supervision"], ["commercial"], SCENARIOS])
term = st.fixed_dictionaries(
    {
        "columns": words,
        "scenarios": scenes,
        "since": st.sampled_from(["2026-01-01", "2026-02-10", "2026-03-15"]),
        "until": st.sampled_from([None, "2026-04-01", "2026-08-01"]),
        "sublicensable": st.booleans(),
        "transferable": st.booleans(),
    }
)
step = st.tuples(
    st.sampled_from(["licence", "licence", "licence", "change", "transfer", "cancel", "product"]),
    st.integers(0, 7),  # which number it is about
    st.sampled_from(PARTIES),
    term,
    st.integers(0, 15),  # days since the event before
)


def body_of(kind: str, number: int, target: str, party: str, given_terms: Any) -> tuple[str, Any]:
    """The kind and body of a step."""
    match kind:
        case "licence":
            return kind, licence(f"L-{number}", target, party, **given_terms)
        case "product":
            made = terms(stage="TRADE", **given_terms)
            return "first", product(
                f"{REPORT}-{number}", f"P-{number}", party, [SETTLEMENT, CASES], terms=made
            )
        case "change":
            stage = {"R": "COLLECT", "L": "PROCESS", "P": "TRADE"}[target[0]]
            return kind, {
                "number": target,
                "terms": terms(stage=stage, **given_terms),
                "reason": "x",
            }
        case "transfer":
            return kind, {"number": target, "holder": party, "document": DOCUMENT}
        case _:
            return kind, {"number": target, "reason": "x"}


def played(steps: list[Any]) -> tuple[Office, list[int]]:
    """The register after whichever of the steps it takes, and how many statements there were after each."""
    office = Office().with_data()
    day = START
    for count, (kind, which, party, given_terms, days) in enumerate(steps):
        day = later(day, days)
        numbers = list(office.register.book.grants)
        kind, body = body_of(kind, count, numbers[which % len(numbers)], party, given_terms)
        try:  # everybody signs, so that what the rules refuse is refused for its content
            office.enter(kind, day, body, *PARTIES)
        except UsageError:
            continue
    return office, [one.number for one in office.register.entered()]


def within(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    return outer == (ANY,) or set(inner) <= set(outer)


def no_wider(one: Held, other: Held) -> bool:
    return (
        within(one.scope.columns, other.scope.columns)
        and within(one.scope.scenarios, other.scope.scenarios)
        and one.since >= other.since
        and (other.until is None or (one.until is not None and one.until <= other.until))
    )


@FEW
@given(st.lists(step, min_size=1, max_size=MANY_EVENTS))
def test_later_events_never_change_an_answer(steps: list[Any]) -> None:
    office = Office().with_data()
    full, _ = played(steps)
    register = office.register
    for statement in full.statements[2:]:
        # Final: the days before the register's last. With the head, every day.
        last = register.last_day or ""
        final = {day: register.as_of(day) for day in DAYS if day < last}
        pinned = {day: register.as_of(day, head=register.head) for day in DAYS}
        head = register.head
        text = certified(register, last, head)
        register.add(statement)
        assert {day: register.as_of(day) for day in final} == final
        assert {day: register.as_of(day, head=head) for day in DAYS} == pinned
        assert certified(register, last, head) == text


def certified(register: RightsRegister, day: str, head: str) -> dict[str, Any] | None:
    """The certificate of one dataset by that head; None if its registration had ended."""
    try:
        return {**certificate(register, CASES, day, head=head)}
    except UsageError:
        return None


@FEW
@given(st.lists(step, min_size=3, max_size=MANY_EVENTS))
def test_no_licence_is_wider_than_its_licensors(steps: list[Any]) -> None:
    office, numbers = played(steps)
    for number in numbers:
        for day in DAYS:
            held = {one.number: one for one in office.register.book.held(Moment(day, number))}
            for one in held.values():
                if one.under is not None:
                    assert no_wider(one, held[one.under])


@FEW
@given(st.lists(step, min_size=3, max_size=MANY_EVENTS))
def test_no_licence_is_entered_wider_than_its_licensors(steps: list[Any]) -> None:
    """As registered, too: the terms that are signed are no wider than what the licensor had at that moment."""
    office, _ = played(steps)
    for entered in office.register.entered():
        if isinstance(entered.event, Licence):
            moment = Moment(entered.event.day, entered.number)
            licensor = office.register.book.grant(entered.event.under, moment)
            assert licensor is not None
            terms = entered.event.terms
            for link in office.register.book.chain(licensor, moment):
                assert terms.scope.within(link.terms.scope)
                assert terms.since >= link.terms.since
                if link.terms.until is not None:
                    assert terms.until is not None
                    assert terms.until <= link.terms.until


@FEW
@given(st.lists(step, min_size=3, max_size=MANY_EVENTS))
def test_raw_data_are_never_operated(steps: list[Any]) -> None:
    office, _ = played(steps)
    for day in DAYS:
        for one in office.register.as_of(day).held:
            assert one.right is not Right.OPERATE or one.asset.startswith("product:")


@FEW
@given(
    st.lists(step, min_size=2, max_size=MANY_EVENTS),
    st.integers(0, 20),
    st.sampled_from(PARTIES),
    st.sampled_from(SCENARIOS),
)
def test_cancelling_never_permits_more(
    steps: list[Any], which: int, party: str, scenario: str
) -> None:
    office, _ = played(steps)
    day = later(office.register.last_day or START, 1)
    numbers = list(office.register.book.grants)
    inputs = (Input(SETTLEMENT, "bureau", ("a", "b")), Input(CASES, "hospital", ("a",)))

    def lacking() -> set[tuple[str, str, str]]:
        found = missing(
            office.register,
            day=day,
            initiator=party,
            publishers=(party,),
            inputs=inputs,
            scenario=scenario,
            purpose="any",
        )
        return {(one.what, one.asset, one.party) for one in found}

    before = lacking()
    try:
        body = {"number": numbers[which % len(numbers)], "reason": "x"}
        office.enter("cancel", day, body, *PARTIES)
    except UsageError:
        return  # it had ended already
    after = lacking()
    assert bool(after) >= bool(before)
    # What lacks may be named at its root now: the registration instead of the licence under it.
    assert {asset for _, asset, _ in before} <= {asset for _, asset, _ in after}


def test_the_steps_reach_deep_chains() -> None:
    """The control: sequences such as these enter licences under licences, or the laws would hold of nothing."""
    wide = {"columns": ["*"], "scenarios": ["*"], "since": "2026-01-01", "until": None}
    free = wide | {"sublicensable": True, "transferable": True}
    narrow = free | {"scenarios": ["supervision"], "columns": ["a"]}
    office, _ = played(
        [
            ("licence", 0, "insurer", free, 0),
            ("licence", 2, "vendor", free, 0),
            ("change", 0, "bureau", narrow, 1),
        ]
    )
    held = {one.number: one for one in office.register.as_of("2026-02-03").held}
    assert held["L-1"].under == "L-0"
    assert held["L-1"].terms.scope.columns == ("*",)  # as licensed
    assert held["L-1"].scope.columns == ("a",)  # as far as the holder's own right reaches now
