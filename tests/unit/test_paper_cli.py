"""`mpcstats paper request`: the request is of the question as it is asked, the engine too."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.consenting import AUTHORITY, pem
from typer.testing import CliRunner

from mpcstats.cli.paper import app
from mpcstats.party.desk.paper import read_paper
from mpcstats.party.question import Question

TEXT = "SELECT COUNT(*) AS n FROM bureau.enrolment"


@pytest.mark.parametrize("engine", [None, "pair"])
def test_a_request_is_for_the_engine_that_is_asked_for(tmp_path: Path, engine: str | None) -> None:
    (tmp_path / "question.sql").write_text(TEXT, "utf-8")
    pem(tmp_path / "authority.sign", AUTHORITY)
    asked = [
        *("--question", tmp_path / "question.sql", "--party", "bureau", "--user", AUTHORITY),
        *("--scenario", "study", "--purpose", "a test", "--day", "2026-01-01"),
        *("--key", tmp_path / "authority.sign", "--out", tmp_path / "a.paper.json"),
        *(() if engine is None else ("--engine", engine)),
    ]
    arguments = ["request", *map(str, asked)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    (signed,) = [read_paper(tmp_path / "a.paper.json")]
    question = Question(
        TEXT, "study", "a test", "bureau", ("bureau",), "2026-01-01", user=AUTHORITY, engine=engine
    )
    assert signed.body == {"question": question.digest()}
