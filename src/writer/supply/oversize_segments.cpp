// SPDX-License-Identifier: MIT
#include "writer/supply/oversize_segments.hpp"

#include <cerrno>
#include <utility>

#include "format/file_name.hpp"
#include "writer/retire/trimmer.hpp"
#include "writer/supply/segment_supply.hpp"

namespace varve::core {

void own_segments::end() noexcept {
  with_.preparer.nudge();  // whoever waits for room sees that there is no use in it
  std::unique_lock lock{guard_};
  is_over_ = true;
  finished_.wait(lock, [this] { return working_ == 0; });
  // With the lock: whoever made one may destroy it as soon as he sees that it is not idle any more.
  while (!idle_.empty()) {
    own_file& own = idle_.front();
    idle_.pop_front();
    own.is_idle_ = false;
    bytes_ -= own.bytes();
    remove_file(own);
  }
}

bool own_segments::begin_work(own_file& on) noexcept {
  const std::scoped_lock lock{guard_};
  if (is_over_) return false;
  if (std::exchange(on.is_idle_, false)) idle_.erase(idle_.iterator_to(on));
  ++working_;
  return true;
}

void own_segments::end_work(own_file& on) noexcept {
  const std::scoped_lock lock{guard_};
  if (on.is_there()) {
    idle_.push_back(on);
    on.is_idle_ = true;
  }
  --working_;
  finished_.notify_all();
}

void own_segments::give_up(own_file& own) noexcept {
  {
    const std::scoped_lock lock{guard_};
    if (!own.is_idle_) return;  // there is none, or end() has removed it
    own.is_idle_ = false;
    idle_.erase(idle_.iterator_to(own));
    ++working_;
  }
  remove(own);
  end_work(own);
}

std::uint64_t own_segments::bytes() noexcept {
  const std::scoped_lock lock{guard_};
  return bytes_;
}

void own_segments::count(std::uint64_t bytes) noexcept {
  const std::scoped_lock lock{guard_};
  bytes_ += bytes;
}

void own_segments::give_back(std::uint64_t bytes) noexcept { with_.trimmer.uncount_files(bytes); }

os::result<void> own_segments::create(own_file& own) noexcept {
  for (;;) {
    const std::uint64_t number = with_.preparer.next_number();
    if (number == 0) return std::unexpected(os::failure{EOVERFLOW});  // the highest number there can be is in use
    const auto name = format::name_of(format::file_kind::segment, number);
    auto file = os::create_file(with_.place.directory, name.c_str(), recipe_.permissions);
    if (!file && file.error().number == EEXIST) continue;  // somebody put a file there: leave it alone
    if (!file) return std::unexpected(file.error());
    own.file_ = {.file = std::move(*file), .number = number};
    return {};
  }
}

os::result<void> own_segments::grow(own_file& own, std::uint64_t least, std::uint64_t bytes) noexcept {
  const std::uint64_t has = own.bytes();
  if (bytes <= has) return {};
  auto done = own.is_there() ? os::result<void>{} : create(own);
  if (done) done = os::allocate(own.file_.file, bytes, has);
  if (!done && done.error().number == ENOSPC && own.is_there() && least < bytes) {
    give_back(bytes - least);
    bytes = least;
    done = {};
    if (has == 0) {  // what was allocated before it failed stays with that file
      remove_file(own);
      done = create(own);
    }
    if (done) done = os::allocate(own.file_.file, bytes, has);
  }
  if (!done) {
    give_back(bytes - has);
    if (has == 0 && own.is_there()) remove_file(own);
    return done;
  }
  own.file_.bytes = bytes;
  count(bytes - has);
  return {};
}

void own_segments::reopen(own_file& own) noexcept {
  if (!own.ready_) return;
  own.file_.file = std::move(own.ready_->segment->file());
  own.ready_.reset();
}

os::result<void> own_segments::complete(own_file& own, numbering how) noexcept {
  const std::uint64_t number = how == numbering::as_it_is ? own.number() : with_.preparer.next_number();
  auto made = complete_segment(with_.place, own.file_, number, recipe_);
  while (!made && made.error().number == EEXIST)
    made = complete_segment(with_.place, own.file_, with_.preparer.next_number(), recipe_);
  if (made) {
    own.ready_ = std::move(*made);
    return {};
  }
  if (!own.file_.file.is_open()) remove(own);
  return std::unexpected(made.error());
}

os::result<std::unique_ptr<control_block>> own_segments::hand_over(own_file& own, std::uint64_t number) noexcept {
  if (own.number() <= number) {
    reopen(own);
    if (const auto done = complete(own, numbering::anew); !done) return std::unexpected(done.error());
  }
  uncount(std::exchange(own.file_, {}).bytes);
  return std::move(own.ready_);
}

void own_segments::remove(own_file& own) noexcept {
  if (!own.is_there()) return;
  uncount(own.bytes());
  remove_file(own);
}

void own_segments::remove_file(own_file& own) noexcept {
  const std::uint64_t number = own.number(), bytes = own.bytes();
  own.ready_.reset();
  own.file_ = {};
  static_cast<void>(with_.trimmer.remove_file(number, bytes));  // otherwise the next open does it
}

}  // namespace varve::core
