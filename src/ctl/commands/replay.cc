#include "ctl/commands/replay.h"

#include <fmt/format.h>
#include <algorithm>
#include <ostream>
#include <set>

#include "config/addresses.h"
#include "config/yaml/yaml.h"
#include "core/format.h"
#include "ctl/explain/other_settings.h"
#include "ctl/explain/replay.h"
#include "ctl/files.h"
#include "ctl/show/records.h"
#include "ctl/show/yaml_writer.h"

namespace tanist::ctl {

namespace {

explain::OtherSettings settings_of(const std::vector<std::string>& pairs) {
  explain::OtherSettings out;
  for (const auto& pair : pairs) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos) throw Failure(fmt::format("--with {}: KEY=VALUE is expected", pair));
    config::Problems warnings;
    auto value = config::parse_yaml(pair.substr(equals + 1), pair, warnings);
    if (!value) throw Failure(config::to_string(value.error()));
    try {
      out.set(std::string(config::trim(std::string_view(pair).substr(0, equals))), *std::move(value));
    } catch (const Failure& failure) {
      throw Failure(fmt::format("--with {}: {}", pair, failure.what()));
    }
  }
  return out;
}

std::string shown(const std::vector<explain::Replayed>& all, const ReplayCommand& command,
                  const Terminal& terminal) {
  if (command.format == Format::json) return to_spaced_json(explain::document_of(all)) + '\n';
  if (command.format == Format::yaml) return to_yaml(explain::document_of(all));
  if (command.format != Format::tsv)
    return explain::told(all, command.all, terminal.out_is_terminal && terminal.colours);
  Records records{.columns = {{"At"}, {"Member"}, {"Recorded"}, {"Decided"}, {"Differs"}}};
  for (const auto& one : all)
    records.rows.push_back({one.at, one.member, one.recorded ? one.recorded->code : "", one.decided.code,
                            fmt::format("{}", fmt::join(one.differs, ","))});
  return format_records(records, Format::tsv);
}

}  // namespace

Ending run_replay(const ReplayCommand& command, const Terminal& terminal) {
  const auto with = settings_of(command.with);
  const auto recorded = explain::read_recorded(read_file_or_input(command.file, terminal),
                                               command.file == "-" ? "<stdin>" : command.file);
  std::vector<explain::Replayed> all;
  std::set<std::string> told;
  for (const auto& each : recorded) {
    std::vector<std::string> notes;
    all.push_back(explain::replay(each, with, notes));
    for (const auto& note : notes)
      if (told.insert(note).second) warn(terminal, note);
  }
  terminal.out << shown(all, command, terminal) << std::flush;
  const bool differ = std::ranges::any_of(all, [](const auto& one) { return !one.differs.empty(); });
  return with.empty() && differ ? Ending::failed : Ending::done;
}

namespace {

constexpr cli::Argument kRecord{
    .name = "FILE",
    .help =
        "A journal (STATE_DIR/journal.jsonl), an answer of GET /journal, or a View; "
        "- for standard input",
    .required = true,
    .type = cli::Type::file};
constexpr cli::Option kWith{.names = "--with",
                            .help = "Decide with another value of a setting; may be repeated",
                            .value = "KEY=VALUE",
                            .repeated = true};
constexpr cli::Option kWhole{.names = "--all", .help = "Show the decisions that do not differ, too"};

Ending call_replay(const Call& call) {
  return run_replay({.file = call.given.text(kRecord),
                     .with = call.given.texts(kWith),
                     .all = call.given.has(kWhole),
                     .format = format_named(call.given.text(kFormat, "pretty"))},
                    call.around.terminal);
}

}  // namespace

Command replay_command() {
  return {.line = {.name = "replay",
                   .help = "Decide again on what members have recorded, maybe with other settings",
                   .arguments = {kRecord},
                   .options = {kWith, kWhole, kFormat},
                   .footer =
                       "A decision follows from what was known alone, so this version says whether it would "
                       "decide as the\n"
                       "recorded one did, and what it would have decided with other settings. Nothing is "
                       "asked of anybody.\n"
                       "Examples:\n"
                       "  replay /var/lib/postgresql/15/shop.tanist/journal.jsonl\n"
                       "  replay journal.jsonl --with maximum_lag_on_failover=0 --with tags.nofailover=true\n"
                       "  curl -su admin http://10.1.0.12:8008/journal | tanistctl replay - --all\n"
                       "Settings are named as in the configuration; docs/reasons.md has a paragraph for each "
                       "code."},
          .run = call_replay};
}

}  // namespace tanist::ctl
