# SPDX-License-Identifier: MIT
#
# rules.awk - the rules of tidy that look at lines of C++. ORDERS is the list of files that may name memory orders, UPWARD
# that of includes which run up for now.
#
# A line is looked at twice: `code` has its comment cut off and its string literals emptied, `labelled` still has the
# literals. mawk is enough: no word boundaries, no repeat counts.

BEGIN {
  # Bottom to top, with "|" between rooms that may not know each other. A room includes itself and what is below; the shells
  # on top see <varve/...> and their own folder.
  rooms = "base format os index segment store recovery chain reader view|writer api maintain|archive"
  floors = split(rooms, floor, " ")
  for (i = 1; i <= floors; ++i) {
    beside = split(floor[i], room, "|")
    for (j = 1; j <= beside; ++j) rank[room[j]] = i
  }
  # The rooms within writer, bottom to top.
  floors = split("state durable retire supply append", floor, " ")
  for (i = 1; i <= floors; ++i) {
    rank["writer/" floor[i]] = rank["writer"]
    within_writer["writer/" floor[i]] = i
  }
  within_writer["writer"] = floors + 1
  shell["cli"] = shell["capi"] = 1

  label = "\"[a-z0-9_]+:[A-Za-z0-9_]+\""
  while (ORDERS != "" && (getline entry < ORDERS) > 0) {
    if (entry ~ /^#/ || entry == "") continue
    fields = split(entry, part, " ")
    may_order[part[1]] = 1
    if (fields > 1 && part[2] == "raw") raw[part[1]] = 1
  }
  while (UPWARD != "" && (getline entry < UPWARD) > 0)
    if (entry !~ /^#/ && entry != "") upward[entry] = 1

  start = "(^|[^A-Za-z0-9_.>])"  # the word begins here, and is no member of something
  ban(start "std::(cout|cerr|clog)", "print", "the library prints nothing; the tool prints through fmt")
  ban(start "(std::)?(printf|fprintf|puts|putchar)[(]", "print", "the library prints nothing; the tool prints through fmt")
  ban(start "(std::)?(abort|terminate)[(]", "abort", "return an error; assert() what can only be our own bug")
  ban(start "(std::)?(exit|_exit|quick_exit)[(]", "exit", "return an error, or an exit code from main")
  ban(start "throw([^A-Za-z0-9_]|$)", "throw", "return a result<T>")
  ban(start "volatile([^A-Za-z0-9_]|$)", "volatile", "use shared::load and shared::store")
  ban("atomic_(thread|signal)_fence", "fence", "put acquire or release on the access; ThreadSanitizer sees no lone fence")
  ban("[.](load|exchange)[(][)]", "order", "write the memory order")
  ban("hardware_destructive_interference_size", "interference", "it differs between compilers; use one named constant")
}

function ban(pattern, rule, instead) {
  ++bans
  ban_pattern[bans] = pattern
  ban_rule[bans] = rule
  ban_instead[bans] = instead
}

function find(rule, instead) { printf "%s:%d: %s: %s\n", FILENAME, FNR, rule, instead }

function count(text, pattern) { return gsub(pattern, "&", text) }

# Reports the words that are banned: those of the rules that `only` names, or all.
function find_words(only, i) {
  for (i = 1; i <= bans; ++i) {
    if (code !~ ban_pattern[i] || (only != "" && index(only, ban_rule[i]) == 0)) continue
    if (!(ban_rule[i] == "order" && FILENAME in raw) && !(ban_rule[i] == "throw" && layer == "cli"))
      find(ban_rule[i], ban_instead[i])
  }
  if ($0 ~ /TODO|FIXME|XXX/) find("later", "do it, or write down what is not promised")
}

# "store/live_file.hpp" -> "store", "os/linux/file.cpp" -> "os": the innermost folder that has a rank, or is a shell.
function room_of(path) {
  while (sub(/\/[^\/]*$/, "", path))
    if (path in rank || path in shell) return path
  return path
}

# "src/store/live_file.cpp" -> "store"; "include" for a public header; "bench"; "" for anything else.
function layer_of(path) {
  if (path ~ /^include\//) return "include"
  if (path ~ /^bench\//) return "bench"
  if (path !~ /^src\/[a-z]+\//) return ""
  return room_of(substr(path, 5))
}

# May a file of `from` include one of `to`?
function may_know(from, to) {
  if (from == to || rank[to] < rank[from]) return 1
  return from in within_writer && to in within_writer && within_writer[to] < within_writer[from]
}

function end_of_file() {
  if (file == "") return
  if (layer != "" && lines > 350) printf "%s:%d: note: %d lines; look whether it does two jobs\n", file, lines, lines
  if (file ~ /\.hpp$/ && !once) printf "%s:1: once: a header has #pragma once\n", file
}

FNR == 1 {
  end_of_file()
  file = FILENAME
  layer = layer_of(FILENAME)
  once = 0
  statement = ""
}

{
  lines = FNR
  code = labelled = $0
  gsub(/"([^"\\]|\\.)*"/, "\"\"", code)
  gsub(/'([^'\\]|\\.)'/, "' '", code)
  gsub(/asm volatile/, "asm", code)  # another word that is written the same
  at = index(code, "//")
  comment = ""
  if (at) {
    comment = substr(code, at)
    code = substr(code, 1, at - 1)
    # The same comment ends the line that still has its literals.
    labelled = substr(labelled, 1, length(labelled) - length(comment))
  }
}

/^#pragma once$/ { once = 1 }
layer == "" { next }

# Benchmarks are programs: they print, call the system, and have threads and bytes of their own. Orders are explicit too.
layer == "bench" {
  find_words("order fence volatile interference throw")
  next
}

# ---- Layers

/^#include "/ {
  split($0, quoted, "\"")
  target = quoted[2]
  target_layer = room_of(target)
  if (layer == "include")
    find("layer", "a public header includes <varve/...> and the standard library")
  else if (layer in shell) {
    if (target ~ /\// && target_layer != layer)
      find("layer", "the " layer " is a user like any other: <varve/...>, and its own files")
  } else if (!(target_layer in rank) || !(layer in rank))
    find("layer", "name a file by its folder, one of: " rooms)
  else if (!may_know(layer, target_layer)) {
    known = FILENAME " " target
    if (known in upward) upward_used[known] = 1
    else find("layer", layer " must not know " target_layer ", which lies above or beside it")
  }
}

/^#include </ {
  split($0, bracketed, /[<>]/)
  target = bracketed[2]
  if (target ~ /^(sys|linux|asm)\// || target ~ /^(unistd|fcntl|dirent|pthread|sched)\.h$/) {
    if (FILENAME !~ /^src\/os\/linux\// && !(layer in shell)) find("system", "system calls are made in src/os/linux only")
  }
  if (target ~ /^(xxh|isa-l)/ && layer != "base") find("third_party", "checksums are computed in src/base only")
  if (target ~ /^zstd/ && layer != "archive") find("third_party", "zstd is used in src/archive only")
  if (target ~ /^boost\// && layer != "writer/supply") find("third_party", "Boost is used in src/writer/supply only")
  if (target ~ /^(fmt|CLI|nlohmann)\// && !(layer in shell)) find("third_party", "that library is the tool's alone")
}

# ---- Memory orders

(code ~ /memory_order|std::atomic/) && !(FILENAME in may_order) {
  find("order", "use the accessors of a file that tests/tidy/memory_order_files.txt lists")
}

# Statement by statement, since a call may be broken over lines.
(FILENAME in may_order) && !(FILENAME in raw) {
  rest = labelled
  while (match(rest, /[;{}]/)) {
    statement = statement " " substr(rest, 1, RSTART)
    rest = substr(rest, RSTART + 1)
    if (count(statement, "memory_order_[a-z]") > count(statement, label))
      find("label", "every access names its label, \"function:letter\"")
    while (match(statement, /"[a-z0-9_]+:[A-Z][A-Z0-9]*"/)) {
      used[substr(statement, RSTART + 1, RLENGTH - 2)] = FILENAME ":" FNR
      statement = substr(statement, RSTART + RLENGTH)
    }
    statement = ""
  }
  statement = statement " " rest
}

# A label with a capital letter has a partner, and stands with it in a comment of whoever owns the protocol.
{
  while (match(comment, /[a-z0-9_]+:[A-Z][A-Z0-9]*/)) {
    explained[substr(comment, RSTART, RLENGTH)] = 1
    comment = substr(comment, RSTART + RLENGTH)
  }
}

# ---- Words

{ find_words("") }

code ~ /reinterpret_cast/ && layer !~ /^(base|format|segment|os)$/ {
  # The text() of a record: chars may look at any bytes.
  if (!(FILENAME == "include/varve/record.hpp" && code ~ /reinterpret_cast<const char[*]>\(payload_\.data\(\)/))
    find("cast", "bytes become values in base, format, os and segment; use what those offer")
}

END {
  end_of_file()
  for (name in used)
    if (!(name in explained)) print used[name] ": pair: no comment says what " name " is paired with"
  for (known in upward) {
    if (known in upward_used) continue
    split(known, part, " ")
    print part[1] ":1: upward: it no longer includes " part[2] "; take the line out of " UPWARD
  }
}
