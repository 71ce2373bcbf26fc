"""Vaults of any size, the same for the same seed, for tests and measurements; ``edit`` changes one.

Run as ``python tests/generate.py DIR --notes 1000 --seed 0``.
"""

from __future__ import annotations

import argparse
import json
import posixpath
import random
import re
import struct
import zlib
from bisect import bisect
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

IMAGES = [f"附件/图 {n:02d}.png" for n in range(20)]
# T, N, V, A, D, E: terms, nouns, verbs, adjectives, adverbs, English words; in a pattern of clauses (P) or
# headings (H) a letter is a word of its kind, # a number, _ a space. C: connectives, G: tags, I, M: math.
VOCABULARY = r"""
T:感知机、多层感知机、反向传播、卷积层、卷积神经网络、循环神经网络、自注意力、多头注意力、残差连接、批量归一化、层归一化、随机梯度下降、学习率、动量法、权重衰减、暂退法、交叉熵、均方误差、激活函数、损失函数
T:汇聚层、嵌入层、位置编码、词元、词表、编码器、解码器、生成对抗网络、变分自编码器、扩散模型、强化学习、迁移学习、微调、预训练、语言模型、目标检测、语义分割、锚框、交并比、数据增广、验证集、测试集、过拟合
T:欠拟合、正则化、泛化误差、偏差与方差、线性回归、逻辑回归、softmax回归、支持向量机、决策树、主成分分析、奇异值分解、特征值、雅可比矩阵、海森矩阵、链式法则、计算图、自动求导、数值稳定性、梯度消失
T:梯度爆炸、参数初始化、小批量、全连接层、感受野、填充与步幅、转置卷积、深度可分离卷积、门控循环单元、长短期记忆、束搜索、教师强制、困惑度、知识蒸馏、模型剪枝、量化、混合精度、数据并行、流水线并行、超参数
N:模型数据参数梯度结果误差样本标签特征权重输入输出网络结构通道向量矩阵维度均值方差概率分布函数曲线平面空间时间内存速度精度训练推断目标约束条件步骤方法过程问题答案原因例子公式定理证明直觉经验规律现象实验对照数值
N:范围尺度图像文本语音序列句子单词上下位置邻域边界中心方向距离角度能量噪声信号频率周期窗口缓存线程显卡硬件代码接口版本日志指标基准差距代价收益风险上限下限初值终点路径状态动作奖励策略价值环境假设前提推论反例细节
V:计算估计表示学习预测拟合优化更新改变保持限制放大缩小压缩展开合并拆分复制共享固定冻结调整选择比较测量观察解释说明推导验证检查修正避免减少增加提高降低加速跳过遍历读取写入保存加载采样排序归纳映射投影对齐平滑截断
V:掩盖打乱重排描述控制影响决定覆盖替换记住忽略利用依赖产生引入恢复衡量区分捕捉传递积累抵消
A:简单复杂稳定敏感稀疏稠密平坦陡峭随机独立相关线性局部全局有限无穷连续离散可导显著对称正交低秩高维抽象具体直接间接显式隐式昂贵便宜准确粗略可靠脆弱通用特殊常见罕见微小巨大均匀偏斜冗余必要充分合理自然微妙漫长短暂
D:往往通常几乎只能可以必须不会未必仍然已经逐渐立即反复一般大致恰好同时分别一起尽量显著略微真正直接主要很少总是有时容易难以
C:因此、但是、不过、换句话说、例如、也就是说、反过来、与此同时、另外、更重要的是、直观地看、严格来说、事实上、一方面、另一方面、总的来说、注意、回忆一下、由此可见、从实验看、在实践中、有趣的是、首先、其次
E:PyTorch、ReLU、GPU、Adam、SGD、BERT、Transformer、ResNet、LeNet、ImageNet、dropout、batch、logits、token、softmax
P:TDVN、AN由T决定、N的N并不A、T把N变成AN、在T里N往往A、我们先VN再VN、N与N之间的N取决于T、VN时N会变A、为了VNTDVN、T的N是A的、从N来看TDVN、如果N太A那么N就DVN
P:这里的_E_对应N、和T相比T更A、关键在于VT的N、对AN来说D要VN、N大约是_#_、V一下N就能看出N、A的N常常VN、只要N足够A、N从_#_降下来、T并没有V任何N、与其VN不如VN、N越A而N越A
P:没有T就谈不上N、用_E_来VN、每一步都VNN、T和T都需要V_E_的N、剩下的N可以交给T、它的N只与N有关、可见N比N更A、一个A的N胜过许多AN、请读者自己VN、书上的N是这样VN的、这并不意味着NDA
H:为什么需要T、T的N、从N到N：T、如何VN、AN与T、代码实现：T、ADN、实验：N与N、小结（T）、1.2：怎样VN、常见问题，T篇
G:深度学习、深度学习/优化、深度学习/卷积、论文/2017、笔记/实验、数学、待复习、todo、cv/detection
I:\mathbf{x}、\hat{y}=\mathbf{w}^\top\mathbf{x}+b、\eta、\nabla_\theta{L}、O(n^2)、\sigma(z)、p(y\mid{x})
I:\lVert\mathbf{w}\rVert_2、\mathbb{R}^{d}、\theta_{t+1}、\lambda>0、\epsilon\sim\mathcal{N}(0,1)
M:\theta\leftarrow\theta-\eta\nabla_\theta{L}(\theta)、\mathbf{H}=\sigma(\mathbf{X}\mathbf{W}+\mathbf{b})
M:L=-\sum_{i=1}^{n}y_i\log\hat{y}_i、\operatorname{softmax}(o)_i=\frac{\exp(o_i)}{\sum_j\exp(o_j)}
M:h_t=\tanh(W_{hh}h_{t-1}+W_{xh}x_t)、D_{\mathrm{KL}}(p\,\|\,q)=\sum_x{p(x)\log\frac{p(x)}{q(x)}}
"""
CODE = """for epoch in range(SIZE):
    x, y = batches[[0, 2]]  # [[不是链接]]，也不是 #标签
    loss = criterion(NAME(x), y) / SIZE
    loss.backward()
    print(f"epoch {epoch}: {loss:.4f}")  # REMARK"""
