// SPDX-License-Identifier: MIT
//
// file_name_test.cpp - names of segments and indexes: just this form, and nothing that merely looks like it.
#include "format/file_name.hpp"

#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "support/catch.hpp"

namespace {

using namespace varve::format;
using namespace std::string_view_literals;

}  // namespace

TEST_CASE("a file name is twenty digits and an ending, and comes back as its number", "[format]") {
  CHECK(name_of(file_kind::segment, 7).view() == "00000000000000000007.seg");
  CHECK(name_of(file_kind::index, 7).view() == "00000000000000000007.idx");
  CHECK(name_of(file_kind::segment, std::numeric_limits<std::uint64_t>::max()).view() == "18446744073709551615.seg");
  for (std::uint64_t number = 1; number != 0; number = number > ~std::uint64_t{0} / 3 ? 0 : number * 3) {
    for (const auto kind : {file_kind::segment, file_kind::index}) {
      const auto name = name_of(kind, number);
      CHECK(std::strlen(name.c_str()) == 24);
      CHECK(parse_name(kind, name.view()) == number);
    }
  }
  CHECK(parse_name(file_kind::segment, "18446744073709551615.seg") == std::numeric_limits<std::uint64_t>::max());
  CHECK(parse_name(file_kind::segment, "00000000000000000001.seg") == 1);
}

TEST_CASE("a name of any other form is no segment's", "[format]") {
  for (const auto name : {
           ""sv,
           ".seg"sv,
           "7.seg"sv,
           "0000000000000000007.seg"sv,    // 19 digits
           "000000000000000000007.seg"sv,  // 21 digits
           "00000000000000000000.seg"sv,   // 0 is never a number
           "18446744073709551616.seg"sv,   // 2^64
           "99999999999999999999.seg"sv,
           "+0000000000000000007.seg"sv,
           "-0000000000000000007.seg"sv,
           " 0000000000000000007.seg"sv,
           "0000000000000000007 .seg"sv,
           "0x000000000000000007.seg"sv,
           "0000000000000000000a.seg"sv,
           "0000000000,000000007.seg"sv,
           "00000000000000000007.idx"sv,
           "00000000000000000007.SEG"sv,
           "00000000000000000007.se"sv,
           "00000000000000000007.segm"sv,
           "00000000000000000007seg"sv,
           "00000000000000000007"sv,
           "00000000000000000007.seg "sv,
           "00000000000000000007.seg\n"sv,
           "00000000000000000007.seg\0"sv,
           " 00000000000000000007.seg"sv,
           "./00000000000000000007.seg"sv,
           "00000000000000000007.seg.tmp"sv,
           "\xd9\xa0\xd9\xa0\xd9\xa0\xd9\xa0\xd9\xa0\xd9\xa0\xd9\xa0\xd9\xa0\xd9\xa0\xd9\xa7.seg"sv,  // Arabic digits
       }) {
    INFO(name);
    CHECK(!parse_name(file_kind::segment, name));
  }
}

TEST_CASE("a segment's name is no index's", "[format]") {
  CHECK(!parse_name(file_kind::index, "00000000000000000007.seg"));
  CHECK(parse_name(file_kind::index, "00000000000000000007.idx") == 7);
}

TEST_CASE("names sort as their numbers do", "[format]") {
  CHECK(name_of(file_kind::segment, 9).view() < name_of(file_kind::segment, 10).view());
  CHECK(name_of(file_kind::segment, 99).view() < name_of(file_kind::segment, std::uint64_t{1} << 63).view());
}
