// SPDX-License-Identifier: MIT
//
// varve completion - scripts for shells, made from the tool's own verbs and options, so that they cannot fall behind.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

struct flag {
  std::string name;  // without dashes
  bool is_long;
  bool has_value;
  std::string purpose;  // its first sentence
};

struct command {
  std::string name, purpose;
  std::vector<flag> flags;
};

/// What a shell shows beside a word: one line, without what the shells' quoting would have to hide.
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text.substr(0, text.find(". "))) {
    if (c == '\n') break;
    if (std::string_view{"'\"`$\\[]:"}.find(c) == std::string_view::npos) line += c;
  }
  return line;
}

std::vector<flag> flags_of(const CLI::App& app) {
  std::vector<flag> flags;
  for (const CLI::Option* o : app.get_options()) {
    if (o->get_group().empty()) continue;  // only there to be refused
    const bool has_value = o->get_items_expected_max() != 0;
    for (const auto& name : o->get_lnames()) flags.push_back({name, true, has_value, one_line(o->get_description())});
    for (const auto& name : o->get_snames()) flags.push_back({name, false, has_value, one_line(o->get_description())});
  }
  return flags;
}

std::vector<command> commands_of(const CLI::App& tool) {
  std::vector<command> commands;
  for (const CLI::App* verb : tool.get_subcommands([](const CLI::App*) { return true; }))
    commands.push_back({verb->get_name(), one_line(verb->get_description()), flags_of(*verb)});
  return commands;
}

std::string dashed(const flag& f) { return (f.is_long ? "--" : "-") + f.name; }

std::string for_bash(const std::vector<command>& commands) {
  std::string verbs, cases;
  for (const auto& c : commands) {
    verbs += c.name + " ";
    std::string words;
    for (const auto& f : c.flags) words += " " + dashed(f);
    cases += fmt::format("    {}) words='{}' ;;\n", c.name, words.substr(1));
  }
  return fmt::format(R"(_varve() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} words=
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W '{}--help --version' -- "$word")
    return
  fi
  case ${{COMP_WORDS[1]}} in
{}  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  else
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}}
complete -F _varve varve
)",
                     verbs, cases);
}

std::string for_zsh(const std::vector<command>& commands) {
  std::string verbs, cases;
  for (const auto& c : commands) {
    verbs += fmt::format("    '{}:{}'\n", c.name, c.purpose);
    cases += fmt::format("    {}) _arguments", c.name);
    for (const auto& f : c.flags)
      cases += fmt::format(" \\\n      '{}[{}]{}'", dashed(f), f.purpose, f.has_value ? ":value:_files" : "");
    cases += " \\\n      '*:file:_files' ;;\n";
  }
  return fmt::format(R"(#compdef varve
_varve() {{
  local -a verbs=(
{}  )
  if ((CURRENT == 2)); then
    _describe verb verbs
    return
  fi
  local verb=$words[2]
  shift words
  ((CURRENT--))
  case $verb in
{}  esac
}}
compdef _varve varve
)",
                     verbs, cases);
}

std::string for_fish(const std::vector<command>& commands) {
  std::string lines;
  for (const auto& c : commands)
    lines += fmt::format("complete -c varve -n __fish_use_subcommand -f -a {} -d '{}'\n", c.name, c.purpose);
  for (const auto& c : commands)
    for (const auto& f : c.flags)
      lines += fmt::format("complete -c varve -n '__fish_seen_subcommand_from {}' -{} {} {}-d '{}'\n", c.name,
                           f.is_long ? "l" : "s", f.name, f.has_value ? "-r " : "", f.purpose);
  return lines;
}

}  // namespace

action set_up_completion(CLI::App& app) {
  const auto shell = std::make_shared<std::string>();
  app.add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  set_footer(app,
             "  eval \"$(varve completion bash)\"\n"
             "  varve completion fish > ~/.config/fish/completions/varve.fish\n");
  return [&app, shell](output& out) {
    const auto commands = commands_of(*app.get_parent());
    out.write(*shell == "bash" ? for_bash(commands) : *shell == "zsh" ? for_zsh(commands) : for_fish(commands));
    return exit_code::fine;
  };
}

}  // namespace varve::cli
