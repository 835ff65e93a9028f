// SPDX-License-Identifier: MIT
#include "rescue/recipe.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "format/file_name.hpp"
#include "format/layout.hpp"
#include "rescue/proof.hpp"

namespace varve::testing::rescue {
namespace {

constexpr const char* log_directory = history::directory;
constexpr const char* copy_directory = "copy";

file_set files_at(const moment& m) {
  stage::load(m.image);
  return stage::files_of(log_directory);
}

// ---- Ways

class traveller {
 public:
  traveller(const history& h, scene& s, dice& random) : past_(h), scene_(s), random_(random) {}

  void go() {
    const moment& end = scene_.recipe.ending == ending::clean ? past_.closed : past_.died;
    scene_.directory = log_directory;
    scene_.known = end.known;
    switch (scene_.recipe.way) {
      case way::in_place: return arrive(end);
      case way::copied: return copy(end);
      case way::half_copied: return half_copy(end);
      case way::rsync_twice: return rsync(end);
      case way::snapshot: return take_snapshot(true);
      case way::snapshot_later: return take_snapshot(false);
      case way::older_all: return put_all_back(end);
      case way::older_some: return put_some_back(end);
    }
  }

 private:
  void arrive(const moment& end) {
    stage::load(end.image);
    if (scene_.recipe.ending == ending::power) stage::lose_power(random_.next(), false);
  }

  void copy(const moment& end) {
    arrive(end);
    stage::copy(log_directory, copy_directory);
    scene_.directory = copy_directory;
  }

  void half_copy(const moment& end) {
    copy(end);
    const auto files = stage::files_of(copy_directory);
    const std::uint64_t at_least = random_.below(files.size());
    std::uint64_t i = 0;
    for (const auto& [name, bytes] : files) {
      const bool is_hit = i++ == at_least || random_.one_in(8);
      if (!is_hit) continue;
      const bool goes = random_.one_in(2);
      scene_.recipe.details += (goes ? " -" : " short ") + name;
      if (goes) {
        stage::remove(copy_directory, name);
      } else {
        stage::rewrite(copy_directory, name, byte_vector(bytes.begin(), bytes.begin() + some_of(bytes.size())));
      }
    }
  }

  std::ptrdiff_t some_of(std::uint64_t bytes) {
    const std::uint64_t kept = bytes == 0 ? 0 : random_.below(bytes);
    return static_cast<std::ptrdiff_t>(random_.one_in(2) ? kept : kept / format::block_bytes * format::block_bytes);
  }

  /// Each file of some moment between two.
  void rsync(const moment& end) {
    const std::uint64_t last = random_.below(past_.moments.size() + 1), begun = random_.below(last + 1);
    std::vector<file_set> of;
    for (std::uint64_t i = begun; i <= last; ++i) of.push_back(files_at(moment_at(i, end)));
    arrive(end);
    stage::copy(log_directory, copy_directory);
    for (const auto& [name, bytes] : stage::files_of(copy_directory)) stage::remove(copy_directory, name);
    file_set all;
    for (const auto& files : of) all.insert(files.begin(), files.end());
    for (const auto& [name, bytes] : all) {
      const std::uint64_t i = random_.below(of.size());
      if (const auto f = of[i].find(name); f != of[i].end()) stage::put(copy_directory, name, f->second);
      scene_.recipe.details += ' ' + name.substr(name.size() < 8 ? 0 : name.size() - 6) + '@' + std::to_string(begun + i);
    }
    scene_.directory = copy_directory;
    scene_.known = moment_at(last, end).known;
  }

  const moment& moment_at(std::uint64_t i, const moment& end) const {
    return i < past_.moments.size() ? past_.moments[i] : end;
  }

  void take_snapshot(bool same_boot) {
    const std::uint64_t i = random_.below(past_.moments.size());
    scene_.recipe.details += " @" + std::to_string(i);
    stage::load(past_.moments[i].image);
    stage::lose_power(random_.next(), same_boot);
    scene_.known = past_.moments[i].known;
  }

