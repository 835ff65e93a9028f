// SPDX-License-Identifier: MIT
//
// varve.hpp - everything.
#pragma once

#include <varve/archive.hpp>
#include <varve/backup.hpp>
#include <varve/checkpoint.hpp>
#include <varve/claim.hpp>
#include <varve/durability.hpp>
#include <varve/entry.hpp>
#include <varve/error.hpp>
#include <varve/event.hpp>
#include <varve/log.hpp>
#include <varve/log_view.hpp>
#include <varve/options.hpp>
#include <varve/reader.hpp>
#include <varve/record.hpp>
#include <varve/recovery.hpp>
#include <varve/retention.hpp>
#include <varve/salvage.hpp>
#include <varve/sequence.hpp>
#include <varve/upgrade.hpp>
