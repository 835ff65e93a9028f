// SPDX-License-Identifier: MIT
#include "power/lives.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>

#include "os/point.hpp"
#include "support/catch.hpp"
#include "support/memory_os.hpp"

namespace varve::testing {
namespace {

constexpr const char* directory = "log";

/// The payload of record `id`: says who it is from the first byte on.
std::string payload_of(std::uint64_t id, std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(id * 0x9e3779b97f4a7c15 >> 8 * (i % 7) ^ i * 31);
  const std::size_t head = std::min(bytes, sizeof id);
  std::memcpy(text.data(), &id, head);
  return text;
}

result<sequence_range> append_entry(log& l, const std::vector<std::string_view>& chunks) {
  auto made = l.begin_entry();
  if (!made) return std::unexpected(made.error());
  for (const auto chunk : chunks)
    if (auto done = made->write_chunk(chunk); !done) return std::unexpected(done.error());
  return made->publish();
}

// ---- Threads that stop in the middle of an append.

struct stop_order {
  const char* point = nullptr;
  int hits = 0;
  std::atomic<bool>* reached = nullptr;
  std::atomic<bool>* released = nullptr;
};
thread_local stop_order my_order;

void stop_if_ordered(const char* name) noexcept {
  if (my_order.point == nullptr || std::strcmp(name, my_order.point) != 0 || --my_order.hits > 0) return;
  my_order.point = nullptr;
  my_order.reached->store(true);
  my_order.reached->notify_all();
  my_order.released->wait(false);
}

}  // namespace

struct lives::stopped_thread {
  std::atomic<bool> reached{false}, released{false};
  std::thread thread;
  ~stopped_thread() {
    released = true;
    released.notify_all();
    thread.join();
  }
};

lives::lives(std::uint64_t seed) : random_(seed), known_(1) {
  memory_os::reset();
  memory_os::seed_random(seed);
  on_point.store(&stop_if_ordered);
  options_.segment_bytes = 64 * 1024;
  constexpr checksum kinds[] = {checksum::xxh3, checksum::xxh3, checksum::crc32c, checksum::crc64, checksum::none};
  options_.checksum = kinds[below(std::size(kinds))];
  options_.prepared_segments = 1 + static_cast<std::uint32_t>(below(3));
  options_.spare_segments = static_cast<std::uint32_t>(below(4));
}

lives::~lives() {
  stopped_.clear();
  on_point.store(nullptr);
  memory_os::reset();
}

std::size_t lives::some_size() {
  constexpr std::size_t edges[] = {0, 1, 7, 8, 9, 16, 100, 488, 4072, 4096, 9000, 20000, 30000};
  if (busy_ && below(2) == 0) return 4'000 + below(16'000);
  return below(4) == 0 ? edges[below(std::size(edges))] : below(700);
}

void lives::claimed(std::uint64_t count, truth::state now, std::uint64_t first_id, const std::vector<std::size_t>& sizes,
                    bool is_chunk) {
  const std::uint64_t first = next();
  for (std::uint64_t i = 0; i < count; ++i)
    known_.push_back({.now = now,
                      .id = first_id + i,
                      .bytes = sizes[i],
                      .batch_first = first,
                      .batch_size = count,
                      .is_chunk = is_chunk});
}

void lives::append_one(log& l) {
  const std::uint64_t id = ++ids_;
  const std::size_t bytes = some_size();
  const bool at_once = stopped_.empty() && below(8) == 0;
  const auto done = l.append(payload_of(id, bytes), {.durability = at_once ? immediate() : none()});
  const bool stopped = memory_os::crashed();
  if (done && !stopped) {
    REQUIRE(done->value == next());
    claimed(1, truth::state::finished, id, {bytes});
    if (at_once) durable_ = next() - 1;
  } else {
    claimed(1, truth::state::perhaps, id, {bytes});
  }
}

