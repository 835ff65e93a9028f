// SPDX-License-Identifier: MIT
//
// catch.hpp - Catch2, version 3 or 2, under one name. Tests include this and nothing of Catch2 itself.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif
