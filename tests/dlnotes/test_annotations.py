"""Annotation files: written, read back, and refused with file and line where they are wrong."""

import json
from pathlib import Path

import pytest
import torch

from dlnotes.vision.annotations import (
    Annotation,
    AnnotationError,
    read_coco,
    read_voc,
    write_coco,
    write_voc,
)

CLASSES = ("猫", "dog <&>")
TWO = Annotation(
    "a b.jpg", 561, 728, ("dog <&>", "猫"), torch.tensor([[60.0, 45, 378, 516], [400, 112, 655, 493]])
)
NONE = Annotation("空.png", 10, 20, (), torch.zeros(0, 4))


def same(a: Annotation, b: Annotation) -> bool:
    return (a.file, a.height, a.width, a.labels) == (b.file, b.height, b.width, b.labels) and torch.equal(
        a.boxes, b.boxes
    )


@pytest.mark.parametrize("annotation", [TWO, NONE], ids=["two objects", "no object"])
def test_voc_is_read_back_as_written(tmp_path: Path, annotation: Annotation):
    write_voc(tmp_path / "a.xml", annotation)
    assert same(read_voc(tmp_path / "a.xml"), annotation)


def test_coco_is_read_back_as_written(tmp_path: Path):
    write_coco(tmp_path / "a.json", [TWO, NONE], CLASSES)
    back = read_coco(tmp_path / "a.json")
    assert len(back) == 2
    assert same(back[0], TWO)
    assert same(back[1], NONE)


def test_voc_counts_pixels_from_one_and_includes_the_last(tmp_path: Path):
    """A box over the whole picture is 1 … width in VOC's files."""
    write_voc(tmp_path / "a.xml", Annotation("a.jpg", 30, 40, ("猫",), torch.tensor([[0.0, 0, 40, 30]])))
    text = (tmp_path / "a.xml").read_text(encoding="utf-8")
    for name, value in (("xmin", 1), ("ymin", 1), ("xmax", 40), ("ymax", 30)):
        assert f"<{name}>{value}</{name}>" in text


def test_coco_keeps_the_corner_and_the_size(tmp_path: Path):
    write_coco(tmp_path / "a.json", [TWO], CLASSES)
    data = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert data["annotations"][0]["bbox"] == [60, 45, 318, 471]
    assert data["annotations"][0]["area"] == 318 * 471
    assert data["annotations"][0]["category_id"] == 2
    assert [c["id"] for c in data["categories"]] == [1, 2]


def test_coco_numbers_of_categories_and_pictures_may_have_gaps(tmp_path: Path):
    """COCO's own 80 classes are numbered up to 90."""
    data = {
        "images": [{"id": 397133, "file_name": "x.jpg", "height": 5, "width": 6}],
        "annotations": [{"id": 1, "image_id": 397133, "category_id": 90, "bbox": [1, 2, 3.5, 2]}],
        "categories": [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}],
    }
    (tmp_path / "a.json").write_text(json.dumps(data))
    (one,) = read_coco(tmp_path / "a.json")
    assert one.labels == ("toothbrush",)
    assert one.boxes.tolist() == [[1, 2, 4.5, 4]]


XML = """<annotation>
  <filename>a.jpg</filename>
  <size><width>6</width><height>5</height></size>
  <object>
    <name>cat</name>
    <bndbox><xmin>1</xmin><ymin>1</ymin>
      <xmax>4</xmax><ymax>3</ymax></bndbox>
  </object>
</annotation>
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("</object>", "", 9, "不是 XML"),
        ("<name>cat</name>", "", 4, "没有 <name>"),
        ("<xmax>4</xmax>", "", 6, "没有 <xmax>"),
        ("<xmax>4</xmax>", "<xmax>four</xmax>", 7, "应是数，得到 'four'"),
        ("<xmax>4</xmax>", "<xmax>0</xmax>", 6, "没有面积"),
        ("<width>6</width>", "", 3, "没有 <width>"),
        ("annotation", "annotations", 1, "没有 <annotation>"),
    ],
)
def test_a_malformed_voc_file_names_file_and_line(tmp_path: Path, old, new, line, reason):
    path = tmp_path / "bad.xml"
    path.write_text(XML)
    assert read_voc(path).boxes.tolist() == [[0, 0, 4, 3]]
    path.write_text(XML.replace(old, new))
    with pytest.raises(AnnotationError, match=reason) as caught:
        read_voc(path)
    assert (caught.value.path, caught.value.line) == (path, line)
    assert str(caught.value).startswith(f"{path}:{line}: ")


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ('"id": 1, "image_id"', '"id": 1 "image_id"', 6, "不是 JSON"),
        ('"images"', '"pictures"', 1, "没有 'images'"),
        ('"bbox": [60', '"box": [60', 6, "没有 'bbox'"),
        ("[400.0, 112.0, 255.0, 381.0]", "[400.0, 112.0, 255.0]", 7, "4 个数"),
        ("[400.0, 112.0, 255.0, 381.0]", "[400.0, 112.0, 0.0, 381.0]", 7, "没有面积"),
        ('"category_id": 1', '"category_id": 9', 7, "没有编号 9 的类"),
        ('"image_id": 1, "category_id": 1', '"image_id": 8, "category_id": 1', 7, "没有编号 8 的图"),
        ('"width": 728', '"wide": 728', 3, "没有 'width'"),
    ],
)
def test_a_malformed_coco_file_names_file_and_line(tmp_path: Path, old, new, line, reason):
    path = tmp_path / "bad.json"
    write_coco(path, [TWO], CLASSES)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(AnnotationError, match=reason) as caught:
        read_coco(path)
    assert caught.value.line == line


def test_an_unknown_class_is_not_written(tmp_path: Path):
    with pytest.raises(ValueError, match="不认识的类：dog"):
        write_coco(tmp_path / "a.json", [TWO], ["猫"])
    assert not (tmp_path / "a.json").exists()


def test_labels_and_boxes_must_be_as_many():
    with pytest.raises(ValueError, match="2 个类名"):
        Annotation("a.jpg", 5, 5, ("猫", "猫"), torch.zeros(1, 4))
