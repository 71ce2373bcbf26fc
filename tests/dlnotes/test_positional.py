"""A shift of positions is a rotation, the same everywhere; RoPE sees only distances."""

from __future__ import annotations

import math

import pytest
import torch

from dlnotes import cost
from dlnotes.attention.positional import PositionalEncoding, frequencies, rotate, shift, sinusoidal


def test_columns_are_sines_and_cosines_of_the_paper() -> None:
    table = sinusoidal(torch.arange(60), 32)
    assert table.shape == (60, 32)
    for t, i in ((0, 0), (7, 3), (59, 15)):
        angle = t / 10_000 ** (2 * i / 32)
        assert table[t, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
        assert table[t, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_every_position_is_equally_long_and_all_differ() -> None:
    table = sinusoidal(torch.arange(1000), 32)
    torch.testing.assert_close(table.square().sum(1), torch.full((1000,), 16.0))
    assert torch.cdist(table, table).fill_diagonal_(1).min() > 0.1


@pytest.mark.parametrize("offset", [1, 5, -3, 100])
def test_a_shift_is_one_rotation_for_all_positions(offset: int) -> None:
    matrix = shift(16, offset)
    torch.testing.assert_close(matrix @ matrix.mT, torch.eye(16, dtype=torch.float64))
    assert torch.linalg.det(matrix).item() == pytest.approx(1)
    positions = torch.arange(100, 150)
    moved = sinusoidal(positions, 16).double() @ matrix.mT
    torch.testing.assert_close(moved, sinusoidal(positions + offset, 16).double(), atol=1e-6, rtol=0)


def test_the_blocks_of_a_shift_are_plane_rotations() -> None:
    matrix = shift(4, 2)
    for i, w in enumerate(frequencies(4).tolist()):
        c, s = math.cos(2 * w), math.sin(2 * w)
        block = matrix[2 * i : 2 * i + 2, 2 * i : 2 * i + 2]
        torch.testing.assert_close(block, torch.tensor([[c, s], [-s, c]], dtype=torch.float64))
    assert not matrix[:2, 2:].any()


def test_shifts_add_up() -> None:
    torch.testing.assert_close(shift(8, 3) @ shift(8, 4), shift(8, 7))


def test_products_of_positions_depend_on_their_distance_only() -> None:
    table = sinusoidal(torch.arange(50), 32)
    products = table @ table.mT
    for distance in (0, 1, 10):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))


def test_rotated_queries_and_keys_see_their_distance_only() -> None:
    torch.manual_seed(0)
    q, k = torch.randn(8), torch.randn(8)
    scores = rotate(q.expand(20, 8)) @ rotate(k.expand(20, 8)).mT
    for distance in (-7, 0, 3):
        diagonal = scores.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-5, rtol=1e-5)
    assert scores.diagonal(0)[0].item() == pytest.approx((q @ k).item(), abs=1e-5)
    assert scores[0].std() > 0.1


def test_a_rotation_keeps_lengths_and_starts_where_it_is_told() -> None:
    x = torch.randn(2, 3, 6, 8)
    torch.testing.assert_close(rotate(x).norm(dim=3), x.norm(dim=3))
    torch.testing.assert_close(rotate(x)[:, :, 4:], rotate(x[:, :, 4:], start=4))


def test_positions_are_added_from_the_start_that_is_given() -> None:
    encoding, x = PositionalEncoding(8), torch.randn(2, 5, 8)
    assert cost.count_parameters(encoding) == 0
    assert not encoding.state_dict()
    whole = encoding(x)
    torch.testing.assert_close(whole - x, sinusoidal(torch.arange(5), 8).expand(2, 5, 8))
    torch.testing.assert_close(encoding(x[:, 3:], start=3), whole[:, 3:])
    assert not torch.allclose(encoding(x[:, 3:]), whole[:, 3:])


def test_a_position_beyond_the_table_is_an_error() -> None:
    encoding = PositionalEncoding(8, longest=4)
    encoding(torch.zeros(1, 1, 8), start=3)
    with pytest.raises(ValueError, match="位置只备到 4"):
        encoding(torch.zeros(1, 1, 8), start=4)


def test_an_odd_width_is_an_error() -> None:
    with pytest.raises(ValueError, match="偶数"):
        frequencies(7)