/// As a batch, or as the chunks of an entry.
void lives::append_batch(log& l) {
  const std::uint64_t count = 2 + below(12), first_id = ids_ + 1;
  ids_ += count;
  std::vector<std::size_t> sizes(count);
  std::vector<std::string> texts(count);
  std::vector<std::string_view> views(count);
  for (std::size_t i = 0; i < count; ++i) {
    sizes[i] = below(300);
    views[i] = texts[i] = payload_of(first_id + i, sizes[i]);
  }
  const bool is_entry = below(2) == 0;
  const auto done = is_entry ? append_entry(l, views) : l.append_batch(views);
  const bool finished = done && !memory_os::crashed();
  if (finished) REQUIRE(done->first.value == next());
  claimed(count, finished ? truth::state::finished : truth::state::perhaps, first_id, sizes, is_entry);
}

void lives::sync(log& l) {
  const auto done = l.sync();
  if (!done || memory_os::crashed()) return;
  CHECK(done->value >= next() - 1);
  durable_ = next() - 1;
}

/// As far as nothing unfinished stands in the way; nobody would ever finish it.
std::uint64_t lives::published() const {
  const auto unfinished = std::ranges::find_if(known_.begin() + 1, known_.end(), [](const truth& t) {
    return t.now == truth::state::never || t.now == truth::state::perhaps;
  });
  return static_cast<std::uint64_t>(unfinished - known_.begin()) - 1;
}

/// Everything below the target goes, or nothing does.
void lives::trim(log& l, tally& sum) {
  const std::uint64_t end = published() + 1;
  const std::uint64_t target = below(4) == 0 ? end : end - std::min(end - first_, below(40));
  const auto done = l.trim_before({target});
  if (memory_os::crashed()) {
    perhaps_first_ = std::max(first_, target);
    ++sum.trims_cut_short;
    return;
  }
  INFO((done ? std::string{} : done.error().message()));
  REQUIRE(done);
  REQUIRE(l.first_sequence().value == std::max(first_, target));
  first_ = std::max(first_, target);
  durable_ = std::max(durable_, first_ - 1);
  ++sum.trims;
}

/// As if they had never been: their numbers are given out again. What is left of a batch is one by itself.
void lives::forget_behind(std::uint64_t last) {
  known_.resize(last + 1, {.now = truth::state::lost});
  for (std::uint64_t s = last; s > 0 && known_[s].batch_first + known_[s].batch_size > last + 1; --s)
    known_[s].batch_size = last + 1 - known_[s].batch_first;
  durable_ = last;
}

/// Everything behind a sequence goes, or nothing does; sometimes everything, and the log goes on elsewhere.
void lives::truncate(log& l, tally& sum) {
  if (!stopped_.empty()) return;  // it would wait for them
  const bool resets = below(4) == 0;
  const std::uint64_t next = resets ? 1 + below(published() + 20) : first_ + below(published() + 2 - first_);
  const ends wanted{resets ? next : first_, next - 1};
  const auto done = resets ? l.reset({next}) : l.truncate_after({next - 1});
  if (memory_os::crashed()) {
    perhaps_cut_ = wanted;
    ++sum.truncations_cut_short;
    return;
  }
  INFO((done ? std::string{} : done.error().message()));
  REQUIRE(done);
  REQUIRE(ends{l.first_sequence().value, l.published_sequence().value} == wanted);
  first_ = wanted.first;
  forget_behind(wanted.last);
  ++sum.truncations;
}

/// A thread claims, and never finishes. The main thread waits until it has claimed, so the sequences are known.
void lives::stop_in_append(log& l) {
  const bool batch = below(2) == 0;
  const std::uint64_t count = batch ? 2 + below(6) : 1, first_id = ids_ + 1;
  ids_ += count;
  std::vector<std::size_t> sizes(count);
  for (auto& bytes : sizes) bytes = below(500);
  constexpr const char* points[] = {"publish.payload_copied", "publish.before_stamp", "publish.between_stamps"};
  const char* point = points[below(batch ? 3 : 2)];
  auto stopped = std::make_unique<stopped_thread>();
  const int hits = point == points[2] ? 1 + static_cast<int>(below(count - 1)) : 1;
  const stop_order order{point, hits, &stopped->reached, &stopped->released};
  stopped->thread = std::thread{[&l, order, sizes, first_id] {
    my_order = order;
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < sizes.size(); ++i) texts.push_back(payload_of(first_id + i, sizes[i]));
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    if (views.size() == 1) {
      static_cast<void>(l.append(views[0]));
    } else {
      static_cast<void>(l.append_batch(views));
    }
    // It may never have got there: no segment could be had.
    order.reached->store(true);
    order.reached->notify_all();
  }};
  stopped->reached.wait(false);
  claimed(count, memory_os::crashed() ? truth::state::perhaps : truth::state::never, first_id, sizes);
  stopped_.push_back(std::move(stopped));
}

