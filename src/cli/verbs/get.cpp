// SPDX-License-Identifier: MIT
//
// varve get - print one record by its number.

#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include <varve/log_view.hpp>

#include "cli/failure.hpp"
#include "cli/opening.hpp"
#include "cli/readable_directory.hpp"
#include "cli/record_format.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

struct get_options {
  std::string directory, format = "text";
  std::uint64_t sequence = 0;
};

exit_code get(const get_options& options, output& out) {
  readable_directory there(options.directory);
  const log_view view = open_to_read(there.path());
  write_record(out, options.format, shown(take(there.reading([&] { return view.read({options.sequence}); }))));
  return exit_code::fine;
}

}  // namespace

action set_up_get(CLI::App& app) {
  const auto options = std::make_shared<get_options>();
  add_directory(app, options->directory);
  app.add_option("S", options->sequence, "The record's sequence; the first is 1")
      ->required()
      ->transform(number_between(1, sequence_max))
      ->option_text(" ");
  add_format(app, options->format);
  set_footer(app, "  varve get orders 4711 --format hex\n");
  return [options](output& out) { return get(*options, out); };
}

}  // namespace varve::cli
