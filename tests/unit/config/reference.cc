#include "unit/config/reference.h"

#include <string_view>
#include <vector>

#include "config/keys/keys.h"
#include "config/sections/controlled.h"
#include "core/format.h"

namespace tanist::config {
namespace {

constexpr std::string_view kIntroduction = R"(# Configuration

<!-- Generated from the table of keys in src/config/keys/*.cc. To renew it:
     TANIST_UPDATE_DOCS=1 build/dev/bin/unit_config_test --gtest_filter='Reference.*' -->

`tanist CONFIG` reads a YAML file, or a directory whose `.yml` and `.yaml` files are merged in the order of their
names (null removes a key of an earlier file). YAML means YAML 1.1 as PyYAML reads it. Environment variables win over
files: each is named `TANIST_` or `PATRONI_` and the name in the tables below, and `TANIST_` wins. Without a file,
`PATRONI_CONFIGURATION` may hold the whole YAML text. A file that is named but missing is an error; with
`TANIST_MISSING_CONFIG=environment` the environment alone is used instead.

`tanist --validate-config CONFIG` checks a configuration and this host without starting anything: values, addresses and
ports, PostgreSQL's programs, the data directory, TLS files, lines of pg_hba.conf (`-i` allows ports in use, `--offline`
asks nothing of the network, `--json` answers for programs, `--print` shows the result with passwords masked).
`tanist --generate-sample-config` writes a configuration to begin with, `tanist --generate-config --dsn DSN` that of a
PostgreSQL that runs.

The dynamic configuration lies in the store under `/config` and is the same for all members; `bootstrap.dcs` is what a
new cluster begins with. Local values win over dynamic ones, except for the keys that only one of them may hold.

A value of the wrong type or out of range ends the start with an error, and a reload changes nothing then; an unknown
key is a warning. Keys marked
*no effect* are recognised, and a warning says that this version does nothing with them; keys marked *refused* end the
start, because ignoring them would be unsafe.

Columns: *Change* is what a new value needs to have effect: a **reload**, a restart of **PostgreSQL** or of the
**daemon**, or nothing but a new cluster (**bootstrap**).
)";

std::string_view change(Reload reload) {
  switch (reload) {
    case Reload::reload: return "reload";
    case Reload::restart_postgresql: return "PostgreSQL";
    case Reload::restart_daemon: return "daemon";
    case Reload::bootstrap: return "bootstrap";
  }
  return "";
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string about(const Key& key) {
  std::string out(key.about);
  if (key.required) out += " Required.";
  if (key.scope == Scope::both) out += " May also stand in the dynamic configuration.";
  if (key.clamped) out += " A smaller value is raised.";
  if (key.effect == Effect::none && !key.judge) out += " *No effect.*";
  if (key.effect == Effect::none && key.judge) out += " Other values: *no effect.*";
  if (key.effect == Effect::refused) out += " *Refused* where it would matter.";
  return out;
}

void append_row(std::string& out, const Key& key, bool local) {
  const std::string fallback = key.fallback.empty() ? "" : fmt::format("`{}`", escaped(key.fallback));
  out += fmt::format("| `{}` | {} | {} |", key.path, allowed_values(key), fallback);
  if (local) out += fmt::format(" {} |", change(key.reload));
  if (local) out += key.environment.empty() ? " |" : fmt::format(" `{}` |", key.environment);
  out += fmt::format(" {} |\n", escaped(about(key)));
}

void append_table(std::string& out, const std::vector<const Key*>& rows, bool local) {
  if (rows.empty()) return;
  out += local ? "| Key | Value | Default | Change | Environment | Meaning |\n|---|---|---|---|---|---|\n"
               : "| Key | Value | Default | Meaning |\n|---|---|---|---|\n";
  for (const Key* key : rows) append_row(out, *key, local);
}

std::string_view top(std::string_view path) {
  return path.substr(0, path.find('.'));
}

std::string controlled_table() {
  std::string out =
      "\n## Controlled PostgreSQL parameters\n\nThese must be the same on all members: they count only in "
      "the dynamic "
      "configuration, under `postgresql.parameters`, and\nare given to PostgreSQL on its command line.\n\n"
      "| Parameter | Default | Smallest | On the command line |\n|---|---|---|---|\n";
  for (const auto& parameter : controlled_parameters()) {
    const bool derived = parameter.rule == Controlled::Rule::never;
    const bool number =
        parameter.rule == Controlled::Rule::integer || parameter.rule == Controlled::Rule::megabytes;
    out += fmt::format("| `{}` | {} | {} | {} |\n", parameter.name,
                       derived ? "from other keys" : fmt::format("`{}`", parameter.fallback),
                       number ? fmt::format("{}{}", parameter.min,
                                            parameter.rule == Controlled::Rule::megabytes ? " MB" : "")
                              : "",
                       parameter.on_command_line ? "yes" : "no");
  }
  return out;
}

}  // namespace

std::string reference_page() {
  std::string out(kIntroduction);
  std::vector<const Key*> general, dynamic;
  for (const auto& key : keys()) {
    const bool section = key.type == Type::section;
    if (key.scope == Scope::dynamic) {
      dynamic.push_back(&key);
    } else if (!section && key.path.find('.') == std::string::npos) {
      general.push_back(&key);
    }
  }
  out += "\n## Top level\n\n";
  append_table(out, general, true);
  for (const auto& section : keys()) {
    if (section.type != Type::section || section.path.find('.') != std::string::npos) continue;
    if (section.scope == Scope::dynamic) continue;
    out += fmt::format("\n## {}\n\n{}\n\n", section.path, section.about);
    std::vector<const Key*> rows;
    for (const auto& key : keys())
      if (key.scope != Scope::dynamic && key.path != section.path && top(key.path) == section.path &&
          (key.type != Type::section || key.effect != Effect::full))
        rows.push_back(&key);
    append_table(out, rows, true);
  }
  out +=
      "\n## Dynamic configuration\n\nApplied by every member as soon as it sees the change. Besides these, "
      "the keys of `postgresql` that say so above.\n\n";
  append_table(out, dynamic, false);
  return out + controlled_table();
}

}  // namespace tanist::config