  void put_back(const std::string& name, const file_set& old, const file_set& now) {
    const auto was = old.find(name);
    const bool is_there = now.contains(name);
    if (was == old.end()) return stage::remove(log_directory, name);
    is_there ? stage::rewrite(log_directory, name, was->second) : stage::put(log_directory, name, was->second);
  }

  void put_all_back(const moment& end) {
    const std::uint64_t i = random_.below(past_.moments.size());
    scene_.recipe.details += " @" + std::to_string(i);
    const auto old = files_at(past_.moments[i]);
    arrive(end);
    const auto now = stage::files_of(log_directory);
    for (const auto& [name, bytes] : now) put_back(name, old, now);
    for (const auto& [name, bytes] : old)
      if (!now.contains(name)) put_back(name, old, now);
    scene_.known = past_.moments[i].known;
  }

  void put_some_back(const moment& end) {
    const std::uint64_t i = random_.below(past_.moments.size());
    const auto old = files_at(past_.moments[i]);
    arrive(end);
    const auto now = stage::files_of(log_directory);
    std::vector<std::string> others;
    for (const auto& [name, bytes] : old)
      if (const auto is = now.find(name); is == now.end() || is->second != bytes) others.push_back(name);
    if (others.empty()) return;
    for (std::uint64_t left = random_.between(1, std::min<std::uint64_t>(others.size(), 3)); left != 0; --left) {
      const auto& name = others[random_.below(others.size())];
      scene_.recipe.details += ' ' + name + '@' + std::to_string(i);
      put_back(name, old, stage::files_of(log_directory));
    }
  }

  const history& past_;
  scene& scene_;
  dice& random_;
};

// ---- Harm

class spoiler {
 public:
  spoiler(const history& h, scene& s, dice& random) : past_(h), scene_(s), random_(random) {}

  void spoil() {
    scene_.before = stage::files_of(scene_.directory);
    const auto name = pick(scene_.recipe.target);
    if (name) {
      name_ = *name;
      bytes_ = scene_.before.at(name_);
      scene_.recipe.details += " | " + name_;
      apply(scene_.recipe.harm);
    } else {
      scene_.recipe.harm = harm::nothing;
    }
    scene_.now = stage::files_of(scene_.directory);
  }

 private:
  void apply(harm what) {
    switch (what) {
      case harm::nothing: return;
      case harm::byte: return change(1, 1);
      case harm::sector: return change(format::sector_bytes, format::sector_bytes);
      case harm::page: return change(format::block_bytes, format::block_bytes);
      case harm::missing: return stage::remove(scene_.directory, name_);
      case harm::cut_short: return cut_short();
      case harm::stale: return make_stale();
      case harm::swapped: return swap();
      case harm::doubled: return make_double();
    }
  }

  /// A file of that sort.
  std::optional<std::string> pick(target what) {
    if (what == target::meta) return there(format::meta_name);
    if (what == target::state) return there(format::state_name);
    if (what == target::live) return there(format::live_name);
    std::vector<std::string> fit;
    if (what == target::index) {
      for (const auto& [name, bytes] : scene_.before)
        if (name.ends_with(".idx")) fit.push_back(name);
    } else {
      for (const auto& s : proof{scene_.before}.segments)
        if (is_such(s, what)) fit.push_back(s.name);
    }
    if (fit.empty()) return std::nullopt;
    return fit[random_.below(fit.size())];
  }

  static bool is_such(const proved_segment& s, target what) {
    const bool is_active = s.identity && s.activation && !s.seal;
    switch (what) {
      case target::sealed: return s.seal.has_value();
      case target::active: return is_active;
      case target::prepared: return !s.activation;
      default: return s.identity.has_value() && s.activation;
    }
  }

  std::optional<std::string> there(const char* name) const {
    return scene_.before.contains(name) ? std::optional<std::string>{name} : std::nullopt;
  }

