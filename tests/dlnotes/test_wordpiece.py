"""WordPiece: equal to the library on real reviews; longest match; what cannot be cut."""

import pytest

from dlnotes.attention import minilm
from dlnotes.data import reviews
from dlnotes.data.wordpiece import WordPiece, words


@pytest.fixture(scope="module")
def ours() -> WordPiece:
    return minilm.tokenizer()


def test_it_cuts_real_reviews_exactly_as_the_library(ours: WordPiece) -> None:
    from tokenizers import Tokenizer

    library = Tokenizer.from_file(str(minilm.find() / "tokenizer.json"))
    library.no_truncation()
    library.no_padding()
    texts = [review.text for review in reviews.movies().train[:1500]]
    texts += [review.text for review in reviews.movies(source="imdb").train[:100]]
    texts += [review.text for review in reviews.shopping().train[:200]]
    texts += [
        "",
        "Café NAÏVE\u200bx",
        "a\tb\u00a0c",
        "x" * 101,
        "$5.00 (50%)…",
        "İstanbul ẞ",
        "한국어 ＡＢＣ",
    ]
    for text in texts:
        assert ours.encode(text) == library.encode(text, add_special_tokens=False).ids, text


def test_the_longest_piece_wins(ours: WordPiece) -> None:
    small = WordPiece(["[UNK]", "un", "u", "##n", "##able", "##a", "##ble", "unable"])
    assert small.pieces("unable") == ["unable"]
    assert small.pieces("unn") == ["un", "##n"]
    assert ours.tokenize("unforgettable") == ["un", "##for", "##get", "##table"]


def test_a_word_that_cannot_be_cut_to_its_end_is_unknown_as_a_whole() -> None:
    small = WordPiece(["[UNK]", "ab", "##c"])
    assert small.pieces("abcx") == ["[UNK]"]
    assert small.tokenize("abc x") == ["ab", "##c", "[UNK]"]


def test_punctuation_and_ideographs_stand_alone_and_accents_fall() -> None:
    assert list(words("Café, 微调BERT!")) == ["cafe", ",", "微", "调", "bert", "!"]


def test_decoding_joins_the_pieces(ours: WordPiece) -> None:
    assert ours.decode(ours.encode("An unforgettable film.")) == "an unforgettable film ."


def test_the_vocabulary_is_that_of_bert(ours: WordPiece) -> None:
    assert len(ours) == 30_522
    assert [ours.index[t] for t in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")] == [0, 100, 101, 102, 103]


def test_a_vocabulary_without_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="UNK"):
        WordPiece(["a"])