ZIPF = list(accumulate(1 / (rank + 20) for rank in range(400)))
EDITS = ("change_body", "add_heading", "rename", "delete", "add", "change_title", "toggle_tag")
_yaml = partial(json.dumps, ensure_ascii=False)
WORDS: dict[str, list[str]] = {}
for _row in VOCABULARY.split():
    WORDS.setdefault(_row[0], []).extend(re.findall(".." if _row[0] in "NVAD" else "[^、]+", _row[2:]))


class Plan(NamedTuple):
    """What other notes must know of a note to link to it."""

    number: int
    name: str
    path: str
    title: str
    alias: str
    headings: tuple[str, ...]


class Prose:
    """Sentences whose words are as unequal as those of real text; each note has terms of its own."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.topic = rng.sample(WORDS["T"], 8)

    def word(self, kind: str) -> str:
        words = self.topic if kind == "T" and self.rng.random() < 0.5 else WORDS[kind]
        return words[bisect(ZIPF, self.rng.random() * ZIPF[len(words) - 1], 0, len(words) - 1)]

    def fill(self, pattern: str) -> str:
        """Put a word in the place of each letter."""
        text = "".join(self.word(c) if c in "TNVADE" else c for c in pattern)
        number = str(round(self.rng.lognormvariate(2, 2), 2)) if "#" in text else ""
        return text.replace("#", number).replace("_", " ")

    def sentence(self, link: str = "") -> str:
        clauses = [self.fill(self.word("P")).strip() for _ in range(self.rng.choice((1, 2, 2, 3)))]
        chance = self.rng.random()
        if link:
            clauses.append(f"{self.fill('N')}可参考 {link}")
        elif chance < 0.3:
            clauses.insert(0, self.word("C"))
        elif chance < 0.36:
            clauses.append(f"记作 ${self.word('I')}$")
        elif chance < 0.42:
            clauses[0] = f"=={clauses[0]}=="
            clauses.append(f"写成 `{self.word('E')}[[0, 2]]`，这就是**{self.fill('AN')}**")
        return "，".join(clauses) + self.rng.choice("。。。。。；？")

    def paragraph(self, *links: str) -> str:
        wanted = [*links, *[""] * self.rng.randint(2, 4)]
        self.rng.shuffle(wanted)
        return "".join(map(self.sentence, wanted))


def generate(root: Path, notes: int, seed: int = 0) -> list[str]:
    """Write a vault of *notes* notes and a few pictures below *root*; return the notes' paths."""
    plans = [_plan(number, Prose(random.Random(f"plan {seed} {number}"))) for number in range(notes)]
    popular = random.Random(f"hubs {seed}").sample(plans, notes)
    ranks = list(accumulate((rank + 1) ** -0.85 for rank in range(notes)))  # a power law: few hubs
    for n, image in enumerate(IMAGES):
        _write(root / image, _png(n))
    for plan in plans:
        prose = Prose(random.Random(f"note {seed} {plan.number}"))
        link = partial(_link, plan, popular, ranks, prose)
        _write(root / plan.path, _text(plan, plans, prose, link).encode())
    return [plan.path for plan in plans]


