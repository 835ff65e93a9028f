#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""decode.py DIR - what a log holds, by a decoder of its own.

Written from docs/format.md and the table of recovery in docs/design.md, and from nothing else: if this and the library do
not agree about a log, then one of them, or the page, is wrong. It shows what an open would find after a clean close, the
death of a process or a power loss; no writer may have the log meanwhile. Prints JSON; answers 1 if the log is damaged or
incomplete, 2 if it is no log of this version.

As a module: decode(directory) returns the same as a dictionary, in which each record has its `payload` as bytes as well.
"""

import hashlib
import json
import os
import sys

sys.dont_write_bytecode = True  # the source tree stays as it is
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import chain as ch  # noqa: E402
import frames as fr  # noqa: E402
import structures as st  # noqa: E402
from checksums import KINDS  # noqa: E402
from files import Files, boot_id  # noqa: E402
from walk import AsPowerLoss, Walk  # noqa: E402

REFUSING = ("damage", "incomplete", "stale")  # kinds of findings with which an open refuses


def decode(directory, boot=None):
    """All that belongs to the log in this directory. `boot`: the 16 bytes of the boot id to take for that of this boot."""
    files = Files(directory)
    ending = ch.ending_of(files, boot if boot is not None else boot_id())
    chain, behind = ch.chain_of(files)
    durable = ch.durable_of(files)
    if ch.is_stale(files):
        files.find("stale" if ending != ch.COPY else "incomplete", "the state is older than what was begun under it")
    walk, ending = _walk(files, chain, ending, durable)
    _look_behind(files, walk, ending, chain, behind, durable)
    return _report(files, walk, ending, durable)


def _walk(files, chain, ending, durable):
    if ending == ch.COPY:  # W: what its state says is believed if all of it is there
        walk = Walk(files, chain, ch.POWER_LOSS, durable).run()
        if walk.next <= durable or any(f["kind"] == "damage" for f in walk.findings):
            files.find("incomplete", "less than what its own state says was durable", 0, 0, walk.next, durable)
            walk = Walk(files, chain, ch.POWER_LOSS, ch.durable_by_seals(files)).run()
        return walk, ending
    try:
        return Walk(files, chain, ending, durable).run(), ending
    except AsPowerLoss:
        return Walk(files, chain, ch.POWER_LOSS, durable).run(), ch.POWER_LOSS


def _look_behind(files, walk, ending, chain, behind, durable):
    """What must be there, and is not."""
    if behind and not walk.findings and ending != ch.CLEAN:
        kind = "cut" if ending in (ch.POWER_LOSS, ch.COPY) and walk.next > durable else "damage"
        files.find(kind, "a segment is missing before this one", behind[0].number, 0, walk.next, behind[0].begin - 1)
    if ending == ch.CLEAN:
        state = files.state
        if walk.next < state["clean_next"] and state["clean_next"] > state["trim_point"]:
            files.find("damage", "the log ends before the end that it was closed with", 0, 0, walk.next,
                       state["clean_next"] - 1)
        last = chain[-1] if chain else None
        if last and last.end is None and last.number == state["clean_segment"]:
            at, kind = state["clean_offset"], last.identity["checksum_kind"]
            if fr.read_frame(last.data, at, last.capacity - at, state["clean_next"], last.salt, kind):
                files.find("stale", "a frame behind the end that the log was closed with", last.number, at)
    elif ending != ch.COPY and walk.next <= durable:
        files.find("damage", "the log ends before what is durable", 0, 0, walk.next, durable)
    if ending == ch.DEATH:
        published = st.published_word(files.live, files.state["epoch"])
        if published is not None and published >= walk.next and not files.state["truncate_intent"]:
            files.find("incomplete", "what was published is not there", 0, 0, walk.next, published)


def _report(files, walk, ending, durable):
    first = max(files.state["trim_point"], 1)
    following = max(walk.next, first)
    durable = following - 1 if ending == ch.CLEAN else max(min(durable, following - 1), first - 1)
    findings = files.findings + walk.findings
    return {
        "meta": _plain(files.meta), "state": _plain({**files.state_from, **files.state}), "ending": ending,
        "own": files.is_own, "marks": files.marks, "segments": [_segment(s) for s in walk.chain],
        "records": [_record(frame, s) for frame, s in walk.records if frame.sequence >= first],
        "abandoned": _from(walk.abandoned, first), "gaps": _from(walk.gaps, first), "gone": _from(walk.gone, first),
        "first": first, "durable": durable, "next": following, "findings": findings,
        "refuses": any(f["kind"] in REFUSING for f in findings),
    }


def _plain(fields):
    return {name: st.uuid(value) if isinstance(value, bytes) else value for name, value in fields.items()}


def _from(ranges, first):
    return [{**r, "first": max(r["first"], first)} for r in ranges if r["last"] >= first]


def _segment(s):
    return {"number": s.number, "base": s.base, "given_up": s.activation["given_up"], "salt": f"{s.salt:016x}",
            "epoch": s.activation["epoch"], "file_bytes": s.identity["file_bytes"], "end": s.end,
            "sealed": s.seal is not None}


def _record(frame, segment):
    return {"sequence": frame.sequence, "segment": segment.number, "offset": frame.offset,
            "epoch": segment.activation["epoch"], "kind": fr.KIND_NAMES[frame.kind], "type": frame.type,
            "time_ns": frame.time, "goes_on": frame.goes_on, "begins_inside": frame.begins_inside,
            "short": bool(frame.flags & fr.SHORT), "length": len(frame.payload),
            "sha256": hashlib.sha256(frame.payload).hexdigest(), "payload": frame.payload}


def _printable(record):
    payload = record.pop("payload")
    try:
        if len(payload) <= 4096:
            record["text"] = payload.decode("utf-8")
    except UnicodeDecodeError:
        pass
    return record


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        log = decode(arguments[0])
    except (st.Refused, OSError) as why:
        print(json.dumps({"refused": str(why)}))
        return 2
    log["meta"]["checksum"] = KINDS[log["meta"]["checksum_kind"]][0]
    log["records"] = [_printable(record) for record in log["records"]]
    print(json.dumps(log, indent=1))
    return 1 if log["refuses"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
