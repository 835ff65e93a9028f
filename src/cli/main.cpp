// SPDX-License-Identifier: MIT
//
// varve - the tool: make, fill, read and check logs from the shell. Layer tool, a thin shell over include/varve.
//
// Standard output carries results, standard error what went wrong. What the exit codes mean: exit_code.hpp.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <new>
#include <span>
#include <sstream>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/failure.hpp"
#include "cli/output.hpp"
#include "cli/verbs.hpp"

#ifndef VARVE_VERSION
#define VARVE_VERSION "(unknown version)"
#endif

namespace varve::cli {
namespace {

struct verb {
  const char* name;
  const char* purpose;
  action (*set_up)(CLI::App&);
};

constexpr std::array verbs = {
    verb{"create", "Make an empty log", set_up_create},
    verb{"append", "Append records from a file or from standard input", set_up_append},
    verb{"cat", "Print records in order", set_up_cat},
    verb{"get", "Print one record by its number", set_up_get},
    verb{"tail", "Print the last records, and follow the log", set_up_tail},
    verb{"ls", "List the segments", set_up_ls},
    verb{"stat", "Say what a log holds, who writes it, and what the next open would do", set_up_stat},
    verb{"verify", "Read every byte and name what is damaged; changes nothing", set_up_verify},
    verb{"recover", "Open a log and close it, and say what was found and done", set_up_recover},
    verb{"salvage", "Get what can still be read of a damaged log into a new one", set_up_salvage},
    verb{"upgrade", "Make a log of this version out of one that varve 0.1 made", set_up_upgrade},
    verb{"copy", "Rewrite a log with other settings, under the same sequences", set_up_copy},
    verb{"index", "Make the indexes again", set_up_index},
    verb{"trim", "Drop the oldest records", set_up_trim},
    verb{"truncate", "Drop the newest records, or all of them", set_up_truncate},
    verb{"retain", "Drop the oldest segments by rules, or say what would go, and why", set_up_retain},
    verb{"backup", "Copy a log, also while it is written", set_up_backup},
    verb{"archive", "Keep verified copies of all sealed segments, compressed if wanted", set_up_archive},
    verb{"expand", "Make a log out of an archive", set_up_expand},
    verb{"bench", "Measure how fast a log is on this machine, in this directory", set_up_bench},
    verb{"completion", "Print a script that completes command lines in a shell", set_up_completion},
};

// With a standard descriptor closed, the next file opened would take its number, and text meant for people would be
// written into a segment. The stand-ins are open the wrong way round, so that use of the first two is an error.
void occupy_standard_descriptors() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) == -1) {
      static_cast<void>(::open("/dev/null", descriptor == STDOUT_FILENO ? O_RDONLY : O_WRONLY));
    }
  }
}

// CLI11 has not parsed the command line when it is wrong.
bool wants_json(std::span<char* const> arguments) {
  for (const std::string_view argument : arguments) {
    if (argument == "--") break;
    if (argument == "--json") return true;
  }
  return false;
}

// Help and version are results like others: checked output, not std::cout.
exit_code answer(const CLI::App& app, const CLI::ParseError& e, bool json, output& out) {
  if (e.get_exit_code() == 0) {
    std::ostringstream results;
    app.exit(e, results, results);
    out.write(results.str());
    return exit_code::fine;
  }
  const bool no_verb = app.get_subcommands().empty();
  std::string message = no_verb && app.remaining_size() != 0
                            ? fmt::format("there is no verb or option {}", app.remaining().front())
                            : e.what();
  std::ranges::replace(message, '\n', ' ');
  const std::string verb = no_verb ? "" : app.get_subcommands().front()->get_name();
  report(usage_failure("usage", fmt::format("{}; see varve {}{}--help", message, verb, no_verb ? "" : " ")), verb, json);
  return exit_code::usage;
}

exit_code run(std::span<char*> arguments, output& out) {
  CLI::App app{"varve - append-only logs in memory-mapped segments", "varve"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "varve " VARVE_VERSION);
  set_footer(app,
             "  varve append log < records.txt\n"
             "  varve cat log --from 10 --limit 5\n");
  std::array<action, verbs.size()> actions;
  std::ranges::transform(verbs, actions.begin(),
                         [&app](const verb& v) { return v.set_up(*app.add_subcommand(v.name, v.purpose)); });

  const bool json = wants_json(arguments);
  std::string_view name;
  try {
    app.parse(static_cast<int>(arguments.size()), arguments.data());
    const auto chosen = std::ranges::find_if(verbs, [&app](const verb& v) { return app.got_subcommand(v.name); });
    name = chosen->name;
    const exit_code code = actions[static_cast<std::size_t>(chosen - verbs.begin())](out);
    out.flush();
    return code;
  } catch (const CLI::ParseError& e) {
    const exit_code code = answer(app, e, json, out);
    out.flush();
    return code;
  } catch (const failure& f) {
    // What was printed before it went wrong is part of the answer; that it could not be written is not the first failure.
    try {
      out.flush();
    } catch (...) {  // NOLINT(bugprone-empty-catch)
    }
    report(f, name, json);
    return f.exit;
  }
}

exit_code run_guarded(std::span<char*> arguments) {
  output out(STDOUT_FILENO);
  failure f;
  try {
    return run(arguments, out);
  } catch (const closed_pipe&) {
    return exit_code::closed_pipe;
  } catch (const failure& from_output) {
    f = from_output;
  } catch (const std::bad_alloc&) {
    f.code = name_of(errc::out_of_memory);
    f.message = "out of memory";
  } catch (const std::exception& e) {
    f.code = name_of(errc::bug);
    f.message = e.what();
  }
  report(f, "", wants_json(arguments));
  return f.exit;
}

}  // namespace
}  // namespace varve::cli

int main(int count, char** arguments) {
  varve::cli::occupy_standard_descriptors();
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  return static_cast<int>(varve::cli::run_guarded({arguments, static_cast<std::size_t>(count)}));
}