def _plan(number: int, prose: Prose) -> Plan:
    folder, place = divmod(number, 40)
    folders = [f"{folder // 25 + 1:02d} 册", f"{folder // 5 + 1} 专题 + 练习", f"{folder + 1:03d} 节"]
    folders = folders[: 3 if place else 2]  # some folders hold notes beside folders
    term, other = prose.word("T"), prose.word("T")
    names = [f"{term} {number}", f"{number % 9}.{number % 7} {term} {number}", f"{number:04d}  {term}"]
    names += [f"{term} + {other} {number}", f"{term} & {other} {number}", f"【{term}】：{other}（{number}）"]
    name = prose.rng.choice(names)
    headings = {prose.fill(prose.word("H")): None for _ in range(prose.rng.randint(4, 8))}
    headings |= {prose.fill(f"T{n}：VN"): None for n in range(5 - len(headings))}
    title = name if prose.rng.random() < 0.6 else f"{term}的{prose.word('N')} {number}"
    path = "/".join([*folders, f"{name}.md"])
    return Plan(number, name, path, title, f"{other}别名{number}", tuple(headings))


def _text(plan: Plan, plans: Sequence[Plan], prose: Prose, link: Callable[..., str]) -> str:
    """Return a note's whole file: its blocks, shuffled, under its headings."""
    rng, number = prose.rng, plan.number
    table = f"| 方法 | 说明 | 值 |\n| --- | --- | ---: |\n| {prose.fill('T')} | {prose.fill('VN')} | 9 |\n"
    table += rf"| {link(pipe=chr(92) + '|')} | {prose.fill('AN')} | $\eta$ |"
    items = f"- {prose.sentence(link())}\n- {prose.sentence()}\n    - {prose.sentence()}"
    callout = f"> [!{rng.choice(('note', 'tip'))}]{rng.choice(('', '-', '+'))} {link()}\n> {prose.sentence()}"
    if number % 3 == 0:
        callout += f"\n>\n> > [!warning]- {prose.fill('AN')}\n> > {prose.sentence(link())}"
    blocks = [table, items, callout, f"$$\n{prose.word('M')}\n$$"]
    blocks.append(f"- [x] {prose.fill('VN：T')}\n- [ ] {prose.fill('VN：T')}")
    for _ in range(rng.randint(1, 3)):
        code = re.sub("SIZE", lambda _: str(rng.randint(2, 512)), CODE)
        code = code.replace("NAME", prose.word("E").title()).replace("REMARK", prose.fill("VN"))
        blocks.append(f"```python\n{code}\n```")
    blocks += [prose.paragraph(link(), link()), prose.paragraph(link(), link())]
    blocks += [f"{prose.paragraph()} ^b{number}", f"{prose.sentence()}[^1] {prose.sentence()}"]
    blocks.append(f"![[{posixpath.basename(rng.choice(IMAGES))}|200]]")
    blocks.append(rng.choice((f"{prose.sentence()}%%{prose.sentence()}%%", f"%%\n{prose.paragraph()}\n%%")))
    if number % 2:
        title = plans[rng.randrange(0, len(plans), 10)].title  # without a link
        blocks.append(f"{prose.sentence()}这在 {title} 里说过。 #{prose.word('G')} {prose.sentence()}")
    if number % 10 == 3 and number + 1 < len(plans):
        later = plans[rng.randrange(number + 1, len(plans))]  # never in a circle
        blocks.append(f"![[{later.name}#{rng.choice(later.headings)}]]")
    length = rng.uniform(1700, 3200)
    while sum(map(len, blocks)) < length:
        blocks.append(prose.paragraph())
    rng.shuffle(blocks)
    head = [f"title: {_yaml(plan.title)}", f"aliases: {_yaml([plan.alias])}"]
    head.append(f"tags: {_yaml(rng.sample(WORDS['G'], rng.randint(1, 3)))}")
    if number % 3 == 1:
        before = plans[rng.randrange((number + 1) // 2)]  # of the lower half: no circle, no long chain
        head.append(f"prerequisites: {_yaml([f'[[{before.name}]]'])}")
    parts = ["\n".join(["---", *head, "---"]), prose.paragraph(link())]
    for n, heading in enumerate(plan.headings):
        parts += [f"{'###' if n % 3 == 2 else '##'} {heading}", *blocks[n :: len(plan.headings)]]
    if number % 5 == 0:
        parts += [f"## 延伸：{link()}", prose.paragraph()]
    return "\n\n".join([*parts, f"[^1]: {prose.sentence(link())}"]) + "\n"


def _link(source: Plan, popular: list[Plan], ranks: list[float], prose: Prose, pipe: str = "|") -> str:
    """Return a link in one of the forms that people write; one of a hundred leads nowhere."""
    if prose.rng.random() < 0.01:
        return f"[[还没写的{prose.word('T')}]]"
    to, words = popular[bisect(ranks, prose.rng.random() * ranks[-1], 0, len(ranks) - 1)], prose.fill("TN")
    path = quote(relative := posixpath.relpath(to.path, posixpath.dirname(source.path)))
    heading = prose.rng.choice(to.headings)
    forms = [f"[[{to.name}]]", f"[[{to.name}{pipe}{words}]]", f"[[{to.path[:-3]}]]", f"[[{to.alias}]]"]
    forms += [f"[[{to.name}#{heading}]]", f"[[{to.name}#^b{to.number}{pipe}{words}]]", f"[{words}]({path})"]
    forms += [f"[{words}]({relative.replace(' ', '%20')})", f"[{words}]({path}#{quote(heading)})"]
    return prose.rng.choice(forms)


def edit(root: Path, name: str, rng: random.Random) -> str:
    """Make the edit *name* of EDITS at a random place and say what it did; links to what moved stay."""
    notes = sorted(p for p in root.rglob("*.md") if "/." not in p.relative_to(root.parent).as_posix())
    name = "add" if name == "delete" and len(notes) == 1 else name  # a vault is never empty
    path = rng.choice(notes)
    prose, text = Prose(rng), path.read_text(encoding="utf-8")
    match EDITS[EDITS.index(name)]:
        case "change_body":
            lines = text.split("\n")
            done = prose.sentence(rng.choice(("", f"[[{rng.choice(notes).stem}]]")))
            prosaic = [n for n, line in enumerate(lines) if line[:1].isalnum() and line[-1] in "。；？"]
            n = rng.choice(prosaic or [len(lines) - 1])
            lines[n] = rng.choice((lines[n], "")) + done
            _write(path, "\n".join(lines).encode())
        case "add_heading":
            before, mark, after = text.partition("\n## ")
            done = prose.fill(prose.word("H"))
            _write(path, f"{before}\n## {done}\n\n{prose.paragraph()}\n{mark}{after}".encode())
        case "rename":
            done = path.rename(path.with_name(f"{prose.fill('TN')} {rng.randrange(10**9)}.md")).name
        case "delete":
            path.unlink()
            done = "gone"
        case "add":
            done = f"{prose.fill('AT')} {rng.randrange(10**9)}"
            text = f"# {done}\n\n{prose.paragraph(f'[[{path.stem}]]')}\n"
            _write(path.with_name(f"{done}.md"), text.encode())
        case "change_title":
            done = _set(path, text, "title", f"{prose.fill('T的N')} {rng.randrange(10**9)}")
        case _:
            found = re.search(r"^tags: (\[.*\])$", text, re.MULTILINE)
            tags = set(json.loads(found[1]) if found else []) ^ {prose.word("G")}
            done = _set(path, text, "tags", sorted(tags))
    return f"{name} {path.relative_to(root).as_posix()}: {done}"


def _set(path: Path, text: str, key: str, value: str | list[str]) -> str:
    """Set one property of a note's front matter."""
    head, body = text[4:].split("---\n", 1) if text.startswith("---\n") else ("", text)
    kept = "".join(line for line in head.splitlines(keepends=True) if not line.startswith(f"{key}:"))
    _write(path, f"---\n{kept}{key}: {_yaml(value)}\n---\n{body}".encode())
    return _yaml(value)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _png(n: int) -> bytes:
    """Return a picture of 16 × 16 points in a colour of its own."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = bytes((n * 12, x * 16, 128)[i] for x in range(16) for i in range(3))
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0))
    return head + chunk(b"IDAT", zlib.compress((b"\0" + row) * 16)) + chunk(b"IEND", b"")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("root", metavar="DIR", type=Path)
    parser.add_argument("--notes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    generate(**vars(parser.parse_args()))
