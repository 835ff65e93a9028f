// SPDX-License-Identifier: MIT
#include "base/error.hpp"

#include <cerrno>
#include <exception>
#include <mutex>
#include <system_error>
#include <unordered_map>

namespace varve {
namespace {

// What happened, and what to do: one row per code.
struct explanation {
  errc code;
  std::string_view name, happened, remedy;
};
constexpr explanation explanations[] = {
    {errc::locked, "locked", "another writer has the log", "wait until it ends, or read through a view"},
    {errc::not_found, "not_found", "there is no log, or no directory to make one in", "check the path"},
    {errc::not_a_log, "not_a_log", "this is no log, and was not touched",
     "check the path; a new log needs an empty or a new directory"},
    {errc::is_archive, "is_archive", "this is an archive, which only its archiver writes; it was not touched",
     "make a log of it with varve expand, and write to that"},
    {errc::newer_format, "newer_format", "this was made by a newer version of varve, and was not touched",
     "open it with that version"},
    {errc::older_format, "older_format", "this was made by version 0.1 of varve, and was not touched",
     "make a log of this version of it, with varve upgrade"},
    {errc::incomplete, "incomplete", "what had been durable is missing here, and nothing was changed",
     "bring what is missing; varve recover --accept-loss goes on without records, and varve salvage without files"},
    {errc::bad_option, "bad_option", "this option has a value that cannot be used", "correct it"},
    {errc::unsupported_file_system, "unsupported_file_system",
     "network and user-space file systems do not keep what a log needs", "move the log to a local one"},
    {errc::would_cut, "would_cut", "the log has a torn end, which strict recovery does not cut; nothing was changed",
     "look at it with verify, then open it with prefix recovery"},
    {errc::no_space, "no_space", "there is no room for another segment; nothing that was appended is lost",
     "make room, and append again"},
    {errc::too_large, "too_large", "this is more than a segment, or its claim, can take; nothing was appended",
     "append less at once"},
    {errc::not_yet, "not_yet", "this sequence is not published yet", "ask again later"},
    {errc::past_end, "past_end", "no append has taken this sequence", "ask for one up to the published mark"},
    {errc::trimmed, "trimmed", "this sequence is older than what the log keeps", "go on at its first sequence"},
    {errc::truncated, "truncated", "the log was truncated before this sequence", "go on at the sequence that comes next"},
    {errc::abandoned, "abandoned", "the claim of this sequence was given up, or its writer died", "go on behind it"},
    {errc::damaged, "damaged", "bytes that had been written fail validation",
     "verify the log, and restore it from a copy; varve salvage reads what is left"},
    {errc::sync_failed, "sync_failed", "records could not be made durable, and nothing after them is",
     "mend the device, then open the log anew"},
    {errc::io, "io", "a system call failed", "mend what it names, then try again"},
    {errc::out_of_memory, "out_of_memory", "there is not enough memory; the log is unchanged", "free some, and try again"},
    {errc::would_block_itself, "would_block_itself", "this thread holds an open claim that it would wait for",
     "publish or abandon that claim first"},
    {errc::timed_out, "timed_out", "the deadline passed first", "wait again"},
    {errc::forked, "forked", "this process is a fork of the one that opened the log", "open a view of its own"},
    {errc::closed, "closed", "the log was closed", "open it again"},
    {errc::cancelled, "cancelled", "a function that was given to the log answered no", "ask it why"},
    {errc::bug, "bug", "varve has a fault", "please report this sentence"},
};

// Of a log that has lost one of its two small files, whatever the code.
constexpr std::string_view remedy_without_state =
    "bring back the newest one; otherwise run varve recover --rebuild-state, which makes a lost one again where the "
    "segments prove it safe, or varve salvage, which makes a new log of what is there";

bool is_state_or_meta(std::string_view path) noexcept {
  return path.ends_with("/varve.state") || path.ends_with("/varve.meta");
}

const explanation& explain(errc code) noexcept {
  for (const auto& row : explanations)
    if (row.code == code) return row;
  return explanations[std::size(explanations) - 1];
}

}  // namespace

std::string_view name_of(errc code) noexcept { return explain(code).name; }

std::string_view error::path() const noexcept {
  return subject_ != nullptr ? std::string_view{subject_->text} : std::string_view{};
}

std::string error::message() const {
  const auto& row = explain(code_);
  std::string text;
  if (!path().empty()) (text += path()) += ": ";
  text += row.happened;
  std::string where;
  const auto add = [&where](std::string_view what, std::uint64_t value) {
    if (!where.empty()) where += ", ";
    (where += what) += std::to_string(value);
  };
  if (process() != 0) add("process ", segment_);
  if (segment() != 0) add("segment ", segment_);
  if (offset() != 0) add("offset ", offset_);
  if (limit() != 0) add("at most this many bytes: ", limit());
  if (code_ == errc::too_large && limit() == 0) where += "too many records";
  if (first_ != 0) add(last_ > first_ ? "sequences " : "sequence ", first_);
  if (last_ > first_) (where += " to ") += std::to_string(last_);
  if (errno_ != 0) {
    if (!where.empty()) where += ", ";
    (where += std::generic_category().message(errno_)) += " (errno " + std::to_string(errno_) + ")";
  }
  if (!where.empty()) text += " (" + where + ")";
  text += "; ";
  const bool is_lost_file = (code_ == errc::incomplete || code_ == errc::damaged) && is_state_or_meta(path());
  text += may_have_happened_ ? std::string_view{"it may have taken effect; open the log again to see"}
          : is_lost_file     ? remedy_without_state
                             : row.remedy;
  return text += '.';
}

namespace core {

const error_subject* intern(std::string_view text) noexcept {
  try {
    // Never destroyed: errors may be asked for their path while other static objects are torn down.
    static auto& subjects = *new std::unordered_map<std::string, error_subject>;
    static auto& guard = *new std::mutex;
    const std::scoped_lock lock{guard};
    const std::string key{text};
    return &subjects.try_emplace(key, error_subject{key}).first->second;  // nodes of a map do not move
  } catch (const std::exception&) {
    return nullptr;
  }
}

error error_access::make(const error_fields& fields) noexcept {
  error e;
  e.code_ = fields.code;
  e.subject_ = fields.subject;
  e.errno_ = fields.os_errno;
  e.segment_ = fields.segment;
  e.offset_ = fields.offset;
  e.first_ = fields.first_sequence;
  e.last_ = fields.last_sequence;
  return e;
}

std::unexpected<error> bad_option(std::string_view name) noexcept {
  return fail({.code = errc::bad_option, .subject = intern(name)});
}

errc code_of_errno(int number) noexcept {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return errc::no_space;  // EFBIG: the limit of a file's size (RLIMIT_FSIZE)
    case ENOMEM: return errc::out_of_memory;
    default: return errc::io;
  }
}

}  // namespace core
}  // namespace varve
