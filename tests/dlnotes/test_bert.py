import pytest
import torch
from torch import nn

from dlnotes.attention.bert import BERT, BERTEncoder, Embeddings, Pooler
from dlnotes.attention.pretraining import MaskedLMHead, Pretraining
from dlnotes.cost import count_parameters

from .parity import copy_layer


def tiny(**options: object) -> BERTEncoder:
    torch.manual_seed(0)
    return BERTEncoder(20, 16, 4, 2, longest=12, **options).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sizes", "parameters"),
    [((30_522, 768, 12, 12), 109_482_240), ((30_522, 1024, 16, 24), 335_141_888)],
)
def test_base_and_large_have_the_parameters_of_the_published_models(sizes, parameters):
    with torch.device("meta"):
        assert count_parameters(BERT(*sizes)) == parameters


def test_the_books_model_has_5632546_parameters():
    with torch.device("meta"):
        encoder = BERTEncoder(20_256, 128, 2, 2, hidden=256, longest=1000, norm=False, activation=nn.ReLU)
        model = Pretraining(encoder, tied=False, activation=nn.ReLU)
    assert count_parameters(encoder) == 2_985_984
    assert count_parameters(model.masked_lm) == 2_629_792
    assert count_parameters(model) == 5_632_546


def test_the_encoder_agrees_with_torch_after_copying_weights():
    ours = tiny()
    theirs = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(16, 4, 64, activation="gelu", batch_first=True),
        2,
        enable_nested_tensor=False,
    ).eval()
    for a, b in zip(ours.layers, theirs.layers, strict=True):
        copy_layer(a, b)
    tokens, lengths = torch.randint(20, (3, 8)), torch.tensor([8, 5, 2])
    segments = torch.randint(2, (3, 8))
    padding = torch.arange(8) >= lengths[:, None]
    expected = theirs(ours.embeddings(tokens, segments), src_key_padding_mask=padding)
    found = ours(tokens, segments, lengths)
    torch.testing.assert_close(found[~padding], expected[~padding], atol=1e-5, rtol=1e-5)


def test_the_three_embeddings_are_added():
    parts = Embeddings(20, 16, longest=12, norm=False).eval()
    tokens, segments = torch.tensor([[7, 3]]), torch.tensor([[0, 1]])
    found = parts(tokens, segments)[0, 1]
    by_hand = parts.tokens.weight[3] + parts.segments.weight[1] + parts.positions.weight[1]
    torch.testing.assert_close(found, by_hand)
    torch.testing.assert_close(parts(tokens), parts(tokens, torch.zeros_like(tokens)))


def test_padding_changes_nothing():
    encoder, tokens = tiny(), torch.randint(20, (1, 5))
    longer = torch.cat([tokens, torch.zeros(1, 4, dtype=torch.long)], dim=1)
    found = encoder(longer, None, torch.tensor([5]))[:, :5]
    torch.testing.assert_close(found, encoder(tokens), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_a_later_token_is_seen_unless_the_mask_is_causal(causal):
    encoder, tokens = tiny(causal=causal), torch.randint(5, 19, (1, 8))
    changed = tokens.clone()
    changed[0, 5] += 1
    moved = (encoder(changed) - encoder(tokens)).abs().amax(2)[0]
    assert bool(moved[:5].max() < 1e-6) is causal
    assert moved[5:].min() > 1e-4


def test_every_parameter_gets_a_gradient():
    encoder, pooler = tiny(), Pooler(16)
    states = encoder(torch.randint(20, (4, 12)), torch.randint(2, (4, 12)))
    (states.square().mean() + pooler(states).sum()).backward()
    for name, p in [*encoder.named_parameters(), *pooler.named_parameters()]:
        assert p.grad is not None, name
    assert encoder.embeddings.positions.weight.grad.abs().sum(1).min() > 0


def test_more_positions_than_there_are_is_refused():
    with pytest.raises(ValueError, match="12"):
        tiny()(torch.zeros(1, 13, dtype=torch.long))


def test_weights_start_small_and_biases_at_zero():
    torch.manual_seed(0)
    encoder = BERTEncoder(1000, 64, 4, 1)
    assert encoder.embeddings.tokens.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert encoder.layers[0].feed_forward.expand.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not encoder.layers[0].attention.query.bias.any()


def test_a_tied_head_adds_only_its_transform_and_biases():
    table = nn.Embedding(20, 16)
    head = MaskedLMHead(16, 20, tied=table)
    assert head.output.weight is table.weight
    assert count_parameters(head) - table.weight.numel() == 16 * 16 + 16 + 2 * 16 + 20


def test_a_pooled_sentence_is_its_first_token_through_tanh():
    model = BERT(20, 16, 4, 1).eval()
    states, pooled = model(torch.randint(20, (2, 6)))
    torch.testing.assert_close(pooled, model.pooler.dense(states[:, 0]).tanh())
    assert pooled.shape == (2, 16)


def test_with_the_norm_first_the_output_is_normalised_once_more():
    encoder = tiny(norm_first=True)
    assert count_parameters(encoder) - count_parameters(tiny()) == 2 * 16
    states = encoder(torch.randint(20, (2, 6)))
    torch.testing.assert_close(states.mean(2), torch.zeros(2, 6), atol=1e-5, rtol=0)
