// SPDX-License-Identifier: MIT
//
// in_place_file_store.hpp - the floor of a durable append: pwrite and fdatasync of the same bytes into blocks that were
// written before. Nothing has to be allocated, converted or noted in a journal; less than that makes nothing durable.
#pragma once

#include <atomic>

#include "stores/store.hpp"

namespace bench {

class in_place_file_store {
 public:
  static constexpr std::string_view name = "floor";
  static made<in_place_file_store> make(const store_plan& plan);

  ~in_place_file_store();
  in_place_file_store(const in_place_file_store&) = delete;
  in_place_file_store& operator=(const in_place_file_store&) = delete;

  bool append(std::string_view payload);
  std::string why() const { return "pwrite or fdatasync failed, or the file is full"; }
  std::string check(std::uint64_t records, const payloads& appended);

 private:
  in_place_file_store(int file, std::uint64_t bytes) noexcept : file_{file}, bytes_{bytes} {}
  int file_;
  std::uint64_t bytes_;
  std::atomic<std::uint64_t> next_{0};
};

}  // namespace bench
