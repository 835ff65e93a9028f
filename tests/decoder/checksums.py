# SPDX-License-Identifier: MIT
"""The checksums of docs/format.md, section 12, and nothing of the library: XXH3 (64 bits, seed 0, default secret) from its
public specification, the three CRCs, and mix."""

import functools
import struct

M64 = (1 << 64) - 1

_SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248e"
    "e03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d"
    "8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc"
    "8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e")
_P32 = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)
_P64 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
_SECRET_WORDS = [struct.unpack_from("<8Q", _SECRET, 8 * stripe) for stripe in range(17)]


def _word(data, at):
    return int.from_bytes(data[at:at + 8], "little")


def _half(data, at):
    return int.from_bytes(data[at:at + 4], "little")


def _fold(a, b):
    product = a * b
    return (product & M64) ^ (product >> 64)


def _rotate(value, by):
    return ((value << by) | (value >> (64 - by))) & M64


def _avalanche(h):
    h = ((h ^ (h >> 37)) * 0x165667919E3779F9) & M64
    return h ^ (h >> 32)


def _avalanche_64(h):
    h = ((h ^ (h >> 33)) * _P64[1]) & M64
    h = ((h ^ (h >> 29)) * _P64[2]) & M64
    return h ^ (h >> 32)


def _mix16(data, at, key):
    return _fold(_word(data, at) ^ _word(_SECRET, key), _word(data, at + 8) ^ _word(_SECRET, key + 8))


def _xxh3_to_16(data):
    n = len(data)
    if n > 8:
        low = _word(data, 0) ^ _word(_SECRET, 24) ^ _word(_SECRET, 32)
        high = _word(data, n - 8) ^ _word(_SECRET, 40) ^ _word(_SECRET, 48)
        swapped = int.from_bytes(low.to_bytes(8, "little"), "big")
        return _avalanche((n + swapped + high + _fold(low, high)) & M64)
    if n > 3:
        h = (_half(data, n - 4) + (_half(data, 0) << 32)) ^ _word(_SECRET, 8) ^ _word(_SECRET, 16)
        h ^= _rotate(h, 49) ^ _rotate(h, 24)
        h = (h * 0x9FB21C651E98DF25) & M64
        h = ((h ^ ((h >> 35) + n)) * 0x9FB21C651E98DF25) & M64
        return h ^ (h >> 28)
    if n > 0:
        combined = (data[0] << 16) | (data[n >> 1] << 24) | data[n - 1] | (n << 8)
        return _avalanche_64(combined ^ _half(_SECRET, 0) ^ _half(_SECRET, 4))
    return _avalanche_64(_word(_SECRET, 56) ^ _word(_SECRET, 64))


def _xxh3_to_240(data):
    n = len(data)
    h = n * _P64[0]
    if n <= 128:
        for i in range((n - 1) // 32 + 1):
            h += _mix16(data, 16 * i, 32 * i) + _mix16(data, n - 16 * (i + 1), 32 * i + 16)
        return _avalanche(h & M64)
    for i in range(8):
        h += _mix16(data, 16 * i, 16 * i)
    h = _avalanche(h & M64)
    for i in range(8, n // 16):
        h += _mix16(data, 16 * i, 16 * (i - 8) + 3)
    h += _mix16(data, n - 16, 119)
    return _avalanche(h & M64)


def _accumulate(lanes, stripe, keys):
    for i in range(8):
        value = stripe[i]
        key = value ^ keys[i]
        lanes[i ^ 1] += value
        lanes[i] = (lanes[i] + (key & 0xFFFFFFFF) * (key >> 32)) & M64
    for i in range(8):
        lanes[i] &= M64


def xxh3(data):
    """XXH3, 64 bits."""
    n = len(data)
    if n <= 16:
        return _xxh3_to_16(data)
    if n <= 240:
        return _xxh3_to_240(data)
    lanes = [_P32[2], _P64[0], _P64[1], _P64[2], _P64[3], _P32[1], _P64[4], _P32[0]]
    stripes = (n - 1) // 64
    for k in range(stripes):
        _accumulate(lanes, struct.unpack_from("<8Q", data, 64 * k), _SECRET_WORDS[k % 16])
        if k % 16 == 15:
            lanes = [(((h ^ (h >> 47)) ^ key) * _P32[0]) & M64 for h, key in zip(lanes, _SECRET_WORDS[16])]
    _accumulate(lanes, struct.unpack_from("<8Q", data, n - 64), struct.unpack_from("<8Q", _SECRET, 121))
    h = n * _P64[0]
    for i in range(4):
        h += _fold(lanes[2 * i] ^ _word(_SECRET, 11 + 16 * i), lanes[2 * i + 1] ^ _word(_SECRET, 19 + 16 * i))
    return _avalanche(h & M64)


@functools.lru_cache(maxsize=None)
def _crc_table(polynomial):
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (polynomial if byte & 1 else 0)
        table.append(byte)
    return table


def _crc(data, polynomial, bits):
    table = _crc_table(polynomial)
    ones = (1 << bits) - 1
    crc = ones
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ ones


# H of a frame's body, by the number of the kind.
KINDS = {
    1: ("xxh3", xxh3),
    2: ("crc32c", lambda data: _crc(data, 0x82F63B78, 32)),
    3: ("crc32", lambda data: _crc(data, 0xEDB88320, 32)),
    4: ("crc64", lambda data: _crc(data, 0xC96C5795D7870F42, 64)),
    5: ("none", lambda data: 0),
}


def mix(stamp, offset, word):
    h = ((stamp ^ 0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9) & M64
    h = (((h ^ (h >> 32)) ^ word) * 0x94D049BB133111EB) & M64
    h = (((h ^ (h >> 29)) ^ offset) * 0xBF58476D1CE4E5B9) & M64
    h = ((h ^ (h >> 32)) * 0x94D049BB133111EB) & M64
    return h ^ (h >> 29)
