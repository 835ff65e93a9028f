// SPDX-License-Identifier: MIT
#include "archive/compressed_file.hpp"

#include <zstd.h>
#include <zstd_errors.h>

#include <cerrno>

namespace varve::core {
namespace {

std::unexpected<os::failure> failed_with(int number) noexcept { return std::unexpected(os::failure{number}); }

}  // namespace

void compressor::deleter::operator()(ZSTD_CCtx_s* context) const noexcept { ZSTD_freeCCtx(context); }
void decompressor::deleter::operator()(ZSTD_DCtx_s* context) const noexcept { ZSTD_freeDCtx(context); }

os::result<compressor> compressor::begin(const os::file& to, int level, std::uint64_t bytes) {
  compressor made{to};
  made.context_.reset(ZSTD_createCCtx());
  if (!made.context_) return failed_with(ENOMEM);
  ZSTD_CCtx* const context = made.context_.get();
  for (const std::size_t done :
       {ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level),
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1), ZSTD_CCtx_setPledgedSrcSize(context, bytes)})
    if (ZSTD_isError(done) != 0) return failed_with(EINVAL);
  made.out_.resize(ZSTD_CStreamOutSize());
  return made;
}

os::result<void> compressor::run(std::span<const std::byte> bytes, bool is_last) {
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{out_.data(), out_.size(), 0};
    const std::size_t left = ZSTD_compressStream2(context_.get(), &out, &in, is_last ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left) != 0)
      return failed_with(ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation ? ENOMEM : EINVAL);
    if (const auto done = os::write_at(*to_, offset_, std::span{out_}.first(out.pos)); !done) return done;
    offset_ += out.pos;
    if (is_last ? left == 0 : in.pos == in.size) return {};
  }
}

os::result<void> compressor::write(std::span<const std::byte> bytes) { return run(bytes, false); }
os::result<void> compressor::finish() { return run({}, true); }

os::result<decompressor> decompressor::begin(const os::file& from) {
  decompressor made{from};
  made.context_.reset(ZSTD_createDCtx());
  if (!made.context_) return failed_with(ENOMEM);
  made.in_.resize(ZSTD_DStreamInSize());
  return made;
}

/// False at the end of the file.
os::result<bool> decompressor::fill() {
  const auto n = os::read_at(*from_, offset_, in_);
  if (!n) return std::unexpected(n.error());
  offset_ += *n;
  filled_ = *n;
  taken_ = 0;
  return *n != 0;
}

os::result<std::size_t> decompressor::read(std::span<std::byte> bytes) {
  ZSTD_outBuffer out{bytes.data(), bytes.size(), 0};
  while (!ended_ && out.pos < out.size) {
    if (taken_ == filled_) {
      const auto more = fill();
      if (!more) return std::unexpected(more.error());
      if (!*more) return failed_with(EBADMSG);  // cut short
    }
    ZSTD_inBuffer in{in_.data(), filled_, taken_};
    const std::size_t left = ZSTD_decompressStream(context_.get(), &out, &in);
    if (ZSTD_isError(left) != 0)
      return failed_with(ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation ? ENOMEM : EBADMSG);
    taken_ = in.pos;
    ended_ = left == 0;
  }
  if (ended_ && taken_ != filled_) return failed_with(EBADMSG);  // something behind it
  return out.pos;
}

}  // namespace varve::core