void lives::live(log& l, tally& sum) {
  busy_ = below(3) == 0;
  const std::uint64_t steps = below(busy_ ? 150 : 60);
  for (std::uint64_t i = 0; i < steps && !memory_os::crashed() && !l.failure(); ++i) {
    const std::uint64_t what = below(100);
    if (what < 60) {
      append_one(l);
    } else if (what < 80) {
      append_batch(l);
    } else if (what < 90) {
      if (stopped_.empty()) sync(l);  // it would wait for them
    } else if (what < 92) {
      truncate(l, sum);
    } else if (what < 94) {
      memory_os::write_back(random_());
    } else if (what < 96) {
      if (stopped_.size() < 3 && !(busy_ && below(2) == 0)) stop_in_append(l);
    } else {
      trim(l, sum);
    }
  }
}

void lives::end_life(std::optional<log>& l, bool power_loss, tally& sum) {
  sum.unfinished_claims += stopped_.size();
  if (!stopped_.empty() && known_.back().now == truth::state::finished) ++sum.unfinished_before_finished;
  if (memory_os::crashed()) ++sum.crashes_inside_calls;
  // First the crash, then the process winds down: what it does from now on reaches nothing.
  if (power_loss) {
    ++sum.power_losses;
    memory_os::power_loss(random_(), {.torn_words = true});
    power_lost_ = true;
  } else {
    ++sum.deaths;
    memory_os::process_death();
  }
  if (l) sum.recycled += l->stats().recycled;
  stopped_.clear();
  l.reset();
  ++sum.lives;
}

/// Opens the log, or dies trying and tries again; then looks whether all is there.
std::optional<log> lives::open_and_check(tally& sum) {
  for (int tries = 0;; ++tries) {
    if (below(3) == 0 && tries < 4) memory_os::crash_at_call(1 + below(40), memory_os::changing_calls);
    std::optional<log> l;
    auto opened = log::open(directory, options_);
    if (opened) l = std::move(*opened);
    if (l && check_opened(*l, sum)) return l;
    INFO((opened ? std::string{} : opened.error().message()));
    REQUIRE(memory_os::crashed());  // nothing else keeps a log from opening
    const bool power_loss = below(2) == 0;
    end_life(l, power_loss, sum);
    // The recovery that was cut short may have stamped a lost frame, and of that only the stamp, which is the same, have
    // reached the disk: then the frame is what its writer wrote, whole, and nobody was told otherwise.
    if (!power_loss) continue;
    for (truth& t : known_)
      if (t.now == truth::state::never) t.now = truth::state::perhaps;
  }
}

void lives::run(unsigned crashes, tally& sum) {
  std::optional<log> l = open_and_check(sum);
  for (unsigned i = 0; i < crashes; ++i) {
    if (below(4) == 0) memory_os::crash_at_call(1 + below(60), memory_os::changing_calls);
    live(*l, sum);
    if (below(5) == 0 && stopped_.empty()) {
      const auto closed = l->close();
      if (closed && !memory_os::crashed()) durable_ = next() - 1;
    }
    end_life(l, below(2) == 0, sum);
    if (below(3) == 0) check_view(sum);
    l = open_and_check(sum);
  }
  const auto closed = l->close();
  if (!memory_os::crashed()) REQUIRE(closed);
}

/// A view of the dead log shows what opening it then keeps.
void lives::check_view(tally& sum) {
  const auto image = memory_os::snapshot();
  {
    auto view = log_view::open(directory);
    INFO((view ? std::string{} : view.error().message()));
    REQUIRE(view);
    REQUIRE(check_contents(*view, sum));
    const auto report = verify(directory);
    REQUIRE(report);
    for (const auto& finding : report->findings) {
      INFO("row " << finding.row << " sequences " << finding.sequences.first.value);
      CHECK(std::string{"FGXYZT"}.find(finding.row) == std::string::npos);  // no damage
    }
    const std::uint64_t shown = view->published_sequence().value, first = view->first_sequence().value;
    auto opened = log::open(directory, options_);
    REQUIRE(opened);
    CHECK(opened->published_sequence().value == shown);
    CHECK(opened->first_sequence().value == first);
  }
  memory_os::restore(image);
}

