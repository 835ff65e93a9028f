// SPDX-License-Identifier: MIT
//
// visibility.hpp - marks what the shared library offers; everything else in it is hidden.
#pragma once

#define VARVE_EXPORT [[gnu::visibility("default")]]
