"""A lead is a pure fold over the set of its revisions."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.mapping.fold import Revision, canonical_bytes, content_hash, fold


def a_revision(
    rank: int, doc: dict[str, Any], mode: str = "snapshot", stream: str = "pull"
) -> Revision:
    return Revision(rank.to_bytes(8, "big"), mode, stream, doc)


REVISIONS = st.lists(
    st.tuples(
        st.sampled_from(["snapshot", "patch"]),
        st.sampled_from(["push", "pull", "import"]),
        st.dictionaries(
            st.sampled_from(["name", "city_code", "intent", "message"]), st.integers(0, 3)
        ),
    ),
    min_size=1,
    max_size=6,
)


@given(REVISIONS, st.randoms(use_true_random=False))
def test_any_arrival_order_folds_to_the_same_lead(
    drawn: list[tuple[str, str, dict[str, Any]]], shuffler: random.Random
) -> None:
    revisions = [a_revision(n, doc, mode, stream) for n, (mode, stream, doc) in enumerate(drawn)]
    shuffled = list(revisions)
    shuffler.shuffle(shuffled)

    assert canonical_bytes(fold(shuffled)) == canonical_bytes(fold(revisions))


def test_a_to_b_to_a_ends_at_a() -> None:
    """A → B → A is real: the last revision wins even though it equals an older one."""
    a, b = {"name": "张三"}, {"name": "李四"}

    assert fold([a_revision(1, a), a_revision(2, b), a_revision(3, a)]) == a


def test_a_patch_keeps_what_it_does_not_carry() -> None:
    full = {"name": "张三", "city_code": "110100", "ext": {"grade": "三年级", "area": 90}}

    folded = fold([a_revision(1, full), a_revision(2, {"ext": {"area": 120}}, "patch", "push")])

    assert folded == {
        "name": "张三",
        "city_code": "110100",
        "ext": {"grade": "三年级", "area": 120},
    }


def test_a_snapshot_clears_only_what_its_own_stream_had_said() -> None:
    """A pull is the whole state of the platform, but it knows nothing of what only the push carries."""
    folded = fold(
        [
            a_revision(1, {"name": "张三", "message": "急"}),
            a_revision(2, {"campaign_id": "c1"}, "patch", "push"),
            a_revision(3, {"name": "张三"}),
        ]
    )

    assert folded == {"name": "张三", "campaign_id": "c1"}


def test_marks_are_those_of_the_newest_revision_of_each_stream() -> None:
    folded = fold(
        [
            a_revision(1, {"name": "匿名咨询", "marks": ["name_defaulted"]}),
            a_revision(2, {"marks": ["macro_unreplaced"]}, "patch", "push"),
            a_revision(3, {"name": "张三"}),
        ]
    )

    assert folded["marks"] == ["macro_unreplaced"]


def test_unmapped_fields_of_both_streams_are_kept() -> None:
    folded = fold(
        [
            a_revision(1, {"extra": {"unmapped": {"a": 1}}}),
            a_revision(2, {"extra": {"unmapped": {"b": 2}}}, "patch", "push"),
        ]
    )

    assert folded["extra"] == {"unmapped": {"a": 1, "b": 2}}


def test_equal_documents_have_equal_hashes_whatever_their_key_order() -> None:
    assert content_hash({"a": 1, "b": {"c": 2, "d": "😀"}}) == content_hash(
        {"b": {"d": "😀", "c": 2}, "a": 1}
    )
    assert content_hash({"a": 1}) != content_hash({"a": 2})
