// SPDX-License-Identifier: MIT
//
// error_test.cpp - every code has a name and a sentence, and an error is small enough to hand around.
#include "base/error.hpp"

#include <cerrno>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include "support/catch.hpp"

namespace {

using varve::errc;
using varve::error;
using namespace varve::core;

constexpr auto first_code = static_cast<int>(errc::locked);
constexpr auto last_code = static_cast<int>(errc::bug);

error make(const error_fields& fields) { return error_access::make(fields); }

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

TEST_CASE("an error is 48 bytes, trivially copyable, and cannot be made from nothing", "[base]") {
  STATIC_REQUIRE(sizeof(error) == 48);
  STATIC_REQUIRE(std::is_trivially_copyable_v<error>);
  STATIC_REQUIRE(!std::is_default_constructible_v<error>);
}

TEST_CASE("every code has a name and a sentence of its own", "[base]") {
  std::set<std::string> names, sentences;
  for (int number = first_code; number <= last_code; ++number) {
    INFO("code " << number);
    const auto code = static_cast<errc>(number);
    const std::string name{varve::name_of(code)};
    CHECK(!name.empty());
    CHECK((name == "bug") == (code == errc::bug));  // what has no row of its own is explained as a bug
    CHECK(names.insert(name).second);
    const auto sentence = make({.code = code}).message();
    CHECK(sentences.insert(sentence).second);
    CHECK(sentence.ends_with('.'));
    CHECK(holds(sentence, "; "));  // what happened; what to do
  }
}

TEST_CASE("a code that does not exist is a bug", "[base]") {
  CHECK(varve::name_of(errc{}) == "bug");
  CHECK(varve::name_of(static_cast<errc>(last_code + 1)) == "bug");
}

TEST_CASE("an error gives back what it was made of", "[base]") {
  const auto e = make({.code = errc::damaged,
                       .subject = intern("orders/00000000000000000007.seg"),
                       .os_errno = EIO,
                       .segment = 7,
                       .offset = 4096,
                       .first_sequence = 10,
                       .last_sequence = 12});
  CHECK(e.code() == errc::damaged);
  CHECK(e.path() == "orders/00000000000000000007.seg");
  CHECK(e.os_errno() == EIO);
  CHECK(e.segment() == 7);
  CHECK(e.offset() == 4096);
  CHECK(e.limit() == 0);
  CHECK(e.first_sequence() == 10);
  CHECK(e.last_sequence() == 12);
}

TEST_CASE("a sentence names file, segment, offset, sequences and errno", "[base]") {
  const auto e = make({.code = errc::damaged,
                       .subject = intern("orders"),
                       .os_errno = EIO,
                       .segment = 7,
                       .offset = 4096,
                       .first_sequence = 10,
                       .last_sequence = 12});
  const auto text = e.message();
  for (const auto* part : {"orders: ", "segment 7", "offset 4096", "sequences 10 to 12", "(errno 5)"}) {
    INFO(part << " in " << text);
    CHECK(holds(text, part));
  }
}

TEST_CASE("a sentence about one sequence says sequence, not sequences", "[base]") {
  const auto text = make({.code = errc::trimmed, .first_sequence = 10, .last_sequence = 10}).message();
  CHECK(holds(text, "sequence 10"));
  CHECK(!holds(text, "sequences"));
}

TEST_CASE("a sentence without a place has no empty brackets", "[base]") {
  const auto text = make({.code = errc::closed}).message();
  CHECK(!holds(text, "("));
  CHECK(!holds(text, ": "));
}

TEST_CASE("too_large names a limit and no offset", "[base]") {
  const auto e = make({.code = errc::too_large, .offset = 61'416});
  CHECK(e.limit() == 61'416);
  CHECK(e.offset() == 0);
  CHECK(holds(e.message(), "61416"));
  CHECK(!holds(e.message(), "offset"));
}

TEST_CASE("bad_option names the option", "[base]") {
  const auto failed = bad_option("segment_bytes");
  CHECK(failed.error().code() == errc::bad_option);
  CHECK(failed.error().path() == "segment_bytes");
  CHECK(failed.error().message().starts_with("segment_bytes: "));
}

TEST_CASE("a path is interned once, and outlives the text it was made of", "[base]") {
  std::string text = "a path that is longer than any small string";
  const auto* const subject = intern(text);
  REQUIRE(subject != nullptr);
  CHECK(intern(std::string{text}) == subject);
  CHECK(intern("another") != subject);
  text.assign(text.size(), 'x');
  CHECK(make({.code = errc::io, .subject = subject}).path() == "a path that is longer than any small string");
}

TEST_CASE("an error without a subject has an empty path", "[base]") { CHECK(make({.code = errc::io}).path().empty()); }

TEST_CASE("threads that intern the same texts get the same subjects", "[base]") {
  constexpr std::size_t texts = 200;
  std::vector<std::vector<const error_subject*>> seen(4, std::vector<const error_subject*>(texts));
  {
    std::vector<std::jthread> threads;
    for (auto& mine : seen)
      threads.emplace_back([&mine] {
        for (std::size_t i = 0; i < texts; ++i) mine[i] = intern("directory " + std::to_string(i));
      });
  }
  for (const auto& other : seen) CHECK(other == seen.front());
}

TEST_CASE("a failed call becomes the code that says what to do next", "[base]") {
  CHECK(code_of_errno(ENOSPC) == errc::no_space);
  CHECK(code_of_errno(EDQUOT) == errc::no_space);
  CHECK(code_of_errno(EFBIG) == errc::no_space);
  CHECK(code_of_errno(ENOMEM) == errc::out_of_memory);
  CHECK(code_of_errno(EIO) == errc::io);
  CHECK(code_of_errno(EACCES) == errc::io);
  const auto failed = fail_call(ENOSPC, intern("orders"));
  CHECK(failed.error().code() == errc::no_space);
  CHECK(failed.error().os_errno() == ENOSPC);
  CHECK(failed.error().path() == "orders");
}
