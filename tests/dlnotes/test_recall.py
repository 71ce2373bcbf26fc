"""What is to be remembered is marked once; sensitivity at a distance is the norm of the Jacobian."""

import torch
from torch import nn
from torch.nn import functional as F

from dlnotes.recurrent.recall import Reader, reach, sequences


def test_only_the_first_step_is_marked_and_it_is_the_answer():
    x, answers = sequences(50, 6, symbols=4, generator=torch.Generator().manual_seed(0))
    assert x.shape == (50, 7, 5)
    assert torch.equal(x[:, :, :4].sum(2), torch.ones(50, 7))
    assert torch.equal(x[:, 0, :4].argmax(1), answers)
    assert x[:, 0, 4].eq(1).all()
    assert x[:, 1:, 4].eq(0).all()
    assert set(answers.tolist()) == {0, 1, 2, 3}


def test_the_distractors_know_nothing_of_the_answer():
    x, answers = sequences(20_000, 2, symbols=4, generator=torch.Generator().manual_seed(0))
    same = x[:, 1, :4].argmax(1).eq(answers).double().mean()
    assert abs(same - 1 / 4) < 0.02


def test_a_short_gap_is_learned():
    torch.manual_seed(0)
    model = Reader(nn.GRU(5, 16, batch_first=True), 16, 4)
    x, answers = sequences(64, 2, symbols=4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(100):
        loss = F.cross_entropy(model(x), answers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model(x).argmax(1).eq(answers).all()


def test_reach_is_the_norm_of_the_jacobian():
    torch.manual_seed(0)
    core = nn.RNN(3, 4, batch_first=True).double()
    x = torch.randn(1, 5, 3).double()
    jacobian = torch.autograd.functional.jacobian(lambda x: core(x)[0][0, -1], x)[:, 0]  # (H, T, D)
    exact = jacobian.square().sum(dim=(0, 2)).sqrt().flip(0)
    estimate = reach(core, x.expand(20_000, -1, -1), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(estimate, exact, rtol=0.05, atol=0)


def test_reach_of_a_linear_memory_is_a_power():
    core = nn.RNN(1, 1, batch_first=True, bias=False, nonlinearity="relu")
    with torch.no_grad():
        core.weight_ih_l0.fill_(1)
        core.weight_hh_l0.fill_(0.5)
    sensitivity = reach(core, torch.ones(4000, 6, 1), generator=torch.Generator().manual_seed(0))
    ratios = sensitivity[1:] / sensitivity[:-1]
    torch.testing.assert_close(ratios, torch.full((5,), 0.5))
