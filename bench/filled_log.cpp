// SPDX-License-Identifier: MIT
#include "filled_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "mapped_file.hpp"
#include "numbered.hpp"

namespace bench {

std::string fill_log(const std::filesystem::path& directory, const varve::log_options& options, std::uint64_t records,
                     std::size_t payload_bytes) {
  auto log = varve::log::open(directory, options);
  if (!log) return log.error().message();
  numbered_payload payload{payload_bytes};
  for (std::uint64_t i = 1; i <= records; ++i) {
    const auto at = log->append(payload(i));
    if (!at) return at.error().message();
    if (at->value != i) return "a sequence is not the one that was expected";
  }
  const auto closed = log->close();
  return closed ? std::string{} : closed.error().message();
}

std::string evict(const std::filesystem::path& directory) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator{directory}) {
    if (!entry.is_regular_file()) continue;
    const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return call_failed("open");
    const bool dropped = fsync(file) == 0 && posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0;
    ::close(file);
    if (!dropped) return call_failed("posix_fadvise");
  }
  return {};
}

}  // namespace bench
