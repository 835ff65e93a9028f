# SPDX-License-Identifier: MIT
"""The files of a log, read and judged one by one: sections 3 and 5 of docs/format.md. Which of them are the log, chain.py
says."""

import ctypes
import mmap
import os

import structures as st


class Segment:
    """One segment file with valid identity and activation."""

    def __init__(self, number, data, identity, activation):
        self.number, self.data, self.identity, self.activation = number, data, identity, activation
        self.base, self.salt = activation["base"], activation["salt"]
        self.begin = self.base - activation["given_up"]  # where its sequences begin, those that were given up included
        self.capacity = identity["capacity"]
        end = st.sector(data, 1024, "end")
        self.end = end if st.end_makes_sense(end, activation, self.capacity) else None
        self.seal = st.sector(data, 1536, "seal")
        if self.seal and self.end is None:  # it counts as both
            as_end = {**self.seal, "cause": 1}
            self.end = as_end if st.end_makes_sense(as_end, activation, self.capacity) else None
        if self.seal and (not self.end or any(self.seal[name] != self.end[name] for name in ("salt", "offset", "last"))):
            self.seal = None


class Files:
    """All that stands in the directory. `findings` are those that need no other file to be seen."""

    def __init__(self, directory):
        self.directory, self.findings = directory, []
        names = os.listdir(directory)
        self.meta = self._read_meta(names)
        self.state, self.state_from, self.slots = self._read_state(names)
        self.live = self._bytes("varve.live") if "varve.live" in names else b""
        self.marks = [mark for slot in (0, 1) if (mark := st.sector(self.live, 512 * slot, "mark"))]
        self.is_own = self._is_own()
        self.segments = [s for name in sorted(names) if st.SEGMENT_NAME.match(name) and (s := self._read_segment(name))]

    def find(self, kind, text, segment=0, offset=0, first=0, last=0):
        self.findings.append(
            {"kind": kind, "text": text, "segment": segment, "offset": offset, "first": first, "last": last})

    def _bytes(self, name):
        with open(os.path.join(self.directory, name), "rb") as file:
            return file.read()

    def _read_meta(self, names):
        if "varve.meta" not in names:
            raise st.Refused("varve.meta is not there")
        data = self._bytes("varve.meta")
        copies = [meta for at in (0, 8192) if (meta := st.sector(data, at, "meta"))]
        if not copies:
            raise st.Refused("no copy of the meta is valid")
        meta = copies[0]
        if meta["version"] < st.VERSION:
            raise st.Refused("a log of version 1")
        if meta["incompatible"]:
            raise st.Refused("a log with features that this decoder does not know")
        if not st.meta_makes_sense(meta):
            raise st.Refused("a meta that makes no sense")
        return meta

    def _read_state(self, names):
        if "varve.state" not in names:
            raise st.Refused("varve.state is not there")
        data = self._bytes("varve.state")
        slots = []
        for slot in (0, 1):
            copies = [(state["generation"], at) for at in (4096 * slot, 4096 * slot + 8192)
                      if (state := st.sector(data, at, "state"))]
            slots.append(max(copies, key=lambda copy: copy[0]) if copies else None)
        valid = [slot for slot in slots if slot]
        if not valid:
            raise st.Refused("no copy of either slot of the state is valid")
        at = max(valid)[1]
        state = st.sector(data, at, "state")
        if not st.state_makes_sense(state):
            raise st.Refused("a state that makes no sense")
        return state, {"slot": at // 4096 % 2, "copy": at // 8192, "offset": at}, slots

    def _is_own(self):
        """Is varve.state the very file that its content speaks of? A copy is another."""
        path = os.path.join(self.directory, "varve.state")
        if os.stat(path).st_ino != self.state["inode"]:
            return False
        born = birth_ns(path)
        return self.state["birth_ns"] == (born or 0)

    def _read_segment(self, name):
        number, path = int(name[:20]), os.path.join(self.directory, name)
        if not 1 <= number < 1 << 64 or not os.path.isfile(path):
            return None
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size < st.HEADER:
                return None
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        activation = st.sector(data, 512, "activation")
        identity = st.sector(data, 0, "identity")
        if activation is None:
            if st.has_checksum(data, 512):
                self.find("damage", "the activation is not valid", number, 512)
            return None  # prepared, or dropped
        if not st.activation_makes_sense(activation):
            self.find("damage", "the activation makes no sense", number, 512)
            return None
        if identity is None or not st.identity_makes_sense(identity, len(data)):
            self.find("damage", "the identity is not valid", number)
            return None
        if identity["log"] != self.meta["log"] or identity["number"] != number:
            self.find("damage", "a segment of another log or number", number)
            return None
        return Segment(number, data, identity, activation)


def birth_ns(path):
    """When the file was made, in nanoseconds; None where the system does not tell. Python has no call for it."""
    try:
        statx = ctypes.CDLL(None, use_errno=True).statx
    except AttributeError:
        return None
    answer = ctypes.create_string_buffer(256)
    birth = 0x800
    if statx(-100, os.fsencode(path), 0, birth, answer) != 0 or not st.number(answer.raw, 0, 4) & birth:
        return None
    return st.number(answer.raw, 80, 8) * 10**9 + st.number(answer.raw, 88, 4)


def boot_id():
    """The id of this boot, as bytes."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return bytes.fromhex(file.read().strip().replace("-", ""))
