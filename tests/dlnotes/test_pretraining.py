import math

import pytest
import torch
from torch.nn import functional as F

from dlnotes.attention import pretraining
from dlnotes.attention.bert import BERTEncoder
from dlnotes.attention.masking import CLS, MASK, RESERVED, SEP, mask_tokens
from dlnotes.attention.pretraining import Pretraining, evaluate, fit, hide, predict, rise_and_fall
from dlnotes.attention.sentence_pairs import SentencePairs, clauses, neighbours, pair_up
from dlnotes.data import reviews
from dlnotes.data.text import Vocabulary

DOCUMENTS = [[c * 4 for c in row] for row in ("甲乙丙丁", "子丑寅卯", "天地玄黄", "东南西北")]
VOCABULARY = Vocabulary("".join(map("".join, DOCUMENTS)), reserved=RESERVED)


def pairs(seed: int = 0, repeat: int = 1) -> SentencePairs:
    g = torch.Generator().manual_seed(seed)
    return pair_up(DOCUMENTS * repeat, VOCABULARY, generator=g)


def small(**options: object) -> Pretraining:
    torch.manual_seed(0)
    return Pretraining(BERTEncoder(len(VOCABULARY), 32, 4, 2, longest=12, dropout=0.0, **options))  # type: ignore[arg-type]


def read(found: SentencePairs) -> list[tuple[str, str]]:
    rows = []
    for row in found.inputs.tokens:
        kept = row[row > 0].tolist()
        assert kept[0] == CLS
        assert kept[-1] == SEP
        middle = kept.index(SEP)
        rows.append((VOCABULARY.text(kept[1:middle]), VOCABULARY.text(kept[middle + 1 : -1])))
    return rows


def test_clauses_are_what_stands_between_punctuation():
    assert clauses("房间很大，WiFi 不错。6折！") == ["房间很大", "wifi", "不错", "6折"]


def test_only_neighbours_that_both_fit_are_paired():
    assert neighbours([["一二三四", "五", "一二三四", "五六七八"], ["一二三四"]]) == [(0, 2)]


def test_positives_are_the_true_next_and_negatives_come_from_another_document():
    g = torch.Generator().manual_seed(3)
    for _ in range(20):
        found = pair_up(DOCUMENTS, VOCABULARY, generator=g)
        assert len(found) == 12
        for (a, b), label in zip(read(found), found.is_next.tolist(), strict=True):
            home = next(d for d in DOCUMENTS if a in d)
            if label:
                assert home[home.index(a) + 1] == b
            else:
                assert b not in home


def test_about_half_of_the_pairs_are_real():
    documents = [[f"{a}{b}{c}{d}" for a in "甲乙" for b in "子丑" for c in "天地" for d in "东南"]] * 200
    found = pair_up(documents, VOCABULARY, generator=torch.Generator().manual_seed(0))
    assert len(found) == 3000
    assert abs(found.is_next.sum().item() - 1500) < 5 * math.sqrt(750)


def test_one_document_alone_has_no_negatives():
    with pytest.raises(ValueError, match="两篇"):
        pair_up(DOCUMENTS[:1], VOCABULARY)


def test_segments_change_after_the_first_separator():
    found = pairs()
    first = found.inputs.tokens[0].tolist()
    middle = first.index(SEP)
    assert found.inputs.segments[0].tolist() == [0] * (middle + 1) + [1] * (len(first) - middle - 1)


def test_the_loss_starts_at_the_logarithm_of_the_vocabulary_and_of_two():
    score = evaluate(small(), pairs())
    assert score.masked_loss == pytest.approx(math.log(len(VOCABULARY)), abs=0.1)
    assert score.next_loss == pytest.approx(math.log(2), abs=0.02)


def test_only_chosen_positions_reach_the_loss():
    found, model = pairs(), small().eval()
    masked = mask_tokens(found.inputs.tokens, len(VOCABULARY), generator=torch.Generator().manual_seed(1))
    words, _ = model(hide(found.inputs, masked), masked.chosen)
    assert words.shape == (int(masked.chosen.sum()), len(VOCABULARY))
    states = model.encoder(masked.tokens, found.inputs.segments, found.inputs.lengths)
    everywhere = F.cross_entropy(model.masked_lm(states).transpose(1, 2), masked.labels)  # -100 is ignored
    torch.testing.assert_close(F.cross_entropy(words, masked.answers), everywhere)


def test_predictions_in_batches_are_those_of_one_batch():
    found, model = pairs(repeat=3), small()
    masked = pretraining.held_out_mask(found.inputs.tokens, len(VOCABULARY))
    for a, b in zip(predict(model, found, masked), predict(model, found, masked, batch_size=5), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)


def test_every_parameter_gets_a_gradient():
    found, model = pairs(), small()
    masked = mask_tokens(found.inputs.tokens, len(VOCABULARY), probability=0.5)
    words, following = model(hide(found.inputs, masked), masked.chosen)
    (F.cross_entropy(words, masked.answers) + F.cross_entropy(following, found.is_next)).backward()
    for name, p in model.named_parameters():
        assert p.grad is not None, name
        assert p.grad.abs().sum() > 0, name


def test_a_small_corpus_can_be_learnt():
    found, model = pairs(repeat=4), small()
    record = fit(model, found, found, steps=160, lr=5e-3, batch_size=16, every=80)
    assert list(record.val) == [80, 160]
    assert len(record.masked_loss) == len(record.next_loss) == 160
    assert record.val[160].masked_accuracy > 0.8  # the character is repeated four times
    assert not model.training


def test_the_same_seed_gives_the_same_losses():
    runs = [fit(small(), pairs(repeat=4), pairs(), steps=3, lr=1e-3, batch_size=8, seed=5) for _ in range(2)]
    assert runs[0].masked_loss == runs[1].masked_loss


def test_without_the_second_loss_its_head_stays_as_it_was():
    model = small()
    before = model.next_sentence.weight.clone()
    fit(model, pairs(repeat=4), pairs(), steps=2, lr=1e-3, batch_size=8, next_sentence=False)
    # No gradient at all: not even weight decay moves it.
    assert torch.equal(before, model.next_sentence.weight)


def test_held_out_masks_are_the_same_for_every_model():
    tokens = pairs().inputs.tokens
    a, b = (pretraining.held_out_mask(tokens, len(VOCABULARY)) for _ in range(2))
    assert torch.equal(a.tokens, b.tokens)
    assert (a.tokens[a.chosen] == MASK).all()


def test_the_rate_rises_to_one_and_falls_towards_zero():
    rates = [rise_and_fall(k, 100, 0.1) for k in range(101)]
    assert rates[9] == 1.0 == max(rates)
    assert rates[0] == pytest.approx(0.1)
    assert rates[100] == 0.0
    assert rise_and_fall(0, 1, 0.1) == 1.0


def test_no_steps_is_refused():
    with pytest.raises(ValueError, match="0"):
        fit(small(), pairs(), pairs(), steps=0, lr=1e-3)


def test_real_reviews_make_pairs_without_a_document_on_both_sides():
    data = reviews.shopping()
    assert not {r.text for r in data.train} & {r.text for r in data.val}
    documents = [clauses(r.text) for r in data.val]
    vocabulary = Vocabulary("".join(map("".join, documents)), reserved=RESERVED)
    found = pair_up(documents, vocabulary, generator=torch.Generator().manual_seed(0))
    assert len(found) > 1000
    assert found.inputs.tokens.shape[1] <= 31
    assert found.is_next.double().mean() == pytest.approx(0.5, abs=0.1)
