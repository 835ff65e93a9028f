// SPDX-License-Identifier: MIT
//
// key_value_store DIRECTORY set KEY VALUE | del KEY | get KEY | list
//
// A key-value store whose only durable thing is a log: every change is one record, and the map in memory is what the records
// add up to. When `set` has returned the change survives a power loss.
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <varve/varve.hpp>

namespace {

class store {
 public:
  explicit store(const char* directory) : log_{must(varve::log::open(directory, {.durability = varve::immediate()}))} {
    for (const auto& record : log_.records()) {
      if (!record) throw std::runtime_error(record.error().message());  // damage: better no answer than a wrong one
      apply(record->type(), record->text());
    }
  }

  void set(std::string_view key, std::string_view value) { change(set_type, std::string{key} + '\0' + std::string{value}); }
  void remove(std::string_view key) { change(remove_type, std::string{key}); }
  [[nodiscard]] const std::map<std::string, std::string>& all() const noexcept { return map_; }

 private:
  static constexpr std::uint16_t set_type = 1, remove_type = 2;

  template <class T>
  static T must(varve::result<T> r) {
    if (!r) throw std::runtime_error(r.error().message());
    return std::move(*r);
  }

  // The log first: the map must never show what may be lost.
  void change(std::uint16_t type, const std::string& payload) {
    must(log_.append(payload, {.type = type}));
    apply(type, payload);
  }
  void apply(std::uint16_t type, std::string_view payload) {
    if (type == remove_type) {
      map_.erase(std::string{payload});
    } else if (const auto end = payload.find('\0'); type == set_type && end != std::string_view::npos) {
      map_[std::string{payload.substr(0, end)}] = payload.substr(end + 1);
    }
  }

  varve::log log_;
  std::map<std::string, std::string> map_;
};

int run(int argc, char** argv) {
  const std::string_view verb = argc > 2 ? argv[2] : "";
  if (!((verb == "set" && argc == 5) || ((verb == "get" || verb == "del") && argc == 4) || (verb == "list" && argc == 3)))
    return std::fputs("usage: key_value_store DIRECTORY set KEY VALUE | del KEY | get KEY | list\n", stderr), 2;
  store s{argv[1]};
  if (verb == "set") s.set(argv[3], argv[4]);
  if (verb == "del") s.remove(argv[3]);
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
