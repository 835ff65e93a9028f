// SPDX-License-Identifier: MIT
//
// key_value_store DIRECTORY set KEY VALUE | del KEY | get KEY | list | checkpoint
//
// A key-value store: every change is one record of a log, and the map in memory is what the records add up to. When `set`
// has returned the change survives a power loss. A checkpoint puts what they add up to into DIRECTORY.snapshot; the log then
// drops them, and an open replays only what came behind.
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <varve/varve.hpp>

namespace {

constexpr std::uint16_t set_type = 1, remove_type = 2;

using table = std::map<std::string, std::string>;

void apply(table& to, std::uint16_t type, std::string_view payload) {
  if (type == remove_type) {
    to.erase(std::string{payload});
  } else if (const auto end = payload.find('\0'); type == set_type && end != std::string_view::npos) {
    to[std::string{payload.substr(0, end)}] = payload.substr(end + 1);
  }
}

/// A table in a file, of which there is always a whole one: a new one is durable before it gets the name.
class snapshot {
 public:
  explicit snapshot(std::filesystem::path file) : file_(std::move(file)) {}

  [[nodiscard]] table load() const {
    table all;
    std::ifstream in{file_, std::ios::binary};
    for (std::string key, value; std::getline(in, key, '\0') && std::getline(in, value, '\0');) all[key] = value;
    return all;
  }
  [[nodiscard]] bool save(const table& all) const {
    auto part = file_;
    part += ".part";
    {
      std::ofstream out{part, std::ios::binary | std::ios::trunc};
      for (const auto& [key, value] : all) out << key << '\0' << value << '\0';
      if (!out.flush()) return false;
    }
    std::error_code failed;
    if (!is_synced(part, O_WRONLY)) return false;
    std::filesystem::rename(part, file_, failed);
    return !failed && is_synced(std::filesystem::absolute(file_).parent_path(), O_RDONLY | O_DIRECTORY);
  }

 private:
  static bool is_synced(const std::filesystem::path& what, int flags) {
    const int descriptor = ::open(what.c_str(), flags);
    const bool done = descriptor >= 0 && ::fsync(descriptor) == 0;
    if (descriptor >= 0) ::close(descriptor);
    return done;
  }
  std::filesystem::path file_;
};

class store {
 public:
  explicit store(const std::string& directory)
      : snapshot_{directory + ".snapshot"}, map_{snapshot_.load()}, log_{must(open(directory))} {}

  void set(std::string_view key, std::string_view value) { change(set_type, std::string{key} + '\0' + std::string{value}); }
  void remove(std::string_view key) { change(remove_type, std::string{key}); }
  void checkpoint() { must(log_.checkpoint()); }
  [[nodiscard]] const table& all() const noexcept { return map_; }

 private:
  template <class T>
  static T must(varve::result<T> r) {
    if (!r) throw std::runtime_error(r.error().message());
    return std::move(*r);
  }

  // The log first: the map must never show what may be lost.
  void change(std::uint16_t type, const std::string& payload) {
    must(log_.append(payload, {.type = type}));
    apply(map_, type, payload);
  }

  varve::result<varve::log> open(const std::string& directory) {
    varve::log_options options{.durability = varve::immediate()};
    // Damage ends the open: better no answer than a wrong one.
    options.on_recovery.record = [this](const varve::record& r) {
      apply(map_, r.type(), r.text());
      return true;
    };
    // In a thread of the log's own, which does not touch map_.
    options.checkpoint.save = [this](const varve::checkpoint_request& r) {
      table all = snapshot_.load();
      while (r.records.position() <= r.last) {
        const auto record = r.records.next();
        if (!record || !*record) return false;
        apply(all, (*record)->type(), (*record)->text());
      }
      return snapshot_.save(all);
    };
    return varve::log::open(directory, options);
  }

  snapshot snapshot_;
  table map_;
  varve::log log_;
};

int run(int argc, char** argv) {
  const std::string_view verb = argc > 2 ? argv[2] : "";
  if (!((verb == "set" && argc == 5) || ((verb == "get" || verb == "del") && argc == 4) ||
        ((verb == "list" || verb == "checkpoint") && argc == 3)))
    return std::fputs("usage: key_value_store DIRECTORY set KEY VALUE | del KEY | get KEY | list | checkpoint\n", stderr), 2;
  store s{argv[1]};
  if (verb == "set") s.set(argv[3], argv[4]);
  if (verb == "del") s.remove(argv[3]);
  if (verb == "checkpoint") s.checkpoint();
  if (verb == "list")
    for (const auto& [key, value] : s.all()) std::printf("%s=%s\n", key.c_str(), value.c_str());
  if (verb == "get") {
    const auto found = s.all().find(argv[3]);
    if (found == s.all().end()) return 1;
    std::puts(found->second.c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    return std::fprintf(stderr, "key_value_store: %s\n", e.what()), 1;
  }
}
