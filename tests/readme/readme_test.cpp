// SPDX-License-Identifier: MIT
#include <fstream>
#include <iterator>
#include <string>

#include "support/catch.hpp"

namespace {

std::string text_of(const std::string& name) {
  std::ifstream file{std::string{VARVE_SOURCE_DIR} + '/' + name};
  return {std::istreambuf_iterator<char>{file}, {}};
}

}  // namespace

TEST_CASE("the README shows the examples that the tests compile and run", "[readme]") {
  const std::string example =
      text_of(GENERATE("tests/readme/example.cpp", "tests/readme/more.cpp", "tests/readme/saving.cpp"));
  const auto begin = example.find("// -- begin\n") + std::string{"// -- begin\n"}.size();
  const std::string shown = example.substr(begin, example.find("// -- end") - begin);
  REQUIRE(shown.size() > 500);
  CHECK(text_of("README.md").find("```cpp\n" + shown + "```") != std::string::npos);
}
