// SPDX-License-Identifier: MIT
//
// fuzz_driver.cpp - runs a target under libFuzzer.
#include "target.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  varve::fuzz::run(std::as_bytes(std::span{data, size}));
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max, unsigned seed) {
  // One in eight stays as it is: a checksum that does not match is a case as well.
  const bool only_repair = seed % 8 == 1;
  if (!only_repair) size = LLVMFuzzerMutate(data, size, size_max);
  if (seed % 8 == 0) return size;
  const auto bytes = std::as_bytes(std::span{data, size});
  varve::fuzz::byte_vector input(bytes.begin(), bytes.end());
  varve::fuzz::repair(input, seed / 8);
  if (input.empty() || input.size() > size_max) return size;
  std::memcpy(data, input.data(), input.size());
  return input.size();
}
