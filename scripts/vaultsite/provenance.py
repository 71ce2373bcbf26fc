"""How a page's outputs came to be, in words for its reader."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass

from vaultsite.freeze import Record, Verdict, fingerprint, is_quick
from vaultsite.model import Note, VaultPath
from vaultsite.workspace import Draft, Workspace

STATES = {
    "fresh": "与代码一致",
    "aged": "与代码一致，版本较旧",
    "stale": "代码改过，等待重跑",
    "missing": "还没有运行",
    "damaged": "记录损坏，等待重跑",
    "draft": "试运行，没有记录",
}
PROFILES = {"quick": "快速规模", "full": "完整规模"}
DEVICES = {"cpu": "CPU", "cuda": "GPU（CUDA）", "mps": "GPU（MPS）"}
NAMES = {
    "device": "设备",
    "device_name": "型号",
    "device_asked": "要求的设备",
    "profile": "规模",
    "seed": "随机种子",
    "python": "Python",
    "torch": "PyTorch",
    "torchvision": "torchvision",
    "driver": "CUDA",
    "threads": "线程数",
}


@dataclass(frozen=True)
class Provenance:
    """One quiet line, and the table that it opens to. *state* is a key of STATES."""

    state: str
    line: str
    rows: tuple[tuple[str, str], ...]


def provenance(workspace: Workspace, note: Note) -> Provenance | None:
    """Say where the outputs of *note* come from; nothing if it runs no code."""
    judged = workspace.verdicts.get(note.path)
    if judged is None:
        return None
    if judged.state != "fresh":
        draft = workspace.drafts.get(note.path)
        return _of_draft(draft) if draft else Provenance(judged.state, STATES[judged.state], ())
    return _of_record(workspace.records[note.path], judged)


def run_table(workspace: Workspace, urls: Mapping[VaultPath, str]) -> str:
    """Return the table of every note that runs code: what ran where, and what it cost."""
    rows = []
    whole = 0.0
    for path, judged in workspace.verdicts.items():
        note = workspace.vault.notes[path]
        record = workspace.records.get(path)
        link = f'<a href="{html.escape(urls[path], quote=True)}">{html.escape(note.title)}</a>'
        cells = [link, f'<span class="run-{state_of(judged)}">{STATES[state_of(judged)]}</span>']
        if record is None:
            cells += [""] * 6
        else:
            whole += record.seconds
            there = record.environment
            others = [f"{where}：{duration(s)}" for where, s in record.times.items() if s != record.seconds]
            cells += [
                PROFILES.get(there.get("profile", ""), ""),
                "<br>".join([duration(record.seconds), *map(html.escape, others)]),
                f"{record.peak_mib:,} MiB",
                html.escape(there.get("device_name", there.get("device", ""))),
                html.escape(there.get("torch", "")),
                record.recorded[:10],
            ]
        rows.append("".join(f"<td>{cell}</td>" for cell in cells))
    head = ["笔记", "状态", "规模", "用时", "内存", "设备", "PyTorch", "日期"]
    table = (
        f"<thead><tr>{''.join(f'<th scope=col>{name}</th>' for name in head)}</tr></thead>"
        f"<tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody>"
    )
    return (
        f"<p>{len(rows)} 篇笔记里有会跑的代码，全部重跑一次约 {duration(whole)}。"
        "单元、它用到的任何函数或数据改了意思，记录就过期，过期的输出不会发布。</p>"
        f'<div class="run-table md-typeset__scrollwrap"><table>{table}</table></div>'
    )


def state_of(judged: Verdict) -> str:
    """Return the key of STATES for a record's verdict."""
    return "aged" if judged.state == "fresh" and judged.aged else judged.state


def duration(seconds: float) -> str:
    """Return a duration as a reader says it."""
    if seconds < 60:
        return f"{seconds:.1f} 秒"
    if seconds < 3600:
        return f"{int(seconds) // 60} 分 {int(seconds) % 60} 秒"
    return f"{int(seconds) // 3600} 小时 {int(seconds) % 3600 // 60} 分"


def _of_record(record: Record, judged: Verdict) -> Provenance:
    there = record.environment
    profile = PROFILES["quick" if is_quick(record) else "full"]
    device = DEVICES.get(there.get("device", ""), "")
    parts = [record.recorded[:10], device, profile, f"用时 {duration(record.seconds)}"]
    if judged.aged:
        parts.append("版本较旧")
    rows = [("状态", STATES[state_of(judged)])]
    rows += [("版本变化", change) for change in judged.aged]
    rows += [("运行日期", record.recorded[:10])]
    rows += [(NAMES.get(key, key), _shown(key, there[key])) for key in _in_order(there)]
    rows += [("总用时", duration(record.seconds)), ("内存峰值", f"{record.peak_mib:,} MiB")]
    rows += [
        (f"用时（{where}）", duration(seconds))
        for where, seconds in record.times.items()
        if seconds != record.seconds
    ]
    rows.append(("代码指纹", fingerprint(record.cells)))
    line = "本页结果由代码算出：" + " · ".join(part for part in parts if part)
    return Provenance(state_of(judged), line, tuple(rows))


def _of_draft(draft: Draft) -> Provenance:
    if draft.problem:
        line = f"试运行停在第 {draft.done + 1} 个单元：{draft.problem}"
    elif draft.is_over:
        line = f"试运行：{draft.cells} 个单元都跑完了，没有记录；build.py run 会从头跑一遍再记录"
    else:
        line = f"试运行：{draft.cells} 个单元里跑完了 {draft.done} 个，后面的还在跑"
    return Provenance("draft", line, ())


def _in_order(there: Mapping[str, str]) -> list[str]:
    return [*(key for key in NAMES if key in there), *(key for key in there if key not in NAMES)]


def _shown(key: str, value: str) -> str:
    words = {"device": DEVICES, "device_asked": {**DEVICES, "auto": "自动"}, "profile": PROFILES}
    return words.get(key, {}).get(value, value)
