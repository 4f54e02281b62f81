"""What a party keeps of earlier runs: files that are checked, releases that are taken back, positions that stay."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import Disagreement, UsageError
from mpcstats.party.past.persons import Persons
from mpcstats.party.past.release import HEAD, Universe, read_release
from mpcstats.party.past.releases import Releases
from mpcstats.protocols.differencing import Compared

PLACE = Universe("d", ("a", "b", "c"), 5)
LIKE = Arith((0,), (np.zeros(0, dtype=np.uint64),) * 2, 1)
LABELS = [f"{i:032x}" for i in range(9)]


def compared(cells: int, start: int = 0) -> Compared:
    """Shares whose low halves are numbers from `start`; what is above is not kept."""
    words = np.arange(start, start + cells * 5, dtype=np.uint64).reshape(cells, 5)
    high = np.uint64(1 << 40)
    allowed = Bits(cells, 1, (np.zeros((1, 1), dtype=np.uint64),) * 2, 1)
    flags = np.arange(cells, dtype=np.uint64)
    return Compared(
        allowed,
        Arith((cells, 5), (words + high, words * np.uint64(2)), 1),
        Arith((cells,), (flags + high, flags), 1),
    )


def kept(folder: Path, *cells: int) -> Releases:
    releases = Releases(folder, PLACE, 2)
    for label, count in zip(LABELS, cells, strict=False):
        releases.keep(label, compared(count))
    return releases


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    before = kept(tmp_path / "x", 1, 3)
    again = Releases(tmp_path / "x", PLACE, 2)
    assert again.told().tolist() == before.told().tolist()
    for releases in (before, again):
        earlier = releases.earlier(6, LIKE)
        assert earlier.releases == ((0, 1), (1, 4))
        assert earlier.members.shape == (6, 5)
        assert earlier.members.constant_at == LIKE.constant_at
        low = [part & np.uint64(0xFFFFFFFF) for part in earlier.members.parts]
        assert low[0][1:4].tolist() == np.arange(15).reshape(3, 5).tolist()
        assert low[1][1:4].tolist() == (2 * np.arange(15).reshape(3, 5)).tolist()
        assert not low[0][4:].any()
        assert (earlier.flags.parts[0] & np.uint64(0xFFFFFFFF)).tolist() == [0, 0, 1, 2, 0, 0]
    assert all(p.stat().st_mode & 0o777 == 0o600 for p in (tmp_path / "x").iterdir())
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o700


def test_an_owner_that_does_not_compute_keeps_no_shares(tmp_path: Path) -> None:
    one = Releases(tmp_path / "d", PLACE, 0)
    found = compared(2)
    outside = Compared(found.allowed, Arith((2, 5), (), None), Arith((2,), (), None))
    one.keep(LABELS[0], outside)
    assert (tmp_path / "d" / "00000000.release").stat().st_size == HEAD.size + 32
    other = kept(tmp_path / "a", 2)
    assert Releases(tmp_path / "d", PLACE, 0).told().tolist() == other.told().tolist()


def test_a_full_history_is_refused(tmp_path: Path) -> None:
    releases = kept(tmp_path, 2, 2)
    assert releases.earlier(4, LIKE).releases == ((0, 2), (2, 4))
    with pytest.raises(UsageError, match="at most 3 earlier cells"):
        releases.earlier(3, LIKE)


@pytest.mark.parametrize("at", [0, 20, 60, 100, 110, HEAD.size + 3, -1])
def test_a_changed_byte_is_seen(tmp_path: Path, at: int) -> None:
    kept(tmp_path, 2)
    path = tmp_path / "00000000.release"
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(UsageError, match="a file that was changed"):
        Releases(tmp_path, PLACE, 2)


def rewritten(path: Path, at: int, value: int) -> None:
    """One byte of the head is another, and the digest is that of the new file."""
    data = bytearray(path.read_bytes()[:-32])
    data[at] = value
    path.write_bytes(bytes(data) + hashlib.sha256(data).digest())


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (0, 0, "one of another"),  # magic
        (20, 255, "one of another"),  # universe
        (96, 6, "one of another"),  # capacity
        (112, 1, "one of another"),  # parts
        (104, 3, "bytes for 3 cells"),
        (104, 0, "bytes for 0 cells"),
        (60, 255, "the release after"),  # previous
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, at: int, value: int, words: str) -> None:
    kept(tmp_path, 2)
    rewritten(tmp_path / "00000000.release", at, value)
    with pytest.raises(UsageError, match=words):
        Releases(tmp_path, PLACE, 2)


def test_an_index_may_grow(tmp_path: Path) -> None:
    before = kept(tmp_path, 2)
    grown = Releases(tmp_path, replace(PLACE, capacity=7), 2)
    assert grown.told().tolist() == before.told().tolist()
    earlier = grown.earlier(3, LIKE)
    assert earlier.members.shape == (3, 7)
    assert (earlier.members.parts[1][:2, :5] == 2 * np.arange(10).reshape(2, 5)).all()
    assert not earlier.members.parts[1][:, 5:].any()
    with pytest.raises(UsageError, match="one of another"):
        Releases(tmp_path, replace(PLACE, capacity=4), 2)


def test_a_missing_release_is_seen(tmp_path: Path) -> None:
    kept(tmp_path, 1, 1, 1)
    (tmp_path / "00000001.release").unlink()
    with pytest.raises(UsageError, match="expected the release after"):
        Releases(tmp_path, PLACE, 2)


def test_a_short_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "00000000.release"
    path.write_bytes(b"x")
    with pytest.raises(UsageError, match="expected a release as it was kept"):
        read_release(path, PLACE, 2)


@pytest.mark.parametrize("behind", [b for b in product([0, 1], repeat=3) if any(b)])
def test_what_not_all_have_kept_is_taken_back(tmp_path: Path, behind: tuple[int, ...]) -> None:
    """A run that ended between its keeping and its opening: some have its cells and others have not."""
    all_of = {
        name: kept(tmp_path / name, *([1, 2] if late else [1, 2, 3]))
        for name, late in zip("abc", behind, strict=True)
    }
    told = {name: releases.told() for name, releases in all_of.items()}
    for name, releases in all_of.items():
        releases.settle({other: words for other, words in told.items() if other != name})
    assert len({tuple(releases.told().tolist()) for releases in all_of.values()}) == 1
    again = Releases(tmp_path / "a", PLACE, 2)
    assert again.told().tolist() == all_of["b"].told().tolist()
    assert again.earlier(9, LIKE).releases == ((0, 1), (1, 3))


def test_equal_histories_stay_as_they_are(tmp_path: Path) -> None:
    one, other = kept(tmp_path / "a", 1, 2), kept(tmp_path / "b", 1, 2)
    one.settle({"b": other.told()})
    assert one.earlier(9, LIKE).releases == ((0, 1), (1, 3))


@pytest.mark.parametrize("theirs", [(), (1,), (2, 2, 3), (1, 2, 4)])
def test_histories_that_differ_by_more_are_a_fault(tmp_path: Path, theirs: tuple[int, ...]) -> None:
    one, other = kept(tmp_path / "a", 1, 2, 3), kept(tmp_path / "b", *theirs)
    if theirs == (1, 2, 4):  # both have one release that the other has not: both take it back
        one.settle({"b": other.told()})
        assert one.earlier(9, LIKE).releases == ((0, 1), (1, 3))
        return
    with pytest.raises(Disagreement, match="the same earlier releases"):
        one.settle({"b": other.told()})


def keys(*numbers: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
    column = np.array(numbers, dtype=np.uint64)
    return np.stack([column * np.uint64(0x9E3779B97F4A7C15), column], axis=1)


def test_a_person_keeps_its_position(tmp_path: Path) -> None:
    path = tmp_path / "persons.index"
    persons = Persons(path, 6)
    persons.add(keys(7, 3, 9))
    at = dict(zip((7, 3, 9), persons.positions(keys(7, 3, 9)).tolist(), strict=True))
    assert sorted(at.values()) == [0, 1, 2]
    again = Persons(path, 6)
    again.add(keys(1, 9, 2))
    assert len(again) == 5
    assert again.positions(keys(9, 3, 7)).tolist() == [at[9], at[3], at[7]]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_person_without_a_position_is_seen(tmp_path: Path) -> None:
    persons = Persons(tmp_path / "persons.index", 6)
    assert persons.positions(keys()).tolist() == []
    with pytest.raises(UsageError, match="expected persons of the index"):
        persons.positions(keys(4))
    persons.add(keys(1, 2))
    with pytest.raises(UsageError, match="expected persons of the index"):
        persons.positions(keys(1, 4))


def test_a_full_index_is_refused(tmp_path: Path) -> None:
    persons = Persons(tmp_path / "persons.index", 2)
    persons.add(keys(1, 2))
    persons.add(keys(2, 1))
    with pytest.raises(UsageError, match="at most 2 persons over all runs"):
        persons.add(keys(3))
    assert len(Persons(tmp_path / "persons.index", 2)) == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [(bytes(15), "of 16 bytes"), (bytes(48), "at most 2 persons"), (bytes(32), "got one twice")],
)
def test_a_file_that_is_no_index_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "persons.index"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=words):
        Persons(path, 2)
