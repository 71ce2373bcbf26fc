"""Folds: every sample is held out once, and the same call gives the same folds."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dlnotes.selection import k_fold


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
