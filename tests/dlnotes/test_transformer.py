"""Layers are PyTorch's; hidden tokens do not matter; decoding step by step is what was trained."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlnotes import cost
from dlnotes.attention.gpt import CausalTransformer
from dlnotes.attention.layers import DecoderLayer, EncoderLayer, FeedForward
from dlnotes.attention.multihead import causal_mask, padding_mask
from dlnotes.attention.positional import PositionalEncoding
from dlnotes.attention.transformer import DecoderState, Embedding, Transformer, noam
from dlnotes.data.padded import PAD, Pairs, pair_up
from dlnotes.data.text import RandomBatches
from dlnotes.recurrent.decoding import beam, greedy
from dlnotes.recurrent.language_model import LanguageModel, fit, generate, perplexity
from dlnotes.recurrent.teacher_forcing import batch_loss, evaluate

from .learning import assert_every_parameter_has_a_gradient
from .parity import copy_layer


def options(norm_first: bool) -> dict[str, object]:
    return {"dropout": 0.0, "norm_first": norm_first, "batch_first": True}


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_an_encoder_layer_is_that_of_pytorch(norm_first: bool, masked: bool) -> None:
    torch.manual_seed(0)
    ours = EncoderLayer(12, 3, 20, norm_first=norm_first)
    theirs = nn.TransformerEncoderLayer(12, 3, 20, **options(norm_first))
    copy_layer(ours, theirs)
    x = torch.randn(2, 5, 12, requires_grad=True)
    lengths = torch.tensor([5, 3])
    mask = padding_mask(lengths, 5) if masked else None
    hidden = ~padding_mask(lengths, 5)[:, 0] if masked else None
    output, expected = ours(x, mask), theirs(x, src_key_padding_mask=hidden)
    torch.testing.assert_close(output, expected)
    compare_gradients(output, expected, (x,))
    compare_gradients(
        output,
        expected,
        (ours.feed_forward.expand.weight, ours.attention.output.weight),
        (theirs.linear1.weight, theirs.self_attn.out_proj.weight),
    )


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_decoder_layer_is_that_of_pytorch(norm_first: bool) -> None:
    torch.manual_seed(0)
    ours = DecoderLayer(12, 3, 20, norm_first=norm_first)
    theirs = nn.TransformerDecoderLayer(12, 3, 20, **options(norm_first))
    copy_layer(ours, theirs)
    x = torch.randn(2, 4, 12, requires_grad=True)
    memory = torch.randn(2, 5, 12, requires_grad=True)
    visible = padding_mask(torch.tensor([5, 2]), 5)
    output = ours(x, memory, visible)
    expected = theirs(x, memory, tgt_mask=~causal_mask(4), memory_key_padding_mask=~visible[:, 0])
    torch.testing.assert_close(output, expected)
    compare_gradients(output, expected, (x, memory))
    compare_gradients(output, expected, (ours.cross.output.weight,), (theirs.multihead_attn.out_proj.weight,))


def compare_gradients(
    a: Tensor, b: Tensor, mine: tuple[Tensor, ...], its: tuple[Tensor, ...] | None = None
) -> None:
    upstream = torch.randn_like(a)
    for one, other in zip(
        torch.autograd.grad((a * upstream).sum(), mine, retain_graph=True),
        torch.autograd.grad((b * upstream).sum(), its or mine, retain_graph=True),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_the_stacks_are_those_of_pytorch() -> None:
    torch.manual_seed(0)
    ours = Transformer(9, 9, width=12, heads=4, hidden=20, layers=2, dropout=0.0, bias=True, final_norm=True)
    theirs = nn.Transformer(12, 4, 2, 2, 20, dropout=0.0, batch_first=True)
    for mine, its in zip(
        (*ours.encoder.layers, *ours.decoder.layers),
        (*theirs.encoder.layers, *theirs.decoder.layers),
        strict=True,
    ):
        copy_layer(mine, its)
    source, target = torch.randn(2, 5, 12), torch.randn(2, 4, 12)
    memory = ours.encoder.encode(source)
    pairs = tuple(layer.cross.project(memory, memory) for layer in ours.decoder.layers)
    state = DecoderState(pairs, torch.ones(2, 1, 5, dtype=torch.bool))
    output, _ = ours.decoder.decode(target, state)
    torch.testing.assert_close(output, theirs(source, target, tgt_mask=~causal_mask(4)))


def count(net: nn.Module) -> int:
    return cost.count_parameters(net)


def test_counts_of_the_reference() -> None:
    with torch.device("meta"):
        net = Transformer(184, 201, width=32, heads=4, hidden=64, layers=2)
    assert count(net.encoder) == 22_720
    assert count(net.decoder) == 38_217
    assert count(net) == 60_937
    assert count(net.encoder.layers[0]) == 8_416
    assert count(net.decoder.layers[0]) == 12_576


def test_counts_of_pytorchs_default() -> None:
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        net = Transformer(1, 1, bias=True, final_norm=True)
        theirs = nn.Transformer()
    stacks = (net.encoder.layers, net.encoder.norm, net.decoder.layers, net.decoder.norm)
    assert sum(map(count, stacks)) == count(theirs) == 44_140_544


def test_counts_of_the_papers_base() -> None:
    with torch.device("meta"):
        net = Transformer(37_000, 37_000, shared=True)
    assert count(net.encoder.layers) + count(net.decoder.layers) == 44_101_632
    assert count(net.encoder.embedding) == 18_944_000
    assert count(net) == 63_045_632
    assert net.decoder.head.weight is net.encoder.embedding.table.weight


def test_the_count_of_a_layer_does_not_know_the_length_or_the_heads() -> None:
    assert count(EncoderLayer(16, 2, 64)) == count(EncoderLayer(16, 8, 64)) == 12 * 16**2 + 13 * 16


def test_a_feed_forward_network_is_two_one_by_one_convolutions() -> None:
    net, x = FeedForward(6, 10), torch.randn(2, 5, 6)
    y = F.conv1d(x.mT, net.expand.weight[:, :, None], net.expand.bias).relu()
    y = F.conv1d(y, net.reduce.weight[:, :, None], net.reduce.bias)
    torch.testing.assert_close(net(x), y.mT)


def test_embeddings_and_positions_are_of_one_order_of_magnitude() -> None:
    torch.manual_seed(0)
    embedding = Embedding(1000, 64)
    x = embedding(torch.arange(1000)[None]) - embedding.positions(torch.zeros(1, 1000, 64))
    assert x.std().item() == pytest.approx(1, abs=0.02)


def toy(norm_first: bool = False, **changes: object) -> Transformer:
    torch.manual_seed(0)
    sizes = {"width": 16, "heads": 4, "hidden": 32, "layers": 2, "dropout": 0.0}
    return Transformer(12, 12, norm_first=norm_first, **{**sizes, **changes})


def some_pairs() -> Pairs:
    generator = torch.Generator().manual_seed(0)
    rows = [torch.randint(4, 12, (n,), generator=generator) for n in (6, 2, 4, 1)]
    return pair_up(rows, [row.flip(0) for row in rows])


@pytest.mark.parametrize("norm_first", [False, True])
def test_padding_does_not_change_the_logits(norm_first: bool) -> None:
    net, pairs = toy(norm_first), some_pairs()
    whole = net(pairs.source, pairs.source_lengths, pairs.inputs)
    longer = F.pad(pairs.source, (0, 3), value=PAD)
    torch.testing.assert_close(net(longer, pairs.source_lengths, pairs.inputs), whole)
    other = longer.masked_fill(~padding_mask(pairs.source_lengths, longer.shape[1])[:, 0], 7)
    torch.testing.assert_close(net(other, pairs.source_lengths, pairs.inputs), whole)
    alone = pairs.select(torch.tensor([1]))
    torch.testing.assert_close(
        net(alone.source, alone.source_lengths, alone.inputs), whole[1:2, : alone.inputs.shape[1]]
    )


def test_later_tokens_do_not_change_earlier_logits() -> None:
    net, pairs = toy(), some_pairs()
    whole = net(pairs.source, pairs.source_lengths, pairs.inputs)
    for t in range(1, pairs.inputs.shape[1]):
        changed = pairs.inputs.clone()
        changed[:, t:] = (changed[:, t:] + 5) % 12
        logits = net(pairs.source, pairs.source_lengths, changed)
        torch.testing.assert_close(logits[:, :t], whole[:, :t])
        assert (logits[:, t:] - whole[:, t:]).abs().amax((1, 2)).min() > 1e-3


def test_earlier_and_source_tokens_do_change_later_logits() -> None:
    net, pairs = toy(), some_pairs()
    whole = net(pairs.source, pairs.source_lengths, pairs.inputs)
    first = pairs.inputs.clone()
    first[:, 0] = 5
    source = pairs.source.clone()
    source[:, 0] = (source[:, 0] + 1) % 12
    for logits in (
        net(pairs.source, pairs.source_lengths, first),
        net(source, pairs.source_lengths, pairs.inputs),
    ):
        assert (logits - whole).abs().amax((0, 2)).min() > 1e-3


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("chunk", [1, 3])
def test_decoding_in_steps_is_teacher_forcing(norm_first: bool, chunk: int) -> None:
    net, pairs = toy(norm_first), some_pairs()
    whole = net(pairs.source, pairs.source_lengths, pairs.inputs)
    state, parts = net.start(pairs.source, pairs.source_lengths), []
    for tokens in pairs.inputs.split(chunk, dim=1):
        logits, state = net.decoder(tokens, state)
        parts.append(logits)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=0)
    assert state.steps == pairs.inputs.shape[1]


def test_decoding_with_all_positions_zero_is_another_network(monkeypatch: pytest.MonkeyPatch) -> None:
    net, pairs = toy(), some_pairs()
    whole = net(pairs.source, pairs.source_lengths, pairs.inputs)
    state = net.start(pairs.source, pairs.source_lengths)
    monkeypatch.setattr(DecoderState, "steps", 0)
    for t in range(pairs.inputs.shape[1]):
        logits, state = net.decoder(pairs.inputs[:, t : t + 1], state)
        error = (logits[:, 0] - whole[:, t]).abs().max()
        assert error < 1e-5 if t == 0 else error > 1e-2


def test_selected_rows_go_on_alone() -> None:
    net, pairs = toy(), some_pairs()
    _, state = net.decoder(pairs.inputs[:, :2], net.start(pairs.source, pairs.source_lengths))
    rows = torch.tensor([2, 0, 2])
    chosen, _ = net.decoder(pairs.inputs[rows, 2:3], state.select(rows))
    every, _ = net.decoder(pairs.inputs[:, 2:3], state)
    torch.testing.assert_close(chosen, every[rows])


def test_a_beam_of_one_is_greedy() -> None:
    net, pairs = toy(), some_pairs()
    source = pairs.source[0, : pairs.source_lengths[0]]
    (only,) = beam(net, source, 1, 5)
    (read,) = greedy(net, source[None], pairs.source_lengths[:1], 5)
    assert [token for token in only.tokens if token != 3] == read


@pytest.mark.parametrize("norm_first", [False, True])
def test_one_batch_is_learnt_by_heart(norm_first: bool) -> None:
    net, pairs = toy(norm_first), some_pairs()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for step in range(60):
        loss, tokens = batch_loss(net, pairs)
        optimizer.zero_grad()
        (loss / tokens).backward()
        if step == 0:
            assert_every_parameter_has_a_gradient(net)
        optimizer.step()
    assert evaluate(net, pairs) < 0.05
    said = greedy(net, pairs.source, pairs.source_lengths, 8)
    assert said == [row[: n - 1].tolist() for row, n in zip(pairs.target, pairs.target_lengths, strict=True)]


def test_different_vocabularies_cannot_be_shared() -> None:
    with pytest.raises(ValueError, match="同样大"):
        Transformer(5, 6, width=8, heads=2, hidden=8, layers=1, shared=True)


def test_the_learning_rate_rises_then_falls() -> None:
    rates = [noam(step, 512, 4000) for step in range(1, 12_001)]
    assert rates.index(max(rates)) == 3999
    assert max(rates) == pytest.approx(512**-0.5 * 4000**-0.5)
    assert rates[1999] == pytest.approx(max(rates) / 2)
    with pytest.raises(ValueError, match="至少是 1"):
        noam(0, 512, 4000)


def gpt(positions: bool = True) -> LanguageModel:
    torch.manual_seed(0)
    core = CausalTransformer(16, 4, 2, positions=positions, longest=64)
    return LanguageModel(core, 10, 16, embedding=16)


def test_gpt_starts_near_a_uniform_guess_and_learns_to_count() -> None:
    net, ids = gpt(), torch.arange(2000) % 10
    train = RandomBatches(ids, 16, 8, generator=torch.Generator().manual_seed(0))
    logits, _ = net(ids[None, :32])
    loss = F.cross_entropy(logits[0], ids[1:33]).item()
    assert loss == pytest.approx(math.log(10), abs=0.7)
    record = fit(net, train, train, epochs=2, lr=0.01)
    assert record.val[-1] < 1.2
    assert perplexity(net, train) < 1.2
    continued = generate(net, torch.tensor([3, 4]), 20, temperature=0)
    assert continued.tolist() == [(3 + i) % 10 for i in range(22)]


def test_gpt_with_a_cache_is_gpt_without() -> None:
    net, tokens = gpt(), torch.randint(10, (2, 12), generator=torch.Generator().manual_seed(0))
    whole, state = net(tokens)
    assert len(state) == 2 * 2
    assert state[0].shape == (2, 4, 12, 4)
    part, state = net(tokens[:, :5])
    parts = [part]
    for t in range(5, 12):
        part, state = net(tokens[:, t : t + 1], state)
        parts.append(part)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=0)


def test_gpt_does_not_see_the_future() -> None:
    net, tokens = gpt(), torch.randint(10, (2, 12), generator=torch.Generator().manual_seed(0))
    changed = tokens.clone()
    changed[:, 7] = (changed[:, 7] + 1) % 10
    difference = (net(tokens)[0] - net(changed)[0]).abs().amax((0, 2))
    assert difference[:7].max() < 1e-6
    assert difference[7:].min() > 1e-4


def test_one_layer_without_positions_does_not_know_the_order() -> None:
    torch.manual_seed(0)
    tokens = torch.randint(10, (1, 12))
    order = torch.cat([torch.randperm(11), torch.tensor([11])])
    x = nn.Embedding(10, 16)(tokens)
    for positions in (False, True):
        core = CausalTransformer(16, 4, 1, positions=positions)
        last, shuffled = core(x)[0][:, -1], core(x[:, order])[0][:, -1]
        assert torch.allclose(last, shuffled, atol=1e-5) != positions


def test_gpt_beyond_its_positions_is_an_error() -> None:
    net = gpt()
    _, state = net(torch.zeros(1, 64, dtype=torch.long))
    with pytest.raises(ValueError, match="位置只备到 64"):
        net(torch.zeros(1, 1, dtype=torch.long), state)


def test_dropout_falls_on_embeddings_and_sublayers_only_when_training() -> None:
    net, pairs = toy(dropout=0.5), some_pairs()

    def run() -> Tensor:
        return net(pairs.source, pairs.source_lengths, pairs.inputs)

    assert not torch.allclose(run(), run())
    net.eval()
    torch.testing.assert_close(run(), run(), rtol=0, atol=0)
    encoding = PositionalEncoding(8, dropout=0.5)
    assert (encoding(torch.ones(1, 50, 8)) == 0).float().mean().item() == pytest.approx(0.5, abs=0.15)