  /// Where the harm falls: what stands in the file, not the zeros after it.
  std::uint64_t some_place() {
    std::uint64_t from = 0, to = bytes_.size();
    while (to > 0 && bytes_[to - 1] == std::byte{0}) --to;
    if (scene_.recipe.target == target::header) to = std::min(to, 4 * format::sector_bytes);
    const bool in_frames = scene_.recipe.target == target::sealed || scene_.recipe.target == target::active;
    if (in_frames && to > format::segment_header_bytes) from = format::segment_header_bytes;
    return to <= from ? from : random_.between(from, to - 1);
  }

  void change(std::uint64_t unit, std::uint64_t bytes) {
    if (bytes_.empty()) return;
    const std::uint64_t at = some_place() / unit * unit, end = std::min<std::uint64_t>(at + bytes, bytes_.size());
    scene_.recipe.details += " at " + std::to_string(at);
    const std::uint64_t how = random_.below(4), flipped = random_.between(1, 255);
    for (std::uint64_t i = at; i < end; ++i) {
      if (unit == 1) {
        bytes_[i] ^= static_cast<std::byte>(flipped);
      } else {
        bytes_[i] = how == 0 ? std::byte{0xff} : how == 1 ? static_cast<std::byte>(random_.next()) : std::byte{0};
      }
    }
    stage::rewrite(scene_.directory, name_, bytes_);
  }

  void cut_short() {
    const std::uint64_t left = bytes_.empty() ? 0 : random_.below(random_.one_in(2) ? bytes_.size() : some_place() + 1);
    scene_.recipe.details += " to " + std::to_string(left);
    bytes_.resize(left);
    stage::rewrite(scene_.directory, name_, bytes_);
  }

  /// The same name at an earlier moment.
  void make_stale() {
    const auto image = stage::save();
    std::vector<byte_vector> old;
    for (const auto& m : past_.moments) {
      const auto files = files_at(m);
      if (const auto f = files.find(name_); f != files.end() && f->second != bytes_) old.push_back(f->second);
    }
    stage::load(image);
    if (!old.empty()) stage::rewrite(scene_.directory, name_, old[random_.below(old.size())]);
  }

  void swap() {
    auto other = scene_.before.begin();
    std::advance(other, random_.below(scene_.before.size()));
    scene_.recipe.details += " with " + other->first;
    stage::rewrite(scene_.directory, name_, other->second);
    if (other->first != name_) stage::rewrite(scene_.directory, other->first, bytes_);
  }

  void make_double() {
    std::uint64_t number = random_.between(1, 12);
    const auto name = [&] { return std::string{format::name_of(format::file_kind::segment, number).view()}; };
    while (scene_.before.contains(name())) ++number;
    scene_.recipe.details += " as " + std::to_string(number);
    stage::put(scene_.directory, name(), bytes_);
  }

  const history& past_;
  scene& scene_;
  dice& random_;
  std::string name_;
  byte_vector bytes_;
};

}  // namespace

bool recipe::is_of_one_moment() const noexcept {
  return way != rescue::way::rsync_twice && way != rescue::way::older_some && harm != rescue::harm::stale;
}

std::string recipe::text() const {
  const auto name = [](const auto& names, auto value) { return std::string{names[static_cast<std::size_t>(value)]}; };
  return name(ending_names, ending) + ", " + name(way_names, way) + ", " + name(harm_names, harm) + " of " +
         name(target_names, target) + ':' + details;
}

void make_scene(const history& h, dice& random, scene& s) {
  s.recipe = {.ending = static_cast<ending>(random.below(ending_names.size())),
              .way = static_cast<way>(random.below(way_names.size())),
              .target = static_cast<target>(random.below(target_names.size())),
              .harm = static_cast<harm>(random.below(harm_names.size())),
              .details = {}};
  s.past = &h;
  traveller{h, s, random}.go();
  spoiler{h, s, random}.spoil();
  s.image = stage::save();
}

}  // namespace varve::testing::rescue
