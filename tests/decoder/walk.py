# SPDX-License-Identifier: MIT
"""The walk through the frames: section 9 of docs/format.md, and the table of recovery in docs/design.md, whose letters stand
in the comments."""

import frames as fr
from chain import CLEAN, DEATH, POWER_LOSS, counting_end
from structures import HEADER


class AsPowerLoss(Exception):
    """What stands here no dead process can have left."""


class Walk:
    """One walk. Afterwards `records`, `abandoned`, `gaps`, `gone`, `next` and `findings` say what belongs to the log."""

    def __init__(self, files, chain, ending, durable):
        self.files, self.chain, self.ending, self.durable = files, chain, ending, durable
        self.state = files.state
        self.records, self.findings = [], []
        self.abandoned, self.gaps, self.gone = [], [], []
        self.sequence = chain[0].begin if chain else self.state["trim_point"]
        self.before = None  # the frame before, if it counts
        self.may_begin_inside = False  # there may have been a head that is not there any more
        self.batch = self.sequence  # where the batch of the frame before begins

    def run(self):
        for i, segment in enumerate(self.chain):
            follower = self.chain[i + 1] if i + 1 < len(self.chain) else None
            if not self._segment(segment, follower):
                break
        self.next = self.sequence
        return self

    def _find(self, kind, text, segment, offset, first, last):
        self.findings.append({"kind": kind, "text": text, "segment": segment.number, "offset": offset, "first": first,
                              "last": last})

    def _note(self, where, first, end, segment):
        if first < end:
            where.append({"first": first, "last": end - 1, "segment": segment.number})

    def _segment(self, segment, follower):
        """Walks one segment. True if the log goes on in the next one."""
        self._note(self.gaps, segment.begin, segment.base, segment)
        if segment.begin < segment.base:
            self.sequence = segment.base
        self.before, self.may_begin_inside = None, segment.begin < segment.base
        end = counting_end(segment, follower)
        limit = end["offset"] if end else segment.capacity
        position = HEADER
        while True:
            if self.state["truncate_intent"] == self.sequence:
                return False  # decided: what was kept of a batch counts as whole
            if end and position == limit:
                if follower is None and self.before and self.before.goes_on and end["cause"] != 2:
                    return self._broken_batch(segment, position)
                return True
            if follower and self.sequence == follower.begin:
                return True  # H
            if self._is_clean_end(segment, position):
                return False
            frame = fr.read_frame(segment.data, position, limit - position, self.sequence, segment.salt,
                                  segment.identity["checksum_kind"])
            if frame is not None and self._fits_batch(frame) and not self._is_beyond_belief(segment):
                self._take(frame, segment)
                position += frame.extent
                continue
            position = self._other(segment, follower, end, limit, position, frame)
            if position is None:
                return self.goes_on

    def _is_clean_end(self, segment, position):
        return (self.ending == CLEAN and segment.number == self.state["clean_segment"]
                and position == self.state["clean_offset"] and self.sequence == self.state["clean_next"])

    def _fits_batch(self, frame):
        return not frame.begins_inside or self.may_begin_inside or (self.before is not None and self.before.goes_on)

    def _is_beyond_belief(self, segment):  # E
        return (self.ending == POWER_LOSS and self.sequence > self.durable and segment.identity["checksum_kind"] == 5)

    def _take(self, frame, segment):
        if not frame.begins_inside:
            self.batch = self.sequence
        if frame.kind <= fr.CHUNK:
            self.records.append((frame, segment))
        else:
            self._note(self.gone if frame.kind == fr.GONE else self.abandoned, self.sequence, self.sequence + 1, segment)
        self.before, self.may_begin_inside = frame, frame.kind == fr.GONE
        self.sequence += 1

    def _abandon(self, segment, end):
        self._note(self.abandoned, self.sequence, end, segment)
        self._find("stepped_over", "claims of a dead writer", segment, 0, self.sequence, end - 1)
        self.sequence, self.before, self.may_begin_inside = end, None, False

    def _other(self, segment, follower, end, limit, position, frame):
        """What stands here is no frame that counts. Returns where the walk goes on in this segment; or None, and then
        goes_on says whether it does in the next one."""
        last = end["last"] if end else follower.begin - 1 if follower else None
        if self.sequence <= self.durable:
            return self._damage(segment, last, limit, position)
        self.goes_on = False
        if self.ending == CLEAN:
            return None  # J
        if self.ending == POWER_LOSS:
            if frame or last is not None or self._is_torn(segment, position, limit):
                self._cut(segment, position)
            elif self.before and self.before.goes_on:
                self._cut(segment, position)
            return None  # Q, R
        if self.before and self.before.goes_on:
            raise AsPowerLoss  # L: a batch whose rest is not there
        if frame is not None:  # K
            self._abandon(segment, self.sequence + 1)
            return position + frame.extent
        if limit - position >= fr.FRAME_HEADER and fr.stamp_at(segment.data, position) == self.sequence ^ segment.salt:
            raise AsPowerLoss  # L
        found = fr.find_next(segment.data, position, limit, self.sequence, segment.salt, segment.identity["checksum_kind"])
        if found:
            at, sequence, behind = found
            if behind is None:
                raise AsPowerLoss  # O
            self._abandon(segment, sequence)  # M
            return at
        if last is None:
            return None  # P
        if last + 1 - self.sequence > (limit - position) // fr.FRAME_HEADER:
            raise AsPowerLoss  # O
        self._abandon(segment, last + 1)  # N
        self.goes_on = True
        return None

    def _is_torn(self, segment, position, limit):
        """Is there anything behind the end of a power loss that is to be told of?"""
        room = limit - position
        if room >= fr.FRAME_HEADER and fr.stamp_at(segment.data, position) == self.sequence ^ segment.salt:
            return True
        kind = segment.identity["checksum_kind"]
        return fr.find_next(segment.data, position, limit, self.sequence, segment.salt, kind) is not None

    def _broken_batch(self, segment, position):
        self.goes_on = False
        if self.sequence - 1 <= self.durable:
            self._find("damage", "a batch without its rest", segment, position, self.batch, self.sequence - 1)
            return True
        if self.ending == DEATH:
            raise AsPowerLoss
        self._cut(segment, position)
        return False

    def _cut(self, segment, position):
        first = self.sequence
        if self.before and self.before.goes_on:
            first = self.batch
            self.records = [(frame, s) for frame, s in self.records if frame.sequence < first]
        self._find("cut", "the torn end of a power loss", segment, position, first, first)
        self.sequence, self.before = first, None

    def _damage(self, segment, last, limit, position):
        found = fr.find_next(segment.data, position, limit, self.sequence, segment.salt, segment.identity["checksum_kind"])
        self.goes_on = last is not None
        if found and found[2]:
            missing, where = found[1], found[0]
        else:
            missing, where = last + 1 if last is not None else self.durable + 1, None
        self._find("damage", "no valid frame where there must be one", segment, position, self.sequence, missing - 1)
        self.sequence, self.before, self.may_begin_inside = missing, None, True
        return where
