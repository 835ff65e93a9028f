// SPDX-License-Identifier: MIT
//
// store.hpp - what a benchmark asks of varve, of the floor and of every peer, so that each benchmark stands once.
//
// A store takes records and numbers them from 1. Where the peer is a map, the key is that number, 8 bytes, big-endian.
#pragma once

#include <concepts>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "payload.hpp"

namespace bench {

/// What a lap is going to do, known before the store is made.
struct store_plan {
  std::filesystem::path directory;
  std::size_t payload_bytes = 0;
  std::uint64_t records = 0;
  bool durable = false;  ///< Every append is durable when it returns.
};

template <class S>
using made = std::expected<std::unique_ptr<S>, std::string>;

/// append() may be called by several threads; a store that takes one writer has its own mutex. False: it
/// failed, and why() says how. check() says what is wrong with what was appended, nothing if nothing is.
template <class S>
concept appendable = requires(S& store, const store_plan& plan, std::string_view payload, const payloads& appended) {
  { S::name } -> std::convertible_to<std::string_view>;
  { S::make(plan) } -> std::same_as<made<S>>;
  { store.append(payload) } -> std::same_as<bool>;
  { store.why() } -> std::same_as<std::string>;
  { store.check(plan.records, appended) } -> std::same_as<std::string>;
};

/// append_batch() appends all or nothing, otherwise as append().
template <class S>
concept batch_appendable = appendable<S> && requires(S& store, std::span<const std::string_view> batch) {
  { store.append_batch(batch) } -> std::same_as<bool>;
};

/// read(number, see) calls see(payload) and returns true, or false. One thread.
template <class S>
concept readable = requires(S& store, std::uint64_t number, void (*see)(std::string_view)) {
  { store.read(number, see) } -> std::same_as<bool>;
};

/// A check for maps: the first record, the last one, some between, and nothing behind.
template <class S>
[[nodiscard]] std::string check_by_number(S& store, std::uint64_t records, const payloads& appended) {
  constexpr std::uint64_t samples = 100;
  bool same = true;
  const auto see = [&](std::string_view payload) { same = same && appended.has(payload); };
  for (std::uint64_t i = 0; i <= samples; ++i)
    if (!store.read(1 + (records - 1) * i / samples, see)) return "a record is not there: " + store.why();
  if (store.read(records + 1, see)) return "there is a record too many";
  return same ? std::string{} : "a record has other bytes";
}

/// The records a lap of a fast store has, and of one that makes a system call or more for each.
[[nodiscard]] constexpr bool is_fast(std::string_view name) noexcept { return name.starts_with("varve") || name == "floor"; }

}  // namespace bench
