import pytest
import torch

from dlnotes.attention.masking import IGNORED, MASK, RESERVED, mask_tokens

V = 1005


@pytest.fixture(scope="module")
def many():
    g = torch.Generator().manual_seed(0)
    tokens = torch.randint(len(RESERVED), V, (400, 500), generator=g)
    return tokens, mask_tokens(tokens, V, generator=g)


def within(count: int, trials: int, p: float) -> bool:
    """Five standard deviations of the binomial."""
    return abs(count - trials * p) < 5 * (trials * p * (1 - p)) ** 0.5


def test_fifteen_percent_are_chosen(many):
    tokens, masked = many
    assert within(int(masked.chosen.sum()), tokens.numel(), 0.15)


def test_of_them_eighty_are_masked_ten_replaced_ten_kept(many):
    _, masked = many
    chosen = len(masked.answers)
    seen = masked.tokens[masked.chosen]
    hidden, kept = int((seen == MASK).sum()), int((seen == masked.answers).sum())
    chance = 0.1 / (V - len(RESERVED))  # a random token may be the right one
    shares = (0.8, 0.1 + chance, 0.1 - chance)
    counts = (hidden, kept, chosen - hidden - kept)
    chi2 = sum((n - chosen * p) ** 2 / (chosen * p) for n, p in zip(counts, shares, strict=True))
    assert chi2 < 13.8  # two degrees of freedom, p = 0.001


def test_replacements_are_uniform_and_never_special(many):
    _, masked = many
    seen = masked.tokens[masked.chosen]
    replaced = seen[(seen != MASK) & (seen != masked.answers)]
    assert replaced.min() >= len(RESERVED)
    counts = torch.bincount(replaced, minlength=V)[len(RESERVED) :].double()
    expected = counts.mean()
    chi2 = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi2 - 999) < 5 * (2 * 999) ** 0.5


def test_tokens_that_are_not_chosen_stay_and_have_no_label(many):
    tokens, masked = many
    assert torch.equal(masked.tokens[~masked.chosen], tokens[~masked.chosen])
    assert (masked.labels[~masked.chosen] == IGNORED).all()
    assert torch.equal(masked.answers, tokens[masked.chosen])


def test_special_tokens_are_never_chosen():
    tokens = torch.arange(len(RESERVED)).repeat(50, 4)
    before = tokens.clone()
    masked = mask_tokens(tokens, V, probability=1.0)
    assert not masked.chosen.any()
    assert torch.equal(masked.tokens, before)


def test_the_input_is_not_changed():
    tokens = torch.full((5, 9), 7)
    masked = mask_tokens(tokens, V, probability=1.0, mix=(1.0, 0.0, 0.0))
    assert (tokens == 7).all()
    assert (masked.tokens == MASK).all()
    assert (masked.labels == 7).all()


@pytest.mark.parametrize(
    "options", [{"probability": 1.1}, {"mix": (0.8, 0.1, 0.2)}, {"mix": (1.2, -0.1, -0.1)}]
)
def test_shares_that_are_not_shares_are_refused(options):
    with pytest.raises(ValueError, match="得到"):
        mask_tokens(torch.zeros(1, 1, dtype=torch.long), V, **options)
