"""Reading a vault: what becomes a note, and what a bad one says."""

from __future__ import annotations

import pytest

from vaults import MakeVault
from vaultsite.model import VaultError, VaultPath
from vaultsite.reader import note_from_text, read_vault


def message_of(make_vault: MakeVault, files: dict[str, str | bytes]) -> str:
    with pytest.raises(VaultError) as caught:
        read_vault(make_vault(files))
    return str(caught.value)


def test_front_matter_may_be_json_as_digital_garden_writes_it(make_vault: MakeVault) -> None:
    vault = read_vault(
        make_vault({"a.md": '---\n{"tags":["x"],"dg-publish":true,"permalink":"/p/"}\n---\n\n# T\n'})
    )
    (note,) = vault.notes.values()
    assert (note.title, note.tags, note.meta["permalink"], note.headings[0].line) == ("T", ("x",), "/p/", 5)


def test_front_matter_links_are_links_with_their_line(make_vault: MakeVault) -> None:
    vault = read_vault(make_vault({"a.md": '---\ntitle: t\nprerequisites: ["[[b|B]]"]\n---\n', "b.md": ""}))
    (link,) = vault.notes["a.md"].meta_links["prerequisites"]  # type: ignore[index]
    assert (link.target, link.display, link.line) == ("b", "B", 3)


def test_windows_line_ends_and_a_byte_order_mark_are_read_away(make_vault: MakeVault) -> None:
    vault = read_vault(make_vault({"a.md": b"\xef\xbb\xbf---\r\ntitle: T\r\n---\r\n# H\r\n"}))
    (note,) = vault.notes.values()
    assert (note.title, note.body) == ("T", "# H\n")


def test_dot_folders_and_unpublished_notes_are_not_in_the_vault(make_vault: MakeVault) -> None:
    files = {"a.md": "", ".obsidian/x.md": "", "b.md": "---\npublish: false\n---\n", "p.png": b"\x89"}
    vault = read_vault(make_vault(files))
    assert (sorted(vault.notes), sorted(vault.files)) == (["a.md"], ["p.png"])


def test_a_note_that_is_not_utf8_is_named_with_its_line(make_vault: MakeVault) -> None:
    message = message_of(make_vault, {"a.md": "# 好\n第二行\n".encode() + "第三行".encode("gbk")})
    assert message.startswith("a.md:3: not UTF-8 (byte 0xb5")


def test_broken_front_matter_is_named_with_its_line(make_vault: MakeVault) -> None:
    assert "a.md:3: front matter is not YAML" in message_of(make_vault, {"a.md": "---\nx: 1\ny: [\n---\n"})


def test_all_unreadable_notes_are_reported(make_vault: MakeVault) -> None:
    message = message_of(make_vault, {"a.md": b"\xff", "b.md": b"\xff", "c.md": "ok"})
    assert len(message.splitlines()) == 2


def test_an_empty_vault_is_an_error(make_vault: MakeVault) -> None:
    assert "the vault is empty" in message_of(make_vault, {})


def test_a_missing_folder_is_an_error(tmp_path: object) -> None:
    with pytest.raises(VaultError, match="no such folder"):
        read_vault(tmp_path / "no")  # type: ignore[operator]


def test_twins_in_case_are_an_error_that_names_both(make_vault: MakeVault) -> None:
    message = message_of(make_vault, {"LeNet.md": "", "lenet.md": ""})
    assert "lenet.md" in message
    assert "LeNet.md" in message


def test_each_link_knows_the_sentence_that_it_stands_in() -> None:
    note = note_from_text(
        VaultPath("n.md"), "> - 先看这里。再看 [[a]]，%%不%%很好！然后走。\n\n| [[b\\|乙]] | c |\n"
    )
    assert note.sentences == ("再看 a，很好！", "乙 · c")


def test_a_sentence_leaves_out_what_only_its_own_page_can_compute() -> None:
    note = note_from_text(VaultPath("n.md"), "降到 `= f'{x:.2f}'`（`= n` 步），见 [[a]] 的 `code`。\n")
    assert note.sentences == ("降到 …（… 步），见 a 的 code。",)
    assert note_from_text(VaultPath("n.md"), "赋值用 `=`，见 [[a]]。\n").sentences == ("赋值用 =，见 a。",)


def test_a_long_sentence_is_cut_around_its_link_and_never_through_another() -> None:
    before = "很长的话，" * 16 + "[[前面的一篇很长很长的笔记的名字]]" * 2 + "、" + "再说几句，" * 15
    text = before + "见 [[a]]" + "又一句，" * 40
    sentence = note_from_text(VaultPath("n.md"), text).sentences[-1]
    assert sentence.startswith("…")
    assert sentence.endswith("…")
    assert "见 a" in sentence
    assert "[" not in sentence
    assert len(sentence) < 250


def test_a_tag_is_one_whatever_its_case() -> None:
    note = note_from_text(VaultPath("n.md"), "---\ntags: [CNN, 卷积]\n---\n#cnn #卷积/一\n")
    assert note.tags == ("CNN", "卷积", "卷积/一")


def test_a_vault_that_is_not_ours_is_read_as_far_as_it_can_be(make_vault: MakeVault) -> None:
    root = make_vault(
        {
            ".obsidian/templates.json": '{"folder": "Vorlagen"}',
            "Vorlagen/tag.md": "---\ndate: {{date}}\n---\n",
            "odd.md": "---\na: [\n---\n# Odd\n",
            "gut.md": "[[odd]]\n",
        }
    )
    vault = read_vault(root, lenient=True)
    assert set(vault.notes) == {"odd.md", "gut.md"}
    assert vault.notes[VaultPath("odd.md")].headings[0].line == 4
    assert [(problem.path, problem.line, problem.fatal) for problem in vault.problems] == [
        ("odd.md", 2, False)
    ]
    with pytest.raises(VaultError):
        read_vault(root)