bool lives::check_opened(log& l, tally& sum) {
  const std::uint64_t published = l.published_sequence().value;
  sum.stepped_over += l.recovery().stepped_over;
  sum.cut_records += l.recovery().cut_records;
  if (!check_contents(l, sum)) return false;
  CHECK(l.durable_sequence().value == published);
  std::map<std::uint64_t, bool> there;
  for (const auto& r : l.records()) {
    if (!r) return false;
    there[r->sequence().value] = true;
  }
  // What was not kept never was: its sequences are given out again.
  for (std::uint64_t s = published + 1; s < known_.size(); ++s)
    if (known_[s].batch_size > 1 && known_[s].batch_first == s) ++sum.batches_dropped;
  forget_behind(published);
  perhaps_cut_.reset();
  first_ = l.first_sequence().value;
  perhaps_first_.reset();
  for (std::uint64_t s = first_; s <= published; ++s) known_[s].now = there[s] ? truth::state::finished : truth::state::lost;
  power_lost_ = false;
  return true;
}

/// False if the machine stopped meanwhile.
template <class Log>
bool lives::check_contents(const Log& l, tally& sum) {
  const std::uint64_t published = l.published_sequence().value, first = l.first_sequence().value;
  INFO("first " << first << ", was " << first_ << ", or perhaps " << perhaps_first_.value_or(0));
  const bool is_cut = perhaps_cut_ == ends{first, published};
  REQUIRE((is_cut || first == first_ || first == perhaps_first_));
  REQUIRE(first <= published + 1);
  REQUIRE((is_cut || published < known_.size()));  // G6: no more than was ever claimed
  REQUIRE((is_cut || published >= durable_));      // G2
  std::map<std::uint64_t, std::uint64_t> there_of_batch;
  std::uint64_t at = first - 1;
  const auto must_have_none = [&](std::uint64_t s) {
    INFO("sequence " << s << " of " << published << " has no record");
    REQUIRE(known_[s].now != truth::state::finished);
  };
  for (const auto& r : l.records()) {
    if (!r && memory_os::crashed()) return false;
    INFO((r ? std::string{} : r.error().message()));
    REQUIRE(r);
    const std::uint64_t s = r->sequence().value;
    REQUIRE(s > at);
    while (++at < s) must_have_none(at);
    REQUIRE(s <= published);
    const truth& t = known_[s];
    INFO("sequence " << s << ", state " << static_cast<int>(t.now));
    REQUIRE((t.now == truth::state::finished || t.now == truth::state::perhaps));
    REQUIRE(r->text() == payload_of(t.id, t.bytes));
    REQUIRE(r->is_chunk() == t.is_chunk);
    if (t.is_chunk) ++sum.chunks_checked;
    if (t.batch_size > 1) ++there_of_batch[t.batch_first];
    ++sum.records_checked;
  }
  while (++at <= published) must_have_none(at);
  for (const auto& [head, count] : there_of_batch) {
    INFO("batch " << head << " of " << known_[head].batch_size);
    const std::uint64_t size = is_cut ? std::min(known_[head].batch_size, published + 1 - head) : known_[head].batch_size;
    REQUIRE(count + std::max(first, head) - head == size);  // G4
  }
  if (first > 1) {
    const auto gone = l.read({first - 1});
    if (!gone && memory_os::crashed()) return false;
    REQUIRE(!gone);
    REQUIRE(gone.error().code() == errc::trimmed);
  }
  if (power_lost_ || is_cut) return true;
  for (std::uint64_t s = published + 1; s < known_.size(); ++s) {
    INFO("sequence " << s << " was returned");
    REQUIRE(known_[s].now != truth::state::finished);  // G1
  }
  return true;
}

}  // namespace varve::testing
