# SPDX-License-Identifier: MIT
"""Which segments are the log, and what is known to be durable: sections 5 and 9 of docs/format.md."""

CLEAN, DEATH, POWER_LOSS, COPY = "clean", "death", "power_loss", "copy"


def ending_of(files, boot):
    """How the last writer left the log, as an open would judge it."""
    state = files.state
    if not files.is_own:
        return COPY
    if state["condition"] == 2:
        return CLEAN if all(files.slots) else POWER_LOSS
    return DEATH if state["boot"] == boot else POWER_LOSS


def _without_what_went(segments):
    """Those that were not removed once, to come again with a file of another moment."""
    by_name, went = {(s.number, s.salt): s for s in segments}, []
    for s in sorted(segments, key=lambda s: s.number):
        before = by_name.get((s.activation["predecessor"], s.activation["predecessor_salt"]))
        was_cut = before and before.end and before.end["cause"] == 2 and before.end["last"] + 1 < s.begin
        later = [t for t in segments if t.activation["epoch"] > s.activation["epoch"]]
        if was_cut or before in went or any(t.base < s.base for t in later):
            went.append(s)
    return [s for s in segments if s not in went]


def chain_of(files):
    """The segments of the log in the order of their bases, each following the one before."""
    trim, intent = files.state["trim_point"], files.state["truncate_intent"]
    segments = sorted(files.segments, key=lambda s: (s.base, s.number))
    if intent:
        segments = [s for s in segments if s.base < intent and intent != trim]
    all_segments, segments = segments, _without_what_went(segments)
    reaching = [i for i, s in enumerate(segments) if s.begin <= trim]
    if reaching:
        all_segments = [s for s in all_segments if s.begin >= segments[reaching[-1]].begin]
        segments = segments[reaching[-1]:]
    elif segments:
        files.find("damage", "the first segments are missing", segments[0].number, 0, trim, segments[0].begin - 1)
    following = {(s.activation["predecessor"], s.activation["predecessor_salt"]): s for s in segments}  # of two the newer
    chain = segments[:1]
    while chain:
        last = chain[-1]
        follower = following.get((last.number, last.salt))
        if follower is None or follower.begin < last.begin or follower in chain:
            break
        chain.append(follower)
    return chain, [s for s in all_segments if s not in chain]


def counting_end(segment, follower):
    """The segment's end, if it counts."""
    end = segment.end
    if end is None or (follower is not None and end["last"] != follower.begin - 1):
        return None
    return end


def counting_mark(files):
    epoch = files.state["epoch"]
    marks = [mark for mark in files.marks if mark["epoch"] == epoch]
    return max(marks, key=lambda mark: mark["sequence"]) if marks else None


def durable_by_seals(files):
    intent = files.state["truncate_intent"]
    return max((s.seal["last"] for s in files.segments if s.seal and not 0 < intent <= s.seal["last"]), default=0)


def durable_of(files):
    """The last sequence that must be there whatever happened."""
    state, mark = files.state, counting_mark(files)
    durable = max(durable_by_seals(files), state["durable_floor"], state["trim_point"] - 1)
    if state["condition"] == 2:
        durable = max(durable, state["clean_next"] - 1)
    return max(durable, mark["sequence"]) if mark else durable


def is_stale(files):
    """True if something was begun under a later state than the one that is there."""
    state, seen = files.state, [s.activation for s in files.segments] + files.marks
    return any(fact["epoch"] > state["epoch"] or fact["generation"] > state["generation"] for fact in seen)
