# SPDX-License-Identifier: MIT
"""The frames of docs/format.md, sections 6 and 8."""

import struct

from checksums import KINDS, mix
from structures import FRAME_HEADER

RECORD, CHUNK, SKIP, LOST, GONE = 1, 2, 3, 4, 5
KIND_NAMES = {RECORD: "record", CHUNK: "chunk", SKIP: "skip", LOST: "lost", GONE: "gone"}
GOES_ON, BEGINS_INSIDE, SHORT, RESERVED = 1, 2, 4, 8


class Frame:
    __slots__ = ("sequence", "offset", "kind", "flags", "type", "extent", "time", "payload")

    @property
    def goes_on(self):
        return bool(self.flags & GOES_ON)

    @property
    def begins_inside(self):
        return bool(self.flags & BEGINS_INSIDE)


def stamp_at(data, offset):
    return int.from_bytes(data[offset:offset + 8], "little")


def read_frame(data, offset, room, sequence, salt, checksum_kind):
    """The frame of this sequence at this offset, by the five rules of section 8; None if it is not valid."""
    if room < FRAME_HEADER:
        return None
    stamp, checksum, word = struct.unpack_from("<3Q", data, offset)
    if stamp != sequence ^ salt:
        return None
    length, kind, flags, tag = struct.unpack_from("<IBBH", data, offset + 16)
    words = flags >> 4
    if not RECORD <= kind <= GONE or flags & RESERVED:
        return None
    frame = Frame()
    frame.sequence, frame.offset, frame.kind, frame.flags, frame.type = sequence, offset, kind, flags, tag
    frame.time, frame.payload = 0, b""
    if kind >= SKIP:
        frame.extent = FRAME_HEADER + length
        if flags or length % 8 or frame.extent > room:
            return None
        return frame if checksum == mix(stamp, offset, word) else None
    begin = FRAME_HEADER + 8 * words
    end = begin + length
    padded = (end + 7) // 8 * 8
    body_end = end
    frame.extent = padded
    if padded > room:
        return None
    if flags & SHORT:
        body_end = padded + 8
        if body_end > room:
            return None
        frame.extent = int.from_bytes(data[offset + padded:offset + body_end], "little")
        if frame.extent % 8 or frame.extent < body_end or frame.extent > room:
            return None
    if any(data[offset + end:offset + padded]):
        return None
    body = bytes(data[offset + FRAME_HEADER:offset + body_end])
    if checksum != KINDS[checksum_kind][1](body) ^ mix(stamp, offset, word):
        return None
    frame.payload = body[8 * words:8 * words + length]
    frame.time = int.from_bytes(body[:8], "little") if words else 0
    return frame


def find_next(data, offset, limit, sequence, salt, checksum_kind):
    """Behind a hole that begins here with this sequence: the first place whose stamp is that of a later frame, with room for
    the claims between, as (offset, sequence, frame, or None if it is not valid); None if there is no such place."""
    count = (limit - offset) // 8
    words = memoryview(data)[offset:offset + 8 * count].cast("Q")
    for i in range(3, count - 2):
        r = words[i] ^ salt
        if 0 < r - sequence <= 8 * i // FRAME_HEADER:
            at = offset + 8 * i
            return at, r, read_frame(data, at, limit - at, r, salt, checksum_kind)
    return None
