#include "ctl/explain/other_settings.h"

#include <fmt/format.h>
#include <algorithm>

#include "config/keys/keys.h"
#include "config/sections/dynamic.h"
#include "config/sections/tags.h"
#include "config/validate.h"
#include "core/format.h"
#include "ctl/settings.h"

namespace tanist::ctl::explain {
namespace {

using ha::PolicySettings;

/// A key, where it stands, and what a decision reads of it.
struct Row {
  std::string_view key;
  config::Scope scope;
  void (*take)(PolicySettings& to, const PolicySettings& from);
};

template <auto Part, auto Field>
void take(PolicySettings& to, const PolicySettings& from) {
  to.*Part.*Field = from.*Part.*Field;
}
using Dynamic = PolicySettings::Dynamic;
using Tags = PolicySettings::Tags;
using Postgresql = PolicySettings::Postgresql;
template <auto Field>
constexpr auto kDynamic = take<&PolicySettings::dynamic, Field>;
template <auto Field>
constexpr auto kTag = take<&PolicySettings::tags, Field>;
template <auto Field>
constexpr auto kPostgresql = take<&PolicySettings::postgresql, Field>;

/// One of these two says what the other means.
void take_failover_tags(PolicySettings& to, const PolicySettings& from) {
  to.tags.nofailover = from.tags.nofailover;
  to.tags.failover_priority = from.tags.failover_priority;
}
void take_sync_tags(PolicySettings& to, const PolicySettings& from) {
  to.tags.nosync = from.tags.nosync;
  to.tags.sync_priority = from.tags.sync_priority;
}
void take_silent_primary_timeout(PolicySettings& to, const PolicySettings& from) {
  to.silent_primary_timeout = from.silent_primary_timeout;
}

constexpr auto kShared = config::Scope::dynamic;
constexpr auto kOwn = config::Scope::local;

constexpr Row kRows[] = {
    {"ttl", kShared, kDynamic<&Dynamic::timing>},
    {"loop_wait", kShared, kDynamic<&Dynamic::timing>},
    {"retry_timeout", kShared, kDynamic<&Dynamic::timing>},
    {"maximum_lag_on_failover", kShared, kDynamic<&Dynamic::maximum_lag_on_failover>},
    {"maximum_lag_on_syncnode", kShared, kDynamic<&Dynamic::maximum_lag_on_syncnode>},
    {"check_timeline", kShared, kDynamic<&Dynamic::check_timeline>},
    {"pause", kShared, kDynamic<&Dynamic::pause>},
    {"failsafe_mode", kShared, kDynamic<&Dynamic::failsafe_mode>},
    {"synchronous_mode", kShared, kDynamic<&Dynamic::synchronous_mode>},
    {"synchronous_mode_strict", kShared, kDynamic<&Dynamic::synchronous_strict>},
    {"synchronous_node_count", kShared, kDynamic<&Dynamic::synchronous_node_count>},
    {"primary_start_timeout", kShared, kDynamic<&Dynamic::primary_start_timeout>},
    {"primary_race_backoff", kShared, kDynamic<&Dynamic::primary_race_backoff>},
    {"member_slots_ttl", kShared, kDynamic<&Dynamic::member_slots_ttl>},
    {"tanist.short_lease", kShared, kDynamic<&Dynamic::timing>},
    {"tanist.synchronized_standby_slots", kShared, kDynamic<&Dynamic::standby_slots>},
    {"tanist.silent_primary_timeout", kOwn, take_silent_primary_timeout},
    {"tags.nofailover", kOwn, take_failover_tags},
    {"tags.failover_priority", kOwn, take_failover_tags},
    {"tags.nosync", kOwn, take_sync_tags},
    {"tags.sync_priority", kOwn, take_sync_tags},
    {"tags.nostream", kOwn, kTag<&Tags::nostream>},
    {"tags.replicatefrom", kOwn, kTag<&Tags::replicatefrom>},
    {"tags.zone", kOwn, kTag<&Tags::zone>},
    {"postgresql.use_pg_rewind", kOwn, kPostgresql<&Postgresql::use_pg_rewind>},
    {"postgresql.use_slots", kShared, kPostgresql<&Postgresql::use_slots>},
    {"postgresql.remove_data_directory_on_rewind_failure", kOwn,
     kPostgresql<&Postgresql::remove_data_directory_on_rewind_failure>},
    {"postgresql.remove_data_directory_on_diverged_timelines", kOwn,
     kPostgresql<&Postgresql::remove_data_directory_on_diverged_timelines>},
};

const Row* row_of(std::string_view key) {
  const auto found = std::ranges::find(kRows, key, &Row::key);
  return found == std::end(kRows) ? nullptr : found;
}

/// Of keys with one section at most.
void put(Document& map, std::string_view key, Document value) {
  const auto dot = key.find('.');
  if (dot == std::string_view::npos) {
    map.set(key, std::move(value));
    return;
  }
  Document* section = map.find(key.substr(0, dot));
  if (section == nullptr) section = &map.set(key.substr(0, dot), Document::map());
  section->set(key.substr(dot + 1), std::move(value));
}

std::string unknown(const std::string& key) {
  std::string out = config::find_key(key) == nullptr
                        ? fmt::format("unknown setting '{}'", key)
                        : fmt::format("no recorded decision can be made again with another '{}'", key);
  const auto near = config::nearest_word(key, OtherSettings::keys());
  if (near) return out + fmt::format("; did you mean '{}'?", *near);
  return out + fmt::format("\nHINT: these can be set: {}", fmt::join(OtherSettings::keys(), ", "));
}

/// What a decision would read of a configuration that has nothing else.
PolicySettings settings_of(const Document& dynamic, const Document& local) {
  config::Settings out;
  config::Problems ignored;
  const Document* tags = local.find("tags");
  out.tags = config::build_tags(tags != nullptr ? *tags : Document(), ignored);
  out.dynamic = config::build_dynamic(dynamic);
  const config::Reader reader(local, config::Scope::local);
  out.silent_primary_timeout = std::chrono::seconds(reader.integer("tanist.silent_primary_timeout"));
  auto& postgresql = out.postgresql;
  postgresql.use_pg_rewind = reader.boolean("postgresql.use_pg_rewind");
  postgresql.use_slots = config::Reader(dynamic, config::Scope::dynamic).boolean("postgresql.use_slots");
  postgresql.remove_data_directory_on_rewind_failure =
      reader.boolean("postgresql.remove_data_directory_on_rewind_failure");
  postgresql.remove_data_directory_on_diverged_timelines =
      reader.boolean("postgresql.remove_data_directory_on_diverged_timelines");
  return ha::policy_settings(out);
}

}  // namespace

std::vector<std::string> OtherSettings::keys() {
  std::vector<std::string> out;
  for (const auto& row : kRows) out.emplace_back(row.key);
  return out;
}

void OtherSettings::set(const std::string& key, Document value) {
  const Row* row = row_of(key);
  if (row == nullptr) throw Failure(unknown(key));
  if (!value.is_null()) {
    Document alone = Document::map();
    put(alone, key, value);
    config::Problems problems;
    config::validate(alone, row->scope, "", problems);
    const config::Key* declared = config::find_key(key, row->scope);
    // What Python takes for true is more than was meant.
    const bool no_truth = declared != nullptr && declared->type == config::Type::truth && !parse_bool(value);
    if (declared != nullptr && (no_truth || !problems.empty()))
      throw Failure(fmt::format("given {}, allowed: {}", config::describe(value, declared),
                                config::allowed_values(*declared)));
    if (!problems.empty()) throw Failure(problems.front().text);
    put(row->scope == config::Scope::dynamic ? dynamic_ : local_, key, std::move(value));
  }
  if (std::ranges::find(keys_, key) == keys_.end()) keys_.push_back(key);
}

PolicySettings OtherSettings::over(const PolicySettings& recorded, std::vector<std::string>& notes) const {
  const auto whole_seconds = [](Duration d) {
    return std::chrono::duration_cast<std::chrono::seconds>(d).count();
  };
  const auto& timing = recorded.dynamic.timing;
  Document dynamic = Document::map({{"ttl", std::int64_t(whole_seconds(timing.ttl))},
                                    {"loop_wait", std::int64_t(whole_seconds(timing.loop_wait))},
                                    {"retry_timeout", std::int64_t(whole_seconds(timing.retry_timeout))}});
  for (const auto& key : keys_)
    if (dynamic.find(key) != nullptr) dynamic.erase(key);
  for (const auto& [key, value, line] : dynamic_.entries()) dynamic.set(key, value);
  config::Problems problems;
  const auto accepted = config::accept_dynamic(dynamic, problems);
  if (!accepted) throw Failure("members would refuse these settings: " + accepted.error());
  for (const auto& problem : problems) notes.push_back(config::to_string(problem));
  const PolicySettings other = settings_of(*accepted, local_);
  PolicySettings out = recorded;
  for (const auto& key : keys_) row_of(key)->take(out, other);
  return out;
}

}  // namespace tanist::ctl::explain
