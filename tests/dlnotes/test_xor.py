"""XOR: weights by hand, and a crowd that trains as each would alone."""

import torch
from torch import nn
from torch.nn import functional as F

from dlnotes.cost import count_parameters
from dlnotes.mlp import MLP, mlp_scratch
from dlnotes.xor import hand_weights, train_crowd, xor


def test_weights_by_hand_give_xor_exactly():
    x, y = xor()
    assert torch.equal(mlp_scratch(x, hand_weights())[:, 0], y)
    model = MLP(2, 2, 1)
    model.load_state_dict(hand_weights())
    assert torch.equal(model(x)[:, 0], y)
    assert count_parameters(model) == 9


def test_a_member_of_the_crowd_trains_as_it_would_alone():
    x, y = xor()
    starts = {}

    def keep(parameters, step):
        if step == 0:
            starts.update({name: p.detach().clone() for name, p in parameters.items()})

    crowd = train_crowd(range(3), 4, steps=30, lr=0.05, on_step=keep)
    model = MLP(2, 4, 1)
    start = {n: p[1].squeeze(0) if "bias" in n else p[1] for n, p in starts.items()}
    model.load_state_dict(start)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(30):
        loss = F.binary_cross_entropy_with_logits(model(x)[:, 0], y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name, p in model.named_parameters():
        torch.testing.assert_close(crowd.member(1)[name], p.detach(), rtol=1e-4, atol=1e-5)


def test_a_seed_gives_the_same_network_whoever_else_is_there():
    alone = train_crowd(range(5, 6), 3, steps=20, lr=0.05)
    among = train_crowd(range(3, 8), 3, steps=20, lr=0.05)
    for name, p in alone.member(0).items():
        torch.testing.assert_close(among.member(2)[name], p)


def test_solved_means_all_four_points():
    x, y = xor()
    crowd = train_crowd(range(20), 2, steps=300, lr=0.05)
    assert 0 < crowd.solved.sum() < 20
    for i in range(20):
        said = mlp_scratch(x, crowd.member(i))[:, 0] > 0
        assert bool(crowd.solved[i]) == torch.equal(said, y > 0)
        assert crowd.losses[i] < 0.3 or not crowd.solved[i]


def test_starts_lie_in_the_range_of_nn_linear():
    crowd = train_crowd(range(50), 8, steps=0, lr=0.05)
    for name, layer in MLP(2, 8, 1).named_children():
        if isinstance(layer, nn.Linear):
            bound = layer.in_features**-0.5
            assert 0.9 * bound < crowd.parameters[f"{name}.weight"].abs().max() <= bound
