// SPDX-License-Identifier: MIT
//
// varve_backup: as backup().
#include <varve/varve.h>
#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {

TEST_CASE("a log is backed up from C", "[capi][backup]") {
  const temp_dir dir;
  const auto from = (dir.path() / "log").string(), to = (dir.path() / "copy").string();
  {
    auto l = log::open(from);
    REQUIRE(l.has_value());
    append_all(*l, "abc");
    REQUIRE(l->close().has_value());
  }
  std::uint64_t calls = 0;
  VARVE_SIZED(varve_backup_options, options);
  options.file_mode = 0640;
  options.on_progress = [](void* user, std::uint64_t done, std::uint64_t total) {
    CHECK(done <= total);
    ++*static_cast<std::uint64_t*>(user);
  };
  options.user = &calls;
  VARVE_SIZED(varve_backup_report, report);
  REQUIRE(varve_backup(from.c_str(), to.c_str(), &options, &report) == VARVE_OK);
  CHECK(calls == 1);
  CHECK(report.first_sequence == 1);
  CHECK(report.end_sequence == 4);
  CHECK(report.segments == 1);
  CHECK(report.bytes_copied > 4096);
  CHECK(texts_of(*log_view::open(to)) == "a b c ");
  CHECK(varve_backup(from.c_str(), to.c_str(), nullptr, nullptr) == VARVE_BAD_OPTION);
  CHECK(varve_backup(from.c_str(), (to + "2").c_str(), nullptr, nullptr) == VARVE_OK);
  options.reflink = 2;
  CHECK(varve_backup(from.c_str(), (to + "3").c_str(), &options, nullptr) == VARVE_BAD_OPTION);
  varve_backup_report sizeless{};
  CHECK(varve_backup(from.c_str(), (to + "3").c_str(), nullptr, &sizeless) == VARVE_BAD_OPTION);
  CHECK(!std::filesystem::exists(to + "3"));
}

}  // namespace varve::testing
