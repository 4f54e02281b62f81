"""What the gate's rules cost is what its page says, and persons are counted for a tenth of the question at most."""

from __future__ import annotations

import pytest
from tests.joint import Joint
from tests.pack import DATA, DEMO, HERE, MISSING, QUESTIONS, ROOT
from tests.rulescost import costs, lines, more

pytestmark = pytest.mark.skipif(not HERE, reason=MISSING)
PERSONS, EVERY = 10, 60  # percent of the question's bytes


@pytest.fixture(scope="module")
def joint() -> Joint:
    return Joint.of_local(DEMO, data=DATA)


@pytest.mark.parametrize("name", QUESTIONS)
def test_persons_cost_a_tenth_at_most(joint: Joint, name: str) -> None:
    one, persons, every = costs(joint, name)
    assert more(one, persons) <= PERSONS
    assert more(one, every) <= EVERY


def test_the_page_has_these_figures() -> None:
    page = (ROOT / "docs" / "disclosure.md").read_text("utf-8")
    assert "\n".join(lines()) in page
