"""Folds: every sample is held out once, and the same call gives the same folds."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dlnotes.selection import forward_chain, group_k_fold, k_fold, stratified_k_fold


@given(st.integers(2, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(2, n))))
def test_each_sample_is_held_out_exactly_once(sizes):
    n, k = sizes
    folds = list(k_fold(n, k))
    assert len(folds) == k
    assert torch.cat([held_out for _, held_out in folds]).sort().values.tolist() == list(range(n))
    assert max(len(v) for _, v in folds) - min(len(v) for _, v in folds) <= 1
    for train, held_out in folds:
        assert torch.cat([train, held_out]).sort().values.tolist() == list(range(n))


def test_folds_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = [v.tolist() for _, v in k_fold(20, 4)]
    torch.manual_seed(2)
    assert [v.tolist() for _, v in k_fold(20, 4)] == first
    assert [v.tolist() for _, v in k_fold(20, 4, seed=1)] != first


def test_folds_leave_the_global_random_numbers_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    list(k_fold(10, 5))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("k", [1, 0, 11])
def test_a_number_of_folds_that_cannot_be_is_an_error(k):
    with pytest.raises(ValueError, match="k 应在 2 到 n=10 之间"):
        next(k_fold(10, k))


@given(
    st.lists(st.integers(0, 3), min_size=2, max_size=60).flatmap(
        lambda y: st.tuples(st.just(y), st.integers(2, len(y)))
    )
)
def test_stratified_folds_share_out_each_class_evenly(drawn):
    labels, k = torch.tensor(drawn[0]), drawn[1]
    folds = list(stratified_k_fold(labels, k))
    assert torch.cat([held_out for _, held_out in folds]).sort().values.tolist() == list(range(len(labels)))
    for label in labels.unique():
        counts = [int((labels[held_out] == label).sum()) for _, held_out in folds]
        assert max(counts) - min(counts) <= 1
    for train, held_out in folds:
        assert torch.cat([train, held_out]).sort().values.tolist() == list(range(len(labels)))


def test_stratified_folds_are_shuffled_within_a_class():
    labels = torch.zeros(20, dtype=torch.int64)
    first = next(stratified_k_fold(labels, 2))[1].tolist()
    assert first != next(stratified_k_fold(labels, 2, seed=1))[1].tolist()
    assert first == next(stratified_k_fold(labels, 2))[1].tolist()


@given(st.lists(st.integers(-3, 5), min_size=2, max_size=60), st.integers(2, 4))
def test_a_group_is_never_on_both_sides(names, k):
    groups = torch.tensor(names)
    if k > len(set(names)):
        with pytest.raises(ValueError, match="k 应在 2 到"):
            next(group_k_fold(groups, k))
        return
    folds = list(group_k_fold(groups, k))
    assert torch.cat([held_out for _, held_out in folds]).sort().values.tolist() == list(range(len(names)))
    for train, held_out in folds:
        assert not set(groups[train].tolist()) & set(groups[held_out].tolist())
        assert len(train) + len(held_out) == len(names)


@given(st.integers(2, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n - 1))))
def test_a_forward_chain_trains_on_the_whole_past_and_only_that(sizes):
    n, k = sizes
    splits = list(forward_chain(n, k))
    assert len(splits) == k
    for train, held_out in splits:
        assert train.tolist() == list(range(held_out[0]))
        assert held_out.tolist() == list(range(held_out[0], held_out[-1] + 1))
    assert splits[-1][1][-1] == n - 1


@pytest.mark.parametrize("k", [0, 10])
def test_a_chain_longer_than_the_series_is_an_error(k):
    with pytest.raises(ValueError, match="k 应在 1 到 n-1=9 之间"):
        next(forward_chain(10, k))


@pytest.mark.parametrize("k", [1, 5])
def test_stratified_folds_that_cannot_be_are_an_error(k):
    with pytest.raises(ValueError, match="k 应在 2 到 n=4 之间"):
        next(stratified_k_fold(torch.tensor([0, 0, 1, 1]), k))
