// SPDX-License-Identifier: MIT
//
// main.cpp - the one place where Catch2 2 is compiled, which takes longer than most tests. Catch2 3 brings its own main.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
