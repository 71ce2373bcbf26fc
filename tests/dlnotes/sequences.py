"""What recurrent cells and encoder-decoders must do, whatever is inside them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dlnotes.data.padded import Pairs, pair_up
from dlnotes.recurrent.rnn import Unrolled
from dlnotes.recurrent.seq2seq import Seq2Seq
from dlnotes.recurrent.teacher_forcing import batch_loss


def assert_gradients_are_those_of(layer: nn.RNNBase, cell: nn.Module) -> None:
    """After ``backward`` through both: *cell* has the gradients of torch's *layer*."""
    torch.testing.assert_close(cell.weight_ih.grad, layer.weight_ih_l0.grad)
    torch.testing.assert_close(cell.weight_hh.grad, layer.weight_hh_l0.grad)
    # Each of torch's two biases has the gradient of our one.
    torch.testing.assert_close(cell.bias.grad, layer.bias_ih_l0.grad)
    torch.testing.assert_close(cell.bias.grad, layer.bias_hh_l0.grad)


def assert_two_layers_can_be_copied(stack: nn.RNNBase, cells: tuple[nn.Module, nn.Module]) -> None:
    """Both layers of *stack*, copied into *cells* and unrolled one upon the other, give the same outputs."""
    for number, cell in enumerate(cells):
        cell.copy_from(stack, number)
    x = torch.randn(2, 4, stack.input_size)
    hidden, _ = Unrolled(cells[0])(x)
    torch.testing.assert_close(Unrolled(cells[1])(hidden)[0], stack(x)[0])


def reversals() -> Pairs:
    """Four short sequences of different lengths and their reversals; the vocabulary has 10 tokens."""
    generator = torch.Generator().manual_seed(0)
    rows = [torch.randint(4, 10, (n,), generator=generator) for n in (5, 2, 1, 3)]
    return pair_up(rows, [row.flip(0) for row in rows])


def assert_selected_rows_go_on_alone(net: Seq2Seq, pairs: Pairs) -> None:
    """To select rows of a state, one of them twice, is to decode these rows."""
    state = net.start(pairs.source, pairs.source_lengths)
    logits, _ = net.decoder(pairs.inputs, state)
    rows = torch.tensor([3, 0, 0])
    chosen, _ = net.decoder(pairs.inputs[rows], state.select(rows))
    torch.testing.assert_close(chosen, logits[rows])


def assert_same_loss_and_gradients(net: Seq2Seq, pairs: Pairs, others: Pairs) -> None:
    """Both batches give the same loss, count of tokens and gradients."""
    results: list[tuple[Tensor, ...]] = []
    for batch in (pairs, others):
        loss, tokens = batch_loss(net, batch)
        results.append((loss, tokens, *torch.autograd.grad(loss, list(net.parameters()))))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)
