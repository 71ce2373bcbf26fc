"""Word segmentation by tags: words and tags to and fro, scores, and a tagger that learns."""

import pytest
import torch
from torch import nn

from dlnotes.recurrent import tagging
from dlnotes.recurrent.bidirectional import Bidirectional
from dlnotes.recurrent.tagging import Tagger, longest_match, score, tags_of, words_of

SENTENCES = [("我们", "在", "图书馆", "。"), ("她", "在", "家", "。"), ("图", "在", "我", "家", "。")]


def tagger(vocabulary_size: int, *, both: bool = True, delay: int = 0) -> Tagger:
    cores = [nn.LSTM(8, 6, batch_first=True) for _ in range(2)]
    reader = Bidirectional(cores[0], cores[1] if both else None)
    return Tagger(reader, vocabulary_size, 8, 12 if both else 6, delay=delay, dropout=0.0)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_tags_say_where_words_begin_and_end():
    assert tags_of(["我们", "在", "图书馆", "人工智能"]) == "BESBMEBMME"
    for words in SENTENCES:
        assert words_of("".join(words), tags_of(words)) == list(words)


def test_tags_that_do_not_fit_together_are_still_read():
    assert words_of("甲乙丙", "MMM") == ["甲乙丙"]
    assert words_of("甲乙丙", "BBE") == ["甲", "乙丙"]
    assert words_of("甲乙丙", "ESE") == ["甲", "乙", "丙"]
    with pytest.raises(ValueError, match="zip"):
        words_of("甲乙", "S")


def test_the_longest_word_of_the_dictionary_is_taken():
    words = {"研究", "研究生", "生命", "起源"}
    assert longest_match("研究生命起源", words) == ["研究生", "命", "起源"]  # its well-known mistake
    assert longest_match("", words) == []


def test_scores_count_whole_words_and_no_marks():
    gold = [["研究", "生命", "。"]]
    assert score(gold, gold) == tagging.Score(1.0, 1.0, 1.0)
    half = score([["研究", "生命", "起源"]], [["研究", "生", "命", "起源"]])
    assert (half.precision, half.recall, half.f1) == (2 / 4, 2 / 3, 4 / 7)
    assert score(gold, [["研究生", "命", "。"]]).f1 == 0
    with pytest.raises(ValueError, match="不是同一句话"):
        score([["甲"]], [["乙"]])


def test_sentences_are_padded_on_the_right():
    vocabulary = tagging.vocabulary_of(SENTENCES)
    assert vocabulary.tokens[:2] == ("<pad>", "<unk>")
    tokens, tags = tagging.encode(SENTENCES, vocabulary)
    assert tokens.shape == tags.shape == (3, 7)
    assert (tokens != 0).sum(dim=1).tolist() == [7, 4, 5]
    assert (tags == tagging.IGNORED).equal(tokens == 0)
    assert tokens[0, 4] == 1  # 书 is seen once


@pytest.mark.parametrize("delay", [0, 1, 2])
@pytest.mark.parametrize("both", [False, True])
def test_a_sentence_is_tagged_alone_as_in_a_batch(both, delay):
    vocabulary = tagging.vocabulary_of(SENTENCES)
    tokens, _ = tagging.encode(SENTENCES, vocabulary)
    model = tagger(len(vocabulary), both=both, delay=delay).eval()
    together = model(tokens)
    for row, n in enumerate([7, 4, 5]):
        torch.testing.assert_close(model(tokens[row : row + 1, :n])[0], together[row, :n])


@pytest.mark.parametrize("delay", [0, 1, 2])
def test_a_delay_shows_as_many_characters_more(delay):
    model = tagger(10, both=False, delay=delay).eval()
    x = torch.randint(2, 10, (1, 6))
    seen = tagging_sight(model, x)
    assert seen.equal(torch.ones(6, 6, dtype=torch.bool).tril(delay))


def tagging_sight(model: Tagger, x: torch.Tensor) -> torch.Tensor:
    columns = []
    for s in range(x.shape[1]):
        changed = x.clone()
        changed[0, s] = 1
        columns.append((model(changed) - model(x))[0].abs().amax(dim=1) > 1e-6)
    return torch.stack(columns, dim=1)


def test_a_few_sentences_are_learnt_by_heart():
    vocabulary = tagging.vocabulary_of(SENTENCES * 2)
    tokens, tags = tagging.encode(SENTENCES, vocabulary)
    model = tagger(len(vocabulary))
    losses = tagging.fit(model, tokens, tags, epochs=60, lr=0.02)
    assert losses[-1] < 0.1 < losses[0]
    assert tagging.predict(model, tokens) == [tags_of(words) for words in SENTENCES]
    assert model.training
