"""A request: the person who asks has signed the question, so a real name stands behind it (实名认证)."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.records.names import Digest
from mpcstats.records.papers.asked import Asked
from mpcstats.records.principals import Principals
from mpcstats.records.tomlfile import Table

KIND = "request"


class Request(Table):
    """`question` is the digest of the question, which covers its text, day, user and project."""

    question: Digest


def not_real(name: str, asked: Asked, principals: Principals) -> Iterator[str]:
    """Why `name` cannot ask for the initiator as a real-name user; nothing if it can."""
    known = principals.get(name)
    if known is None:
        yield f"{name} is no known principal"
        return
    # The party's own key signs runs; a person has a key and a name of its own, behind the dot.
    if known.organisation != asked.initiator or name == asked.initiator:
        yield f"{name} is nobody of {asked.initiator}, which asks"
    if not principals.has(name, "user", asked.day):
        yield f"{name} has not the role user on {asked.day}"
    if not known.real_name:
        yield f"nobody has vouched for the name of {name} (real_name = true in the principals' file)"


def faults(request: Request, signers: tuple[str, ...], asked: Asked) -> Iterator[str]:
    """Why the request does not count for the question, in words; nothing if it does."""
    if request.question != asked.question:
        yield (
            f"it is for question {request.question[:16]}, this is {asked.question[:16]}: sign the question "
            "as it is asked, with its day"
        )
    if asked.user is None:
        yield "the question names no user"
    elif asked.user not in signers:
        yield f"it is not signed by {asked.user}, who asks"
