# SPDX-License-Identifier: MIT
"""The structures of docs/format.md, section 5: bytes to values, and whether they are valid."""

import re

from checksums import KINDS, M64, xxh3

VERSION = 2
SECTOR = 512
HEADER = 4096
SEQUENCE_MAX = (1 << 63) - 1
TOP_BIT = 1 << 63
FRAME_HEADER = 24

_FIELDS = {  # name: (offset, size), as in the tables of the page
    "meta": {"log": (16, 16), "compatible": (32, 4), "read_only_compatible": (36, 4), "incompatible": (40, 4),
             "checksum_kind": (44, 1), "frame_alignment_log2": (45, 1), "times": (46, 1), "kind": (47, 1),
             "segment_bytes": (48, 8), "index_stride_bytes": (56, 4), "created_ns": (64, 8)},
    "state": {"generation": (16, 8), "epoch": (24, 4), "condition": (28, 4), "boot": (32, 16), "inode": (48, 8),
              "birth_ns": (56, 8), "trim_point": (64, 8), "durable_floor": (72, 8), "clean_segment": (80, 8),
              "clean_offset": (88, 8), "clean_next": (96, 8), "truncate_intent": (104, 8), "checkpoint": (112, 8),
              "archived": (120, 8), "truncations": (164, 4)},
    "mark": {"epoch": (16, 8), "segment": (24, 8), "offset": (32, 8), "sequence": (40, 8), "generation": (48, 8)},
    "identity": {"log": (16, 16), "compatible": (32, 4), "read_only_compatible": (36, 4), "incompatible": (40, 4),
                 "checksum_kind": (44, 1), "frame_alignment_log2": (45, 1), "version_info_bytes": (46, 1), "number": (48, 8),
                 "file_bytes": (56, 8), "capacity": (64, 8), "created_ns": (72, 8), "index_stride_bytes": (80, 4)},
    "activation": {"base": (16, 8), "salt": (24, 8), "epoch": (32, 8), "predecessor": (40, 8), "predecessor_salt": (48, 8),
                   "time_ns": (56, 8), "given_up": (64, 8), "generation": (72, 8)},
    "end": {"salt": (16, 8), "offset": (24, 8), "last": (32, 8), "successor": (40, 8), "cause": (48, 4)},
    "seal": {"salt": (16, 8), "offset": (24, 8), "last": (32, 8), "frames": (40, 8), "time_first_ns": (48, 8),
             "time_last_ns": (56, 8), "digest": (64, 8)},
}
_MAGIC = {"meta": b"VARVMETA", "state": b"VARVSTAT", "mark": b"VARVMARK", "identity": b"VARVSEGM", "activation": b"VARVACTV",
          "end": b"VARVSEND", "seal": b"VARVSEAL"}

SEGMENT_NAME = re.compile(r"^[0-9]{20}\.seg$")


class Refused(Exception):
    """No log that this decoder may touch: of a newer or an older version, or something else."""


def number(data, at, size):
    return int.from_bytes(data[at:at + size], "little")


def uuid(data):
    text = data.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def sector(data, at, kind):
    """The fields of a valid sector; None where it is absent. A newer one raises Refused."""
    raw = bytes(data[at:at + SECTOR])
    if len(raw) < SECTOR or raw[:8] != _MAGIC[kind] or xxh3(raw[:504]) != number(raw, 504, 8) or number(raw, 8, 4) == 0:
        return None
    if number(raw, 8, 4) > VERSION or number(raw, 12, 4) != 0:
        raise Refused(f"a {kind} of a newer version")
    fields = {"version": number(raw, 8, 4)}
    for name, (offset, size) in _FIELDS[kind].items():
        value = raw[offset:offset + size]
        fields[name] = value if size == 16 else number(value, 0, size)
    if kind == "identity":
        fields["version_info"] = raw[88:88 + fields["version_info_bytes"]]
    return fields


def has_checksum(data, at):
    """Of a sector that is not valid: was it ever complete?"""
    return number(data, at + 504, 8) != 0


def _options_make_sense(fields):
    return (fields["checksum_kind"] in KINDS and fields["frame_alignment_log2"] == 3
            and _is_stride(fields["index_stride_bytes"]))


def _is_stride(stride):
    return 512 <= stride <= 1 << 20 and stride & (stride - 1) == 0


def _is_segment_size(size):
    return 65536 <= size <= 1 << 32 and size % 65536 == 0


def meta_makes_sense(meta):
    return (_options_make_sense(meta) and meta["times"] in (0, 1) and meta["kind"] <= 3 and any(meta["log"])
            and _is_segment_size(meta["segment_bytes"]))


def state_makes_sense(state):
    numbers = ("trim_point", "durable_floor", "clean_next", "truncate_intent")
    return (state["generation"] != 0 and state["condition"] in (1, 2) and (state["condition"] == 2 or state["epoch"] != 0)
            and all(state[name] <= SEQUENCE_MAX for name in numbers)
            and state["trim_point"] != 0 and state["clean_next"] != 0
            and (state["truncate_intent"] == 0
                 or (state["condition"] == 1 and state["truncate_intent"] > state["durable_floor"])))


def identity_makes_sense(identity, file_bytes):
    return (_options_make_sense(identity) and identity["number"] != 0 and _is_segment_size(identity["file_bytes"])
            and identity["file_bytes"] == file_bytes and identity["capacity"] % 8 == 0
            and HEADER <= identity["capacity"] <= identity["file_bytes"])


def activation_makes_sense(activation):
    before = (activation["predecessor"], activation["predecessor_salt"])
    return (1 <= activation["base"] <= SEQUENCE_MAX and activation["salt"] & TOP_BIT and activation["epoch"] != 0
            and (before == (0, 0) or (before[0] != 0 and before[1] & TOP_BIT))
            and activation["given_up"] < activation["base"])


def end_makes_sense(end, activation, capacity):
    """All that can be said of an end without the segment that follows."""
    if end is None or end["salt"] != activation["salt"] or end["offset"] % 8 or end["cause"] not in (1, 2, 3):
        return False
    base, last, offset = activation["base"], end["last"], end["offset"]
    if offset == HEADER:
        return last == base - 1
    return HEADER < offset <= capacity and last >= base and (last - base + 1) * FRAME_HEADER <= offset - HEADER


def published_word(live, epoch):
    """What a writer of this epoch last copied to varve.live as published; None if it says nothing."""
    published, check = number(live, 1024 + 8, 8), number(live, 1024 + 24, 8)
    return published if len(live) >= 1056 and check == published ^ (~(epoch << 32) & M64) else None
