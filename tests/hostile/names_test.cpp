// SPDX-License-Identifier: MIT
//
// Names in a log's directory that are none of the log's, whatever is in them, and however many they are.
#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <string_view>

#include "format/file_name.hpp"
#include "hostile/spoiled_directory.hpp"
#include "support/child_process.hpp"

namespace varve::testing {
namespace {

using namespace std::string_literals;

const std::string foreign_names[] = {
    "two\nlines",
    "\n",
    "\x1b[2J escapes",
    "\xff\xfe\x80 not UTF-8",
    "\xd9\xa1.seg",
    "...",
    "-rf",
    "~",
    "%s%n",
    std::string(255, 'x'),
    std::string(251, '0') + ".seg",
    "0.seg",
    "1.seg",
    "01.seg",
    "0000000000000000001.seg",
    "000000000000000000001.seg",
    "00000000000000000000.seg",
    "18446744073709551616.seg",
    "99999999999999999999.seg",
    "99999999999999999999.idx",
    "+0000000000000000001.seg",
    "-0000000000000000001.seg",
    " 0000000000000000001.seg",
    "0x000000000000000001.seg",
    "00000000000000000001.seg\n",
    "\n00000000000000000001.seg",
    "00000000000000000001.SEG",
    "00000000000000000001.seg.",
    "00000000000000000001.seg.new",
    "00000000000000000001.seg\xff",
    "00000000000000000001",
    ".seg",
    ".idx",
    "varve",
    "varve.meta.old",
    "varve.meta ",
    "VARVE.META",
    "varve.state.new",
    "varve.live\n",
};

}  // namespace

TEST_CASE("names that are not the log's: they are passed over and left alone, whatever is in them", "[hostile][G7]") {
  const nine_records log;
  for (const auto& name : foreign_names) write_new_file(log.dir / name, "mine");
  check_row({"all of them", nullptr}, log.dir);
  for (const auto& name : foreign_names) CHECK(read_file(log.dir / name).size() == 4);
}

TEST_CASE("one such name in a directory without a log: it is no log, the error names it, and no byte changes",
          "[hostile][G7]") {
  for (const auto& name : foreign_names) {
    INFO(name);
    const fast_dir place;
    write_new_file(place.path() / name, "mine");
    const auto before = image_of(place.path());
    const auto l = log::open(place.path());
    REQUIRE_FALSE(l);
    CHECK(l.error().message() == (place.path() / name).string() +
                                     ": this is no log, and was not touched; "
                                     "check the path; a new log needs an empty or a new directory.");
    CHECK(log_view::open(place.path()).error().code() == errc::not_a_log);
    CHECK(verify(place.path()).error().code() == errc::not_a_log);
    CHECK((image_of(place.path()) == before));
  }
}

TEST_CASE("a path with anything in it is a path like any other", "[hostile][G7]") {
  const fast_dir place;
  for (const auto& name : {"two\nlines"s, "\xff\xfe"s, "%s%n"s, std::string(255, 'x'), "-"s, "a b"s}) {
    const auto dir = place.path() / name;
    INFO(name);
    CHECK(log::open(dir)->append("a")->value == 1);
    CHECK(log_view::open(dir)->read({1})->text() == "a");
    CHECK(log::open(dir / "below" / "that").error().message() ==
          (dir / "below" / "that").string() +
              ": there is no log, or no directory to make one in (No such file or directory (errno 2)); check the path.");
  }
  CHECK(log::open(place.path() / std::string(256, 'x')).error().code() == errc::io);
  CHECK(log::open(std::string(5000, '/') + 'x').error().os_errno() == ENAMETOOLONG);
  CHECK(log::open("").error().code() == errc::not_found);
}

namespace {

// AddressSanitizer needs terabytes of addresses for itself, ThreadSanitizer likewise.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool is_limited = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool is_limited = false;
#else
constexpr bool is_limited = true;
#endif
#else
constexpr bool is_limited = true;
#endif

/// In a process that may take so much memory and no more, and that is killed if it takes for ever.
void in_bounds(std::uint64_t memory_bytes, const std::function<int()>& body) {
  child_process child{[&] {
    const rlimit limit{.rlim_cur = memory_bytes, .rlim_max = memory_bytes};
    // What malloc reserves for each thread, 64 MiB of addresses, is no memory; and how many do depends on how they run.
    if (is_limited && ::mallopt(M_ARENA_MAX, 1) != 1) return 97;
    if (is_limited && ::setrlimit(RLIMIT_AS, &limit) != 0) return 98;
    ::alarm(600);
    return body();
  }};
  child.wait();
  INFO("status " << child.status());
  CHECK(child.exited_with(0));
}

int use_everything(const fs::path& dir) {
  const auto v = log_view::open(dir);
  if (!v) return 1;
  if (digits_of(*v) != "123456789") return 2;
  if (!v->describe() || !v->stats() || !v->segments()) return 3;
  const auto report = verify_on_threads(dir);
  if (!report || !report->findings.empty()) return 4;
  auto l = log::open(dir);
  if (!l || digits_of(*l) != "123456789") return 5;
  if (!l->append("and more") || !l->close()) return 6;
  return 0;
}

void make_empty_files(const fs::path& dir, std::uint64_t count, const std::function<std::string(std::uint64_t)>& name) {
  const int directory = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  REQUIRE(directory != -1);
  for (std::uint64_t i = 0; i < count; ++i) {
    const int made = ::openat(directory, name(i).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made == -1) FAIL(name(i) << ": errno " << errno);
    ::close(made);
  }
  ::close(directory);
}

struct kind_of_names {
  const char* what;
  std::string (*name)(std::uint64_t number);
};
const kind_of_names kinds[] = {
    {"foreign", [](std::uint64_t i) { return "a foreign name, and a long one " + std::to_string(i); }},
    {"of segments",
     [](std::uint64_t i) { return std::string{format::name_of(format::file_kind::segment, 1000 + i).view()}; }},
    {"of indexes", [](std::uint64_t i) { return std::string{format::name_of(format::file_kind::index, 1000 + i).view()}; }},
};

void use_with_very_many(std::uint64_t count, std::uint64_t memory_bytes) {
  for (const auto& kind : kinds) {
    INFO(count << " names " << kind.what);
    const nine_records log;
    make_empty_files(log.dir, count, kind.name);
    in_bounds(memory_bytes, [&] { return use_everything(log.dir); });
  }
}

}  // namespace

TEST_CASE("100,000 names in the directory: bounded memory, and no time by the square", "[hostile][G7]") {
  use_with_very_many(100'000, std::uint64_t{192} << 20);
}

TEST_CASE("a million names in the directory: likewise", "[hostile][slow][G7]") {
  use_with_very_many(1'000'000, std::uint64_t{1} << 30);
}

TEST_CASE("files of 16 TiB, all of them sparse: bounded memory", "[hostile][G7]") {
  const nine_records log;
  for (const auto* name : {"00000000000000000001.seg", "00000000000000000003.seg", "00000000000000000002.idx", "varve.meta",
                           "varve.state", "varve.live"})
    fs::resize_file(log.dir / name, (std::uint64_t{16} << 40) - 4096);
  in_bounds(std::uint64_t{192} << 20, [&] { return use_everything(log.dir); });
}

}  // namespace varve::testing
