"""The language model: any core plugs in; states are cut, perplexities are right, samples obey."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dlnotes.data.text import RandomBatches, SequentialBatches
from dlnotes.recurrent.language_model import LanguageModel, detach, fit, generate, perplexity, sample
from dlnotes.recurrent.rnn import RNNCell, Unrolled

from .learning import assert_every_parameter_has_a_gradient

V, H = 6, 8
CORES = {
    "own": lambda width: Unrolled(RNNCell(width, H)),
    "rnn": lambda width: nn.RNN(width, H, batch_first=True),
    "gru two layers": lambda width: nn.GRU(width, H, num_layers=2, dropout=0.1, batch_first=True),
    "lstm": lambda width: nn.LSTM(width, H, batch_first=True),
}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def periodic(length: int = 400) -> torch.Tensor:
    """0 0 1 0 0 1 …: what follows a 0 depends on the one before."""
    return torch.tensor([0, 0, 1] * (length // 3))


@pytest.fixture(params=CORES, ids=lambda name: name)
def model(request) -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(CORES[request.param](V), V, H)


@pytest.mark.parametrize(
    ("core", "count"),
    [
        (Unrolled(RNNCell(28, 256)), 80_156),
        (nn.RNN(28, 256, batch_first=True), 80_412),
        (nn.GRU(28, 256, batch_first=True), 226_844),
        (nn.LSTM(28, 256, batch_first=True), 300_060),
    ],
    ids=["own", "rnn", "gru", "lstm"],
)
def test_parameters_are_those_of_the_reference(core, count):
    assert sum(p.numel() for p in LanguageModel(core, 28, 256).parameters()) == count


def test_logits_have_a_row_for_every_token_and_gradients_reach_everything(model):
    logits, _ = model(torch.randint(V, (3, 5), generator=seeded()))
    assert logits.shape == (3, 5, V)
    F.cross_entropy(logits.flatten(0, 1), torch.randint(V, (15,), generator=seeded(1))).backward()
    assert_every_parameter_has_a_gradient(model)


def test_one_hot_times_the_weights_is_an_embedding():
    torch.manual_seed(0)
    one_hot = LanguageModel(CORES["own"](V), V, H)
    embedded = LanguageModel(CORES["own"](H), V, H, embedding=H)
    embedded.head.load_state_dict(one_hot.head.state_dict())
    with torch.no_grad():
        embedded.embedding.weight.copy_(one_hot.core.cell.weight_ih.T)
        embedded.core.cell.weight_ih.copy_(torch.eye(H))
        embedded.core.cell.weight_hh.copy_(one_hot.core.cell.weight_hh)
        embedded.core.cell.bias.copy_(one_hot.core.cell.bias)
    tokens = torch.randint(V, (2, 7), generator=seeded())
    torch.testing.assert_close(embedded(tokens)[0], one_hot(tokens)[0])


def test_a_core_with_time_first_is_refused():
    with pytest.raises(ValueError, match="batch_first"):
        LanguageModel(nn.GRU(V, H), V, H)


@pytest.mark.parametrize("kind", [SequentialBatches, RandomBatches])
def test_a_pattern_is_learned(model, kind):
    train = kind(periodic(), 4, 9, generator=seeded())
    val = SequentialBatches(periodic(90), 2, 9)
    started = perplexity(model, val)
    record = fit(model, train, val, epochs=15, lr=0.03)
    assert 3 < started < 12
    assert record.val[-1] < 1.1
    assert len(record.train) == len(record.val) == len(record.seconds) == 15
    assert 15 * 10 <= len(record.step_loss) == len(record.step_norm) <= 15 * 11


def test_perplexity_is_the_exponential_of_the_mean_loss_and_leaves_the_mode():
    torch.manual_seed(0)
    model = LanguageModel(CORES["lstm"](V), V, H, dropout=0.5)
    ids = torch.randint(V, (41,), generator=seeded())
    with torch.no_grad():
        logits, _ = model.eval()(ids[None, :40])
    expected = F.cross_entropy(logits[0], ids[1:]).exp().item()
    model.train()
    assert perplexity(model, SequentialBatches(ids, 1, 8)) == pytest.approx(expected, rel=1e-5)
    assert model.training
    model.zero_grad()


def test_random_batches_start_from_an_empty_state():
    model = LanguageModel(CORES["rnn"](V), V, H)
    seen = []
    model.core.register_forward_pre_hook(lambda _, args: seen.append(args[1]))
    ids = torch.randint(V, (200,), generator=seeded())
    fit(model, RandomBatches(ids, 4, 5), SequentialBatches(ids, 4, 5), epochs=1, lr=0.01)
    training = len(list(RandomBatches(ids, 4, 5)))
    assert seen[:training] == [None] * training
    assert all(state is not None for state in seen[training + 1 :])


def test_carried_states_are_values_without_a_graph(model):
    seen = []
    model.core.register_forward_pre_hook(lambda _, args: seen.append(args[1]))
    ids = torch.randint(V, (200,), generator=seeded())
    batches = SequentialBatches(ids, 4, 5)
    fit(model, batches, batches, epochs=1, lr=0.01)
    handed = seen[1 : len(list(batches))]
    flat = [part for state in handed for part in (state if isinstance(state, tuple) else (state,))]
    assert flat
    assert all(not part.requires_grad and part.abs().sum() > 0 for part in flat)


def test_detaching_keeps_nesting_and_values():
    a = torch.ones(2, requires_grad=True) * 2
    inner, (first, _) = detach((a, (a, a)))
    assert not inner.requires_grad
    assert first.tolist() == [2, 2]


@pytest.mark.parametrize(("max_norm", "moved"), [(None, 1.0), (0.5, 0.5)])
def test_norms_are_recorded_before_clipping(max_norm, moved):
    torch.manual_seed(0)
    model = LanguageModel(CORES["rnn"](V), V, H)
    before = nn.utils.parameters_to_vector(model.parameters()).clone()
    ids = torch.zeros(41, dtype=torch.long)
    batches = SequentialBatches(ids, 4, 10)
    record = fit(model, batches, batches, epochs=1, lr=1.0, optimizer=torch.optim.SGD, max_norm=max_norm)
    step = (nn.utils.parameters_to_vector(model.parameters()) - before).norm().item()
    assert len(record.step_norm) == 1
    assert record.step_norm[0] > 0.5
    assert step == pytest.approx(record.step_norm[0] if max_norm is None else moved, rel=1e-4)


def test_less_than_one_epoch_is_refused(model):
    batches = SequentialBatches(periodic(), 4, 5)
    with pytest.raises(ValueError, match="epochs"):
        fit(model, batches, batches, epochs=0, lr=0.1)


def test_greedy_samples_continue_what_was_learned(model):
    batches = SequentialBatches(periodic(), 4, 9)
    fit(model, batches, batches, epochs=20, lr=0.03)
    found = generate(model, torch.tensor([0, 0, 1]), 9, temperature=0)
    assert found.tolist() == [0, 0, 1] * 4
    assert model.training


def test_a_prefix_read_at_once_is_the_prefix_read_step_by_step(model):
    tokens = torch.randint(V, (1, 6), generator=seeded())
    whole, _ = model.eval()(tokens)
    state = None
    for t in range(6):
        step, state = model(tokens[:, t : t + 1], state)
    torch.testing.assert_close(step[:, 0], whole[:, -1])


def test_the_same_generator_gives_the_same_text_and_the_banned_never_comes(model):
    prefix = torch.tensor([2])
    first = generate(model, prefix, 60, generator=seeded(), banned=[0, 3])
    assert torch.equal(first, generate(model, prefix, 60, generator=seeded(), banned=[0, 3]))
    assert set(first.tolist()) == {1, 2, 4, 5}


def test_an_empty_prefix_is_refused(model):
    with pytest.raises(ValueError, match="prefix"):
        generate(model, torch.tensor([], dtype=torch.long), 3)


def test_temperature_and_top_k_shape_the_distribution():
    logits = torch.tensor([1.0, 3.0, 2.0, 0.0])
    generator = seeded()

    def shares(**options) -> torch.Tensor:
        drawn = torch.stack([sample(logits, generator=generator, **options) for _ in range(3_000)])
        return torch.bincount(drawn, minlength=4) / 3_000

    torch.testing.assert_close(shares(), logits.softmax(0), atol=0.04, rtol=0)
    torch.testing.assert_close(shares(temperature=2.0), (logits / 2).softmax(0), atol=0.04, rtol=0)
    assert shares(temperature=0).tolist() == [0, 1, 0, 0]
    two = shares(top_k=2)
    assert two[0] == two[3] == 0
    assert two[1].item() == pytest.approx(1 / (1 + math.exp(-1)), abs=0.04)


@pytest.mark.parametrize("wrong", [{"temperature": -1.0}, {"top_k": 0}])
def test_a_senseless_temperature_or_top_k_is_refused(wrong):
    with pytest.raises(ValueError, match="temperature"):
        sample(torch.zeros(3), **wrong)
