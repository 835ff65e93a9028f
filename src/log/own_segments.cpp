// SPDX-License-Identifier: MIT
#include "log/own_segments.hpp"

#include <cerrno>
#include <utility>

#include "format/file_name.hpp"
#include "log/preparer.hpp"
#include "log/trimmer.hpp"

namespace varve::core {

void own_segments::end() noexcept {
  with_.preparer.nudge();  // whoever waits for room sees that there is no use in it
  std::unique_lock lock{guard_};
  is_over_ = true;
  finished_.wait(lock, [this] { return in_the_making_ == 0; });
}

void own_segments::finish() noexcept {
  with_.preparer.room_is_used();
  const std::scoped_lock lock{guard_};
  --in_the_making_;
  finished_.notify_all();
}

os::result<unfinished_segment> own_segments::create(std::uint64_t file_bytes) noexcept {
  for (;;) {
    unfinished_segment made{.number = with_.preparer.next_number(), .bytes = file_bytes};
    const auto name = format::name_of(format::file_kind::segment, made.number);
    auto file = os::create_file(with_.place.directory, name.c_str(), recipe_.permissions);
    if (!file && file.error().number == EEXIST) continue;  // somebody put a file there: leave it alone
    if (!file) {
      with_.trimmer.uncount_files(file_bytes);
      return std::unexpected(file.error());
    }
    made.file = std::move(*file);
    if (const auto done = os::allocate(made.file, file_bytes); !done) {
      remove(made);
      return std::unexpected(done.error());
    }
    return made;
  }
}

os::result<std::unique_ptr<control_block>> own_segments::complete(unfinished_segment& of, std::uint64_t number) noexcept {
  auto made = complete_segment(with_.place, of, number, recipe_);
  while (!made && made.error().number == EEXIST)
    made = complete_segment(with_.place, of, with_.preparer.next_number(), recipe_);
  if (!made) {
    remove(of);
    finish();
  }
  return made;
}

os::result<std::unique_ptr<control_block>> own_segments::make(std::uint64_t file_bytes) noexcept {
  {
    const std::scoped_lock lock{guard_};
    if (is_over_) {
      with_.trimmer.uncount_files(file_bytes);
      with_.preparer.room_is_used();
      return std::unexpected(os::failure{ECANCELED});
    }
    ++in_the_making_;
  }
  auto made = create(file_bytes);
  if (made) return complete(*made, made->number);
  finish();
  return std::unexpected(made.error());
}

os::result<std::unique_ptr<control_block>> own_segments::number_above(std::uint64_t number,
                                                                      std::unique_ptr<control_block>& own) noexcept {
  if (own->segment->facts().number > number) return std::move(own);
  unfinished_segment of{
      .file = std::move(own->segment->file()), .number = own->segment->facts().number, .bytes = own->capacity};
  own.reset();
  return complete(of, with_.preparer.next_number());
}

void own_segments::give_up(std::unique_ptr<control_block> own) noexcept {
  const unfinished_segment of{.number = own->segment->facts().number, .bytes = own->capacity};
  own.reset();
  remove(of);
  finish();
}

void own_segments::remove(const unfinished_segment& of) noexcept {
  static_cast<void>(with_.trimmer.remove_file(of.number, of.bytes));  // otherwise the next open does it
}

}  // namespace varve::core
