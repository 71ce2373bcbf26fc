"""Greedy and beam search against each other and against trying everything."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest
import torch
from torch import Tensor

from dlnotes.data.padded import BOS, EOS, PAD, UNK, Pairs, pair_up
from dlnotes.recurrent.decoding import Hypothesis, beam, greedy, next_tokens, search
from dlnotes.recurrent.seq2seq import Seq2Seq, gru_seq2seq

V, LONGEST = 7, 3  # pad, unk, bos, eos and three words


@pytest.fixture
def net() -> Seq2Seq:
    torch.manual_seed(1)
    net = gru_seq2seq(V, V, embedding=8, hidden=16, layers=2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(3)  # far from uniform
    return net


@pytest.fixture
def pairs() -> Pairs:
    rows = [torch.tensor(row) for row in ([4, 5, 6], [6], [5, 5], [4, 6, 6, 5])]
    return pair_up(rows, rows)


def every_translation(net: Seq2Seq, source: Tensor) -> dict[tuple[int, ...], float]:
    """The log probability, by teacher forcing, of each sequence that ends with <eos> or is of full length."""
    words = [token for token in range(V) if token not in (PAD, UNK, BOS, EOS)]
    texts = [(*text, EOS) for n in range(LONGEST) for text in product(words, repeat=n)]
    texts += list(product(words, repeat=LONGEST))
    found = {}
    for text in texts:
        inputs = torch.tensor([[BOS, *text[:-1]]])
        logits = net(source[None], torch.tensor([len(source)]), inputs)[0]
        logits[:, [PAD, UNK, BOS]] = -torch.inf
        found[text] = logits.log_softmax(1)[range(len(text)), text].sum().item()
    return found


@pytest.mark.parametrize("alpha", [0.0, 0.75])
def test_a_beam_that_drops_nothing_is_exhaustive_search(net: Seq2Seq, pairs: Pairs, alpha: float) -> None:
    for i in range(len(pairs)):
        source = pairs.source[i, : pairs.source_lengths[i]]
        every = every_translation(net, source)
        found = beam(net, source, V**LONGEST, LONGEST, alpha=alpha)
        assert {h.tokens for h in found} == every.keys()
        for h in found:
            assert h.log_probability == pytest.approx(every[h.tokens], abs=1e-4)
            assert h.score == pytest.approx(every[h.tokens] / len(h.tokens) ** alpha, abs=1e-4)
        assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
        assert sum(torch.tensor([h.log_probability for h in found]).exp()) == pytest.approx(1, abs=1e-4)


def test_a_beam_of_one_is_greedy(net: Seq2Seq, pairs: Pairs) -> None:
    together = greedy(net, pairs.source, pairs.source_lengths, 6)
    for i, wanted in enumerate(together):
        (found,) = beam(net, pairs.source[i, : pairs.source_lengths[i]], 1, 6)
        assert [token for token in found.tokens if token != EOS] == wanted
        assert found.tokens.count(EOS) <= 1


def test_greedy_does_not_depend_on_the_other_rows(net: Seq2Seq, pairs: Pairs) -> None:
    together = greedy(net, pairs.source, pairs.source_lengths, 6)
    for i, length in enumerate(pairs.source_lengths.tolist()):
        alone = greedy(net, pairs.source[i : i + 1, :length], torch.tensor([length]), 6)
        assert alone == together[i : i + 1]


def test_padding_unknown_and_the_start_are_never_chosen(net: Seq2Seq, pairs: Pairs) -> None:
    state = net.start(pairs.source[:1], pairs.source_lengths[:1])
    log_probabilities, _ = next_tokens(net)(torch.tensor([BOS]), state)
    assert log_probabilities[0, [PAD, UNK, BOS]].isneginf().all()
    assert log_probabilities.exp().sum().item() == pytest.approx(1)
    allowed, _ = next_tokens(net, [PAD])(torch.tensor([BOS]), state)
    assert allowed.isneginf().nonzero().tolist() == [[0, PAD]]


def test_searching_leaves_the_model_in_training(net: Seq2Seq, pairs: Pairs) -> None:
    greedy(net, pairs.source, pairs.source_lengths, 2)
    beam(net, pairs.source[0], 2, 2)
    assert all(module.training for module in net.modules())


@dataclass(frozen=True)
class Path:
    """A made-up language: after <bos> A is likelier than B, but what follows A is spread out."""

    A, B = 4, 5

    def select(self, rows: Tensor) -> Path:  # noqa: ARG002 - the last token is all there is to know
        return self

    def step(self, tokens: Tensor, state: Path) -> tuple[Tensor, Path]:
        rows = {
            BOS: {self.A: 0.6, self.B: 0.4},
            self.A: {self.A: 0.35, self.B: 0.35, EOS: 0.3},
            self.B: {EOS: 1.0},
        }
        table = torch.zeros(len(tokens), 6)
        for row, token in enumerate(tokens.tolist()):
            for after, probability in rows[token].items():
                table[row, after] = probability
        return table.log(), state


def first(hypotheses: list[Hypothesis]) -> tuple[int, ...]:
    return hypotheses[0].tokens


def test_a_beam_of_two_finds_what_greedy_misses() -> None:
    path = Path()
    (alone,) = search(path.step, path, 1, 4, alpha=0)
    assert alone.tokens[0] == Path.A
    best = search(path.step, path, 2, 4, alpha=0)[0]
    assert best.tokens == (Path.B, EOS)
    assert best.log_probability > alone.log_probability


def test_the_length_penalty_prefers_longer_sentences() -> None:
    path = Path()
    lengths = [len(first(search(path.step, path, 50, 6, alpha=alpha))) for alpha in (0.0, 3.0)]
    assert lengths[0] < lengths[1]


@pytest.mark.parametrize(("width", "longest"), [(0, 3), (2, 0)])
def test_no_beam_and_no_length_are_errors(width: int, longest: int) -> None:
    with pytest.raises(ValueError, match="至少是 1"):
        search(Path().step, Path(), width, longest)
