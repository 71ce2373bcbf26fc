"""标注文件：Pascal VOC 的 XML（一张图一个文件）与 COCO 的 JSON（全部图一个文件），写出与读回。

来源：VOC2012 Development Kit, §4；COCO "Data format"（cocodataset.org），object detection 一节。
坐标：读出来都是像素的角点框，右边与下边在最后一个像素之外（见 ``boxes``）。文件里则各有各的写法：
    VOC 的 xmin、ymin、xmax、ymax 是像素的编号，从 1 数起，含两端，所以 xmin = x1 + 1、xmax = x2；
    COCO 的 bbox 是 [x, y, 宽, 高]，从 0 数起。
差异：只管框与类别；VOC 的 difficult、truncated 与 COCO 的分割、iscrowd 读时略过，写时填 0。
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from json import decoder, scanner
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring
from xml.parsers import expat

import torch
from torch import Tensor

from dlnotes.vision.boxes import area


class AnnotationError(ValueError):
    """标注文件不对；错误信息是“文件:行: 原因”。"""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}")
        self.path, self.line, self.reason = path, line, reason


@dataclass(frozen=True)
class Annotation:
    """一张图的标注。

    形状:
        labels: 长 m 的类名；boxes: (m, 4)，float32，角点，像素。
    """

    file: str
    height: int
    width: int
    labels: tuple[str, ...]
    boxes: Tensor

    def __post_init__(self) -> None:
        if self.boxes.shape != (len(self.labels), 4):
            raise ValueError(f"{len(self.labels)} 个类名，框的形状却是 {tuple(self.boxes.shape)}")


def write_voc(path: Path, annotation: Annotation) -> None:
    """把一张图的标注写成 VOC 的 XML。"""
    root = Element("annotation")
    SubElement(root, "filename").text = annotation.file
    size = SubElement(root, "size")
    for name, value in (("width", annotation.width), ("height", annotation.height), ("depth", 3)):
        SubElement(size, name).text = str(value)
    for label, box in zip(annotation.labels, annotation.boxes, strict=True):
        thing = SubElement(root, "object")
        SubElement(thing, "name").text = label
        SubElement(thing, "difficult").text = "0"
        corners = SubElement(thing, "bndbox")
        x1, y1, x2, y2 = box.tolist()
        for name, value in (("xmin", x1 + 1), ("ymin", y1 + 1), ("xmax", x2), ("ymax", y2)):
            SubElement(corners, name).text = f"{value:g}"
    indent(root)
    path.write_bytes(tostring(root, encoding="utf-8") + b"\n")


def read_voc(path: Path) -> Annotation:
    """读一个 VOC 的 XML；缺了什么、不是数、框没有面积时抛出 ``AnnotationError``。"""
    root = _parse_xml(path)
    size = root.child("size")
    labels, boxes = [], []
    for thing in root.children:
        if thing.tag != "object":
            continue
        corners = thing.child("bndbox")
        x1, y1, x2, y2 = (corners.child(name).number() for name in ("xmin", "ymin", "xmax", "ymax"))
        boxes.append(_checked(path, corners.line, [x1 - 1, y1 - 1, x2, y2]))
        labels.append(thing.child("name").text.strip())
    return Annotation(
        root.child("filename").text.strip(),
        int(size.child("height").number()),
        int(size.child("width").number()),
        tuple(labels),
        torch.tensor(boxes).view(-1, 4),
    )


def write_coco(path: Path, annotations: Sequence[Annotation], classes: Sequence[str]) -> None:
    """把全部图的标注写成一个 COCO 的 JSON，一行一条；类的编号从 1 起，0 留给背景。

    出现了 ``classes`` 之外的类名时抛出 ``ValueError``，什么也不写。
    """
    numbers = {name: k for k, name in enumerate(classes, start=1)}
    if strangers := {label for a in annotations for label in a.labels} - numbers.keys():
        raise ValueError(f"不认识的类：{'、'.join(sorted(strangers))}；有 {'、'.join(classes)}")
    images: list[dict[str, object]] = []
    records: list[dict[str, object]] = []
    for i, a in enumerate(annotations, start=1):
        images.append({"id": i, "file_name": a.file, "width": a.width, "height": a.height})
        for label, (x1, y1, x2, y2) in zip(a.labels, a.boxes.tolist(), strict=True):
            records.append(
                {
                    "id": len(records) + 1,
                    "image_id": i,
                    "category_id": numbers[label],
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": k, "name": name} for name, k in numbers.items()]
    parts = []
    for name, rows in (("images", images), ("annotations", records), ("categories", categories)):
        lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        parts.append(f'"{name}": [\n{lines}\n]')
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def read_coco(path: Path) -> list[Annotation]:
    """读一个 COCO 的 JSON，次序同文件里的 ``images``；没有物体的图也在。

    不是 JSON、缺了什么、编号对不上、框没有面积时抛出 ``AnnotationError``。
    """
    text = path.read_text(encoding="utf-8")
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise AnnotationError(path, error.lineno, f"不是 JSON：{error.msg}") from error
    place: tuple[str, int] | None = None  # 正在读哪一节的第几条
    try:
        categories, images, records = (data[name] for name in ("categories", "images", "annotations"))
        names, rows = {}, {}
        for i, row in enumerate(categories):
            place = ("categories", i)
            names[row["id"]] = str(row["name"])
        for i, row in enumerate(images):
            place = ("images", i)
            rows[row["id"]] = (str(row["file_name"]), int(row["height"]), int(row["width"]))
        found: dict[int, tuple[list[str], list[list[float]]]] = {key: ([], []) for key in rows}
        for i, row in enumerate(records):
            place = ("annotations", i)
            if row["category_id"] not in names:
                raise ValueError(f"没有编号 {row['category_id']} 的类")
            if row["image_id"] not in rows:
                raise ValueError(f"没有编号 {row['image_id']} 的图")
            if len(row["bbox"]) != 4:
                raise ValueError(f"bbox 应是 4 个数，得到 {row['bbox']}")
            x, y, w, h = map(float, row["bbox"])
            labels, boxes = found[row["image_id"]]
            labels.append(names[row["category_id"]])
            boxes.append([x, y, x + w, y + h])
            if not (w > 0 and h > 0):
                raise ValueError(f"框没有面积：{[x, y, w, h]}")
    except (KeyError, TypeError, ValueError) as error:
        reason = f"没有 {error}" if isinstance(error, KeyError) else str(error)
        raise AnnotationError(path, _json_line(text, place), reason) from error
    return [
        Annotation(*row, tuple(found[key][0]), torch.tensor(found[key][1]).view(-1, 4))
        for key, row in rows.items()
    ]


@dataclass
class _Tag:
    """XML 的一个元素，记着它在第几行：标准库的 ElementTree 不记。"""

    path: Path
    line: int
    tag: str
    text: str = ""
    children: list["_Tag"] = field(default_factory=list)

    def child(self, tag: str) -> "_Tag":
        for one in self.children:
            if one.tag == tag:
                return one
        raise AnnotationError(self.path, self.line, f"<{self.tag}> 里没有 <{tag}>")

    def number(self) -> float:
        try:
            return float(self.text)
        except ValueError:
            raise AnnotationError(self.path, self.line, f"<{self.tag}> 应是数，得到 {self.text!r}") from None


def _parse_xml(path: Path) -> _Tag:
    parser = expat.ParserCreate()
    root = _Tag(path, 1, "")
    open_tags = [root]

    def start(tag: str, _: dict[str, str]) -> None:
        element = _Tag(path, parser.CurrentLineNumber, tag)
        open_tags[-1].children.append(element)
        open_tags.append(element)

    def characters(text: str) -> None:
        open_tags[-1].text += text

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: open_tags.pop()
    parser.CharacterDataHandler = characters
    try:
        parser.Parse(path.read_bytes(), True)
    except expat.ExpatError as error:
        raise AnnotationError(path, error.lineno, f"不是 XML：{expat.ErrorString(error.code)}") from error
    return root.child("annotation")


def _checked(path: Path, line: int, box: list[float]) -> list[float]:
    if not area(torch.tensor(box)) > 0:
        raise AnnotationError(
            path, line, f"框没有面积：x {box[0]:g} 到 {box[2]:g}，y {box[1]:g} 到 {box[3]:g}"
        )
    return box


def _json_line(text: str, place: tuple[str, int] | None) -> int:
    """返回 ``place``（节，第几条）在第几行开始；出错之后才找，所以慢一点也不要紧。"""
    if place is None:
        return 1
    starts: dict[int, int] = {}  # 字典的 id → 左花括号的位置；根对象活着，id 就不会重复
    reader: Any = json.JSONDecoder()

    def parse_object(at: tuple[str, int], *rest: Any) -> tuple[dict[str, Any], int]:
        value, end = decoder.JSONObject(at, *rest)  # type: ignore[attr-defined]
        starts[id(value)] = at[1] - 1
        return value, end

    reader.parse_object = parse_object
    reader.scan_once = scanner.py_make_scanner(reader)  # type: ignore[attr-defined]
    section, i = place
    row = reader.decode(text)[section][i]
    return text.count("\n", 0, starts.get(id(row), 0)) + 1
