#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare.py TOOL [NAME...] - logs made with the tool, and left in each way that a writer can leave one: the decoder and the
tool must show the same records, one by one, and the same marks. Prints what does not agree, and answers 1."""

import base64
import datetime
import json
import os
import random
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True  # the source tree stays as it is
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import checksums  # noqa: E402
import frames as fr  # noqa: E402
import structures as st  # noqa: E402
from decode import decode  # noqa: E402
from files import Segment  # noqa: E402

TOOL = sys.argv[1] if len(sys.argv) > 1 else ""
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE, GOLDEN = os.path.join(TESTS, "..", "docs", "format.md"), os.path.join(TESTS, "golden", "version1")
RANDOM = random.Random(14)  # the same logs each time, but for what the machine's timing makes of them


class Different(Exception):
    pass


def check(held, what):
    if not held:
        raise Different(what)


def run(*arguments, data=b"", codes=(0,)):
    done = subprocess.run([TOOL, *arguments], input=data, capture_output=True, check=False)
    check(done.returncode in codes, f"{arguments}: {done.returncode}, {done.stderr.decode()}{done.stdout.decode()[:1000]}")
    return done.stdout.decode()


def lines(count, size=20):
    return b"".join(b"%d %s\n" % (i, b"x" * RANDOM.randrange(size)) for i in range(count))


def create(log, *options):
    run("create", log, "--segment-size", "64KiB", *options)


# ---- What the tool and the decoder say.


def text_of_time(ns):
    second = datetime.datetime.fromtimestamp(ns // 10**9, datetime.timezone.utc)
    return second.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ns % 10**9:09d}Z"


def as_the_tool_says(record):
    line = {"sequence": record["sequence"], "epoch": record["epoch"], "type": record["type"]}
    if record["time_ns"]:
        line["time"] = text_of_time(record["time_ns"])
    if record["kind"] == "chunk":
        line["chunk"] = True
    try:
        line["text"] = record["payload"].decode("utf-8")
    except UnicodeDecodeError:
        line["base64"] = base64.b64encode(record["payload"]).decode()
    return line


def shown_by_the_tool(log, found):
    """It ends where records were given up: so what is between such places, one by one."""
    given_up = sorted((part["first"], part["last"]) for part in found["gone"] + found["gaps"])
    if not given_up:
        return run("cat", log, "--json").splitlines()
    shown, first = [], found["first"]
    for begin, last in given_up + [(found["next"], found["next"])]:
        if first < begin:
            shown += run("cat", log, "--json", "--from", str(first), "--to", str(begin - 1)).splitlines()
            run("get", log, str(begin), codes=(4,) if begin < found["next"] else (1,))
        first = last + 1
    return shown


def compare(log, ending=None, least=0):
    """The log, decoded; it must be what the tool shows of it."""
    found = decode(log)
    check(not found["refuses"], f"the decoder refuses: {found['findings']}")
    check(ending is None or found["ending"] == ending, f"ending {found['ending']}")
    said = [json.loads(line) for line in shown_by_the_tool(log, found)]
    mine = [as_the_tool_says(record) for record in found["records"]]
    for ours, theirs in zip(mine, said):
        check(ours == theirs, f"the decoder has {ours}, the tool {theirs}")
    check(len(mine) == len(said), f"the decoder has {len(mine)} records, the tool {len(said)}: {found['findings'][-3:]}")
    check(len(mine) >= least, f"only {len(mine)} records")
    marks = json.loads(run("stat", log, "--json", codes=(0, 1)))
    marks["next"] = marks["published"] + 1
    for name in ("first", "durable", "next"):
        check(marks[name] == found[name], f"{name}: the decoder has {found[name]}, the tool {marks[name]}")
    there = {r["sequence"] for r in found["records"]}
    for part in found["abandoned"] + found["gaps"] + found["gone"]:
        there.update(range(part["first"], part["last"] + 1))
    every = set(range(found["first"], found["next"]))
    check(there == every, "there are sequences that are neither records nor abandoned nor given up")
    return found


def compare_refused(log, kind):
    found = decode(log)
    check(found["refuses"] and any(f["kind"] == kind for f in found["findings"]), f"{found['findings']}, not {kind}")
    run("append", log, data=b"more\n", codes=(4,))
    return found


# ---- What may happen to a log.


def published(log):
    return json.loads(run("stat", log, "--json", codes=(0, 1)))["published"]


def append_and_kill(log, *options, records=4000):
    """A writer that is killed while it appends, once it has published some."""
    before = published(log)
    with subprocess.Popen([TOOL, "append", log, *options], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as writer:
        feeder = threading.Thread(target=feed, args=(writer.stdin, records))
        feeder.start()
        try:
            while published(log) < before + records // 4 and writer.poll() is None:
                pass
        finally:
            writer.kill()
            feeder.join()


def feed(pipe, records):
    try:
        while records > 0:
            pipe.write(lines(min(records, 100), 200))
            pipe.flush()
            records -= 100
        while True:  # until it is killed
            pipe.write(lines(100, 200))
            pipe.flush()
    except BrokenPipeError:
        pass
    try:
        pipe.close()
    except BrokenPipeError:
        pass


def patch(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def read(path, offset, size):
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(size)


def segment_path(log, number):
    return os.path.join(log, f"{number:020d}.seg")


def change_state(log, change):
    """Both slots, in both copies: the older one first."""
    path = os.path.join(log, "varve.state")
    for at in (0, 4096, 8192, 12288):
        raw = bytearray(read(path, at, st.SECTOR))
        change(raw)
        raw[504:] = checksums.xxh3(bytes(raw[:504])).to_bytes(8, "little")
        patch(path, at, raw)


def lose_power(log):
    change_state(log, lambda raw: raw.__setitem__(slice(32, 48), b"another boot id."))


def spoil_frames(log, found, size=8):
    """Takes some frames that are not durable back, as a page that was never written, or a store that never came."""
    tail = [r for r in found["records"] if r["sequence"] > found["durable"] + 1]
    for record in RANDOM.sample(tail, min(3, len(tail))):
        patch(segment_path(log, record["segment"]), record["offset"], bytes(size))
    return len(tail) > 3


# ---- The tests: each gets a directory of its own.


def test_vectors_of_the_page(_):
    with open(PAGE, encoding="utf-8") as page:
        text = page.read()
    ramp = bytes(i % 251 for i in range(1024))
    inputs = (b"", b"123456789", ramp[:240], ramp[:241], ramp)
    for name, function in checksums.KINDS.values():
        row = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
        told = [int(cell.strip(" `"), 16) for cell in row.split("|")[2:7]]
        check(told == [function(data) for data in inputs], f"the vectors of {name}")
    table = text.split("### Vectors of mix")[1].split("## 13")[0]
    rows = [row.split("|")[1:5] for row in table.splitlines() if row.startswith("| `")]
    rows = [[int(cell.strip(" `"), 16) for cell in row] for row in rows]
    check(len(rows) > 4 and all(checksums.mix(*row[:3]) == row[3] for row in rows), "the vectors of mix")


def test_the_example_of_the_page(_):
    with open(PAGE, encoding="utf-8") as page:
        example = page.read().split("```text\n")[1].split("```")[0]
    data = bytearray(65536)
    for line in example.splitlines():
        words = line[:30].split()
        if len(words) == 9:
            data[int(words[0], 16):int(words[0], 16) + 8] = bytes.fromhex("".join(words[1:]))
    for at, kind in ((0, "identity"), (512, "activation"), (1024, "end")):
        check(st.sector(data, at, kind) is not None, f"the {kind} of the example is not valid")
    segment = Segment(7, bytes(data), st.sector(data, 0, "identity"), st.sector(data, 512, "activation"))
    offset, payloads = st.HEADER, []
    for sequence in range(segment.base, segment.end["last"] + 1):
        frame = fr.read_frame(segment.data, offset, segment.end["offset"] - offset, sequence, segment.salt, 1)
        check(frame is not None, f"frame {sequence} of the example is not valid")
        offset += frame.extent
        payloads.append(frame.payload)
    check(offset == segment.end["offset"] and payloads == [b"first", b"two", b"three", b"", b"short"], f"{payloads}")


def test_an_empty_log(place):
    log = os.path.join(place, "log")
    create(log)
    compare(log, "clean")


def test_every_checksum_with_and_without_times(place):
    for kind, _ in checksums.KINDS.values():
        for times in ((), ("--times",)):
            log = os.path.join(place, kind + "-".join(times))
            create(log, "--checksum", kind, *times)
            run("append", log, "--type", "65535", data=b"\n\xff\xfe\xff\n" + lines(20))
            run("append", log, "--batch", "7", data=lines(30))
            compare(log, "clean", 50)


def test_every_length_to_300(place):
    log = os.path.join(place, "log")
    create(log)
    run("append", log, data=b"".join(b"%s\n" % (b"y" * n) for n in range(300)))
    compare(log, "clean", 300)


def test_many_segments_and_large_records(place):
    log = os.path.join(place, "log")
    create(log)
    run("append", log, "--batch", "5", data=lines(3000, 300))
    run("append", log, "--split", "whole", data=bytes(RANDOM.randrange(256) for _ in range(150_000)))
    run("append", log, data=lines(50))
    found = compare(log, "clean", 3051)
    check(len(found["segments"]) > 5, "too few segments")


def test_killed(place):
    for i, options in enumerate((("--threads", "4"), ("--batch", "9"), ("--threads", "3", "--durability", "periodic"),
                                 ("--durability", "immediate"), ("--threads", "4", "--batch", "3"))):
        log = os.path.join(place, str(i))
        create(log)
        for _ in range(2):
            append_and_kill(log, *options, records=400 if "immediate" in options else 4000)
            compare(log, "death")
        run("append", log, data=lines(10))
        compare(log, "clean", 10)


def test_holes_of_dead_writers(place):
    stepped_over = cut = 0
    for i in range(6):
        log = os.path.join(place, str(i))
        create(log)
        append_and_kill(log, "--batch", str(1 + i % 3))
        if spoil_frames(log, compare(log, "death")):
            found = compare(log)
            stepped_over += len(found["abandoned"])
            cut += found["ending"] == "power_loss"  # the head of a batch was there, and its rest is not
        run("append", log, data=lines(3))
        compare(log, "clean")
    check(stepped_over > 0, f"{stepped_over} holes, {cut} batches without a rest")


def test_power_lost(place):
    cut = 0
    for i in range(6):
        log = os.path.join(place, str(i))
        create(log, "--checksum", "none" if i == 5 else "xxh3")
        run("append", log, data=lines(500))
        append_and_kill(log, "--batch", str(1 + i % 3))
        lose_power(log)
        found = compare(log, "power_loss", 500)
        if spoil_frames(log, found, RANDOM.choice((4, 8, 24))):
            cut += compare(log, "power_loss", 500)["next"] < found["next"]
        run("append", log, data=lines(3))
        compare(log, "clean", 503)
    check(cut > 0, "nothing was cut")


def test_trimmed_and_truncated(place):
    log = os.path.join(place, "log")
    create(log)
    run("append", log, "--batch", "10", data=lines(2000, 200))
    run("trim", log, "--before", "1234")
    compare(log, "clean", 700)
    run("truncate", log, "--after", "1555")  # in the middle of a batch
    compare(log, "clean", 300)
    run("append", log, data=lines(10))
    compare(log, "clean", 300)
    run("trim", log, "--before", "1566")
    compare(log, "clean")
    run("truncate", log, "--reset", "5000", "--yes")
    compare(log, "clean")
    run("append", log, data=lines(10))
    found = compare(log, "clean", 10)
    check(found["first"] == 5000, "first")


def test_a_truncation_that_was_only_decided(place):
    for keep, trim in ((1500, 1), (1505, 1), (1999, 1000), (1500, 1501)):
        log = os.path.join(place, f"{keep}-{trim}")
        create(log)
        run("append", log, "--batch", "10", data=lines(2000, 200))

        def decide(raw, keep=keep, trim=trim):
            raw[16:24] = (st.number(raw, 16, 8) + 2).to_bytes(8, "little")
            raw[24:32] = (st.number(raw, 24, 4) + 1).to_bytes(4, "little") + (1).to_bytes(4, "little")
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
                raw[32:48] = bytes.fromhex(file.read().strip().replace("-", ""))
            raw[64:80] = trim.to_bytes(8, "little") + keep.to_bytes(8, "little")
            raw[104:112] = (keep + 1).to_bytes(8, "little")

        change_state(log, decide)
        compare(log, "death", 0 if trim > keep else keep - trim)
        run("append", log, data=lines(3))
        compare(log, "clean", 3)


def test_ends_and_seals_that_are_lost(place):
    for i, lost in enumerate(((1024,), (1024, 1536), (1536,))):
        log = os.path.join(place, str(i))
        create(log)
        append_and_kill(log, "--batch", "2")
        for number in (1, 3):
            for sector in lost:
                patch(segment_path(log, number), sector, bytes(512))
        compare(log, "death", 1000)
        lose_power(log)
        compare(log, "power_loss")


def test_logs_of_version_1_that_were_upgraded(place):
    if "upgrade" not in run("--help"):
        print("left out: this tool has no upgrade")
        return
    for name, records in (("closed", 10), ("killed", 1), ("trimmed", 5)):
        log, new = os.path.join(place, name), os.path.join(place, name + ".new")
        write_text_as_log(os.path.join(GOLDEN, name + ".txt"), log)
        try:
            decode(log)
            raise Different("a log of version 1 was decoded")
        except st.Refused:
            pass
        run("upgrade", log, new)
        compare(new, "clean", records)
        run("append", new, data=lines(3))
        compare(new, "clean", records + 3)


def write_text_as_log(text, log):
    """As tests/golden/version1.hpp does it."""
    os.mkdir(log)
    path = None
    with open(text, encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words[0] == "file":
                path = os.path.join(log, words[1])
                with open(path, "wb") as made:
                    made.truncate(int(words[2]))
            elif words[0] != "#":
                patch(path, int(words[0], 16), bytes.fromhex(words[1]))


def test_a_copy(place):
    log, copy = os.path.join(place, "log"), os.path.join(place, "copy")
    create(log)
    run("append", log, data=lines(2000, 200))
    subprocess.run(["cp", "-r", log, copy], check=True)
    compare(copy, "copy", 2000)
    last = max(name for name in os.listdir(copy) if name.endswith(".seg"))
    os.remove(os.path.join(copy, last))
    compare_refused(copy, "incomplete")
    backup = os.path.join(place, "backup")
    run("backup", log, backup)
    compare(backup, "clean", 2000)


def test_damage(place):
    log = os.path.join(place, "log")
    create(log)
    run("append", log, data=lines(2000, 200))
    record = decode(log)["records"][777]
    patch(segment_path(log, record["segment"]), record["offset"] + 24, b"\xff")
    found = decode(log)
    check(found["ending"] == "clean" and found["refuses"], "damage that was not found")
    damage = [f for f in found["findings"] if f["kind"] == "damage"]
    check([(f["first"], f["last"]) for f in damage] == [(778, 778)] and len(found["records"]) == 1999, f"{damage}")
    check(len(run("verify", log, "--json", codes=(1,))) > 0, "verify found nothing")


def test_one_block_of_the_state_or_the_meta_is_lost(place):
    for name, block in (("varve.state", 0), ("varve.state", 4096), ("varve.state", 8192), ("varve.state", 12288),
                        ("varve.meta", 0), ("varve.meta", 8192)):
        log = os.path.join(place, f"{name}-{block}")
        create(log)
        run("append", log, data=lines(50))
        run("trim", log, "--before", "20")
        patch(os.path.join(log, name), block, bytes(512))
        found = compare(log, "clean", 31)
        check(found["first"] == 20, "the trim point")


def test_a_state_that_is_stale(place):
    log = os.path.join(place, "log")
    create(log)
    run("append", log, data=lines(50))
    before = read(os.path.join(log, "varve.state"), 0, 16384)
    run("append", log, data=lines(50))
    patch(os.path.join(log, "varve.state"), 0, before)
    compare_refused(log, "stale")


def test_a_loss_that_was_accepted(place):
    if "--accept-loss" not in run("recover", "--help"):
        print("left out: this tool has no recover --accept-loss")
        return
    for what in ("frame", "segment"):
        log = os.path.join(place, what)
        create(log)
        run("append", log, "--batch", "3", data=lines(3000, 200))
        record = decode(log)["records"][1000]
        if what == "frame":
            patch(segment_path(log, record["segment"]), record["offset"] + 24, b"\xff")
        else:
            os.remove(segment_path(log, record["segment"]))
        check(decode(log)["refuses"], "damage that was not found")
        run("recover", log, "--accept-loss", codes=(0, 1))
        found = compare(log, "clean", 2000)
        check(found["gone"] if what == "frame" else found["gaps"], "nothing was given up")


def main():
    tests = {name[5:]: test for name, test in globals().items() if name.startswith("test_")}
    if sys.argv[2:] == ["--list"]:
        print("\n".join(tests))
        return 0
    failed = 0
    for name in sys.argv[2:] or tests:
        with tempfile.TemporaryDirectory(prefix="varve-decoder-") as place:
            try:
                tests[name](place)
                print(f"fine  {name.replace('_', ' ')}")
            except Different as why:
                failed += 1
                print(f"NOT   {name.replace('_', ' ')}: {why}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
