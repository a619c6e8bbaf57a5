#include "api/metrics.h"

#include <gtest/gtest.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

#include "core/format.h"
#include "core/version.h"
#include "unit/api/snapshots.h"

namespace tanist::api {
namespace {

using namespace test;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string text_of(const ha::Snapshot& s, MetricsForm form = MetricsForm::prometheus, Instant now = kNow) {
  const MemberStatus o = member_status(s, now);
  return lasting_metrics(o, form) + momentary_metrics(o, now, form);
}

struct Family {
  std::string type;
  std::string help;
  /// Labels beside scope and name, with the suffix before them: value.
  std::map<std::string, double> samples;
};

/// Reads an exposition as strictly as the standards allow: each family once, HELP and TYPE first, its samples
/// together, no sample twice, every label quoted, every value a number; OpenMetrics ends with `# EOF`, and
/// has no comments.
struct Exposition {
  Exposition(const std::string& text, MetricsForm form) {
    const bool open = form == MetricsForm::openmetrics;
    EXPECT_TRUE(text.ends_with(open ? "\n# EOF\n" : "\n"));
    std::istringstream in(text);
    std::string current;
    bool ended = false;
    for (std::string line; std::getline(in, line);) {
      EXPECT_FALSE(ended) << "after the end: " << line;
      std::smatch m;
      static const std::regex kHelp(R"(# HELP ([a-z_0-9]+) (\S.*))");
      static const std::regex kType(R"(# TYPE ([a-z_0-9]+) (\w+))");
      static const std::regex kSample(
          R"re(([a-z_0-9]+)\{scope="((?:[^"\\]|\\.)*)",name="((?:[^"\\]|\\.)*)",?(.*)\} (\S+))re");
      static const std::regex kLabels(
          R"re((?:(?:[a-z]+="(?:[^"\\]|\\[\\"n])*",)*[a-z]+="(?:[^"\\]|\\[\\"n])*")?)re");
      if (std::regex_match(line, m, kHelp)) {
        current = m[1];
        EXPECT_TRUE(families.emplace(current, Family{{}, m[2], {}}).second) << "twice: " << line;
      } else if (std::regex_match(line, m, kType)) {
        EXPECT_EQ(m[1], current) << line;
        families[current].type = m[2];
      } else if (line == "# EOF") {
        EXPECT_TRUE(open);
        ended = true;
      } else if (line.starts_with("# ")) {
        EXPECT_FALSE(open) << line;
      } else if (std::regex_match(line, m, kSample)) {
        const std::string name = m[1];
        if (!name.starts_with(current)) {
          ADD_FAILURE() << line << " stands below " << current;
          continue;
        }
        const std::string suffix = name.substr(current.size());
        auto& family = families[current];
        const std::set<std::string> allowed =
            family.type == "histogram"         ? std::set<std::string>{"_bucket", "_sum", "_count"}
            : family.type == "summary"         ? std::set<std::string>{"_sum", "_count"}
            : open && family.type == "counter" ? std::set<std::string>{"_total"}
                                               : std::set<std::string>{""};
        EXPECT_TRUE(allowed.contains(suffix)) << line;
        EXPECT_TRUE(std::regex_match(m[4].str(), kLabels)) << line;
        const std::string number = m[5];
        double value = 0;
        const auto [end, ec] = std::from_chars(number.data(), number.data() + number.size(), value);
        EXPECT_TRUE(ec == std::errc() && end == number.data() + number.size()) << line;
        EXPECT_TRUE(family.samples.emplace(suffix + m[4].str(), value).second) << "twice: " << line;
        scopes.insert(m[2]);
        names.insert(m[3]);
      } else {
        ADD_FAILURE() << "no line of an exposition: " << line;
      }
    }
    EXPECT_EQ(ended, open);
    for (const auto& [name, family] : families) {
      EXPECT_FALSE(family.type.empty()) << name;
      EXPECT_FALSE(family.samples.empty()) << name;
    }
  }

  std::optional<double> value(const std::string& name, const std::string& labels = {}) const {
    const auto family = families.find(name);
    if (family == families.end()) return std::nullopt;
    const auto sample = family->second.samples.find(labels);
    return sample == family->second.samples.end() ? std::nullopt : std::optional(sample->second);
  }

  std::map<std::string, Family> families;
  std::set<std::string> scopes;
  std::set<std::string> names;
};

Exposition read(const ha::Snapshot& s, MetricsForm form = MetricsForm::prometheus, Instant now = kNow) {
  return Exposition(text_of(s, form, now), form);
}

/// Samples of Patroni's metrics alone, without their labels; types stand before them.
std::string patronis(const ha::Snapshot& s) {
  std::istringstream in(text_of(s));
  std::string out;
  for (std::string line; std::getline(in, line);) {
    constexpr std::string_view kLabels = R"({scope="shop",name="pg)";
    if (line.starts_with("# TYPE patroni_")) out += line.substr(7) + ": ";
    if (!line.starts_with("patroni_")) continue;
    const auto brace = line.find('{');
    EXPECT_EQ(line.substr(brace, kLabels.size()), kLabels);
    out += line.substr(line.find("} ") + 2) + "\n";
  }
  return out;
}

/// rest-api.md §6: names, types and order.
TEST(Metrics, a_primary_under_the_names_of_patroni) {
  EXPECT_EQ(patronis(primary()), R"(patroni_version gauge: 040104
patroni_postgres_running gauge: 1
patroni_postmaster_start_time gauge: 1930367167.891234
patroni_primary gauge: 1
patroni_xlog_location counter: 117440664
patroni_standby_leader gauge: 0
patroni_replica gauge: 0
patroni_sync_standby gauge: 0
patroni_quorum_standby gauge: 0
patroni_xlog_received_location counter: 0
patroni_xlog_replayed_location counter: 0
patroni_xlog_replayed_timestamp gauge: 0
patroni_xlog_paused gauge: 0
patroni_postgres_streaming gauge: 0
patroni_postgres_in_archive_recovery gauge: 0
patroni_postgres_server_version gauge: 170002
patroni_cluster_unlocked gauge: 0
patroni_failsafe_mode_is_active gauge: 0
patroni_failsafe_mode_enabled gauge: 0
patroni_failsafe_member gauge: 0
patroni_postgres_timeline gauge: 4
patroni_dcs_last_seen gauge: 1930000000
patroni_pending_restart gauge: 0
patroni_is_paused gauge: 0
patroni_postgres_state gauge: 5
patroni_failover_priority gauge: 1
)");
}

TEST(Metrics, a_synchronous_standby_says_so) {
  auto s = replica();
  change(s).dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
  change_view(s).sync.leader = "pga";
  change_view(s).sync.voters = {"pgb"};
  EXPECT_EQ(read(s).value("patroni_sync_standby"), 1);
  EXPECT_EQ(read(s).value("patroni_quorum_standby"), 0);
  change_view(s).sync.voters = {"pgc"};
  EXPECT_EQ(read(s).value("patroni_sync_standby"), 0);
}

TEST(Metrics, a_replica_tells_what_it_received_and_replayed) {
  auto s = replica();
  s.facts.probe->replayed_timestamp = "2031-03-04 07:08:00.5+02:00";
  s.facts.probe->replay_paused = true;
  s.facts.pending_restart["max_connections"] = {};
  s.paused = true;
  auto& settings = change(s);
  settings.dynamic.synchronous_mode = config::Dynamic::SyncMode::quorum;
  settings.dynamic.failsafe_mode = true;
  settings.tags.failover_priority = 3;
  auto& view = change_view(s);
  view.sync.leader = "pga";
  view.sync.voters = {"pgb"};
  view.failsafe.emplace()["pgb"] = "http://10.1.0.12:8008/patroni";
  const Exposition seen = read(s);
  for (const auto& [name, value] : std::map<std::string, double>{
           {"patroni_primary", 0},
           {"patroni_replica", 1},
           {"patroni_xlog_location", 0},
           {"patroni_xlog_received_location", 117440664},
           {"patroni_xlog_replayed_location", 117440512},
           {"patroni_xlog_replayed_timestamp", 1930367280.5},
           {"patroni_xlog_paused", 1},
           {"patroni_postgres_streaming", 1},
           {"patroni_postgres_in_archive_recovery", 0},
           {"patroni_quorum_standby", 1},
           {"patroni_sync_standby", 0},
           {"patroni_failsafe_mode_enabled", 1},
           {"patroni_failsafe_member", 1},
           {"patroni_postgres_timeline", 4},
           {"patroni_pending_restart", 1},
           {"patroni_is_paused", 1},
           {"patroni_failover_priority", 3},
           {"tanist_lease_remaining_seconds", 0},
       }) {
    EXPECT_EQ(seen.value(name), value) << name;
  }
  EXPECT_EQ(seen.value("tanist_members"), std::nullopt) << "only who leads speaks of others";
  settings.tags.nofailover = true;
  EXPECT_EQ(read(s).value("patroni_failover_priority"), 0);
}

TEST(Metrics, a_postgresql_that_does_not_answer_has_no_positions) {
  auto s = primary();
  s.facts.failing_since = kNow;
  const Exposition seen = read(s);
  EXPECT_EQ(seen.value("patroni_postgres_running"), 0);
  EXPECT_EQ(seen.value("patroni_postgres_state"), -1);
  EXPECT_EQ(seen.value("patroni_xlog_location"), 0);
  EXPECT_EQ(seen.value("patroni_postgres_server_version"), 0);
  EXPECT_EQ(seen.value("patroni_postgres_streaming"), std::nullopt);
  EXPECT_EQ(seen.value("tanist_postgres_answer_age_seconds"), 0) << "how long ago it last did";
}

TEST(Metrics, before_anything_is_known) {
  ha::Snapshot s;
  s.settings = settings("pga");
  s.published_at = kNow;
  const Exposition seen = read(s);
  EXPECT_EQ(seen.value("patroni_cluster_unlocked"), 1);
  EXPECT_EQ(seen.value("patroni_postgres_state"), 12);
  EXPECT_EQ(seen.value("patroni_postmaster_start_time"), 0);
  EXPECT_EQ(seen.value("patroni_dcs_last_seen"), 0);
  EXPECT_EQ(seen.value("tanist_postgres_answer_age_seconds"), std::nullopt);
}

TEST(Metrics, states_are_explained_in_either_form) {
  EXPECT_NE(text_of(primary()).find("\n# Values: 0=initdb, 1=initdb_failed, 2=custom_bootstrap, "
                                    "3=custom_bootstrap_failed, 4=creating_replica, 5=running, 6=starting, "
                                    "7=bootstrap_starting, 8=start_failed, 9=restarting, 10=restart_failed, "
                                    "11=stopping, 12=stopped, 13=stop_failed, 14=crashed\n"
                                    "# TYPE patroni_postgres_state gauge\n"),
            std::string::npos);
  const Exposition open = read(primary(), MetricsForm::openmetrics);
  EXPECT_TRUE(open.families.at("patroni_postgres_state").help.ends_with("14=crashed"));
}

TEST(Metrics, openmetrics_keeps_the_names) {
  const std::string open = text_of(primary(), MetricsForm::openmetrics);
  EXPECT_NE(open.find("# TYPE patroni_xlog_location unknown\npatroni_xlog_location{"), std::string::npos);
  EXPECT_NE(open.find("# TYPE tanist_log_lines_dropped counter\ntanist_log_lines_dropped_total{"),
            std::string::npos);
  EXPECT_NE(text_of(primary()).find("# TYPE tanist_log_lines_dropped_total counter\n"), std::string::npos);
}

TEST(Metrics, what_accept_asks_for) {
  const auto open = [](std::string_view accept) { return metrics_form(accept) == MetricsForm::openmetrics; };
  EXPECT_FALSE(open(""));
  EXPECT_FALSE(open("*/*"));
  EXPECT_FALSE(open("text/plain;version=0.0.4"));
  // As versions of Prometheus ask.
  EXPECT_TRUE(open("application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"));
  EXPECT_TRUE(
      open("application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;"
           "q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"));
  EXPECT_TRUE(open("Application/OpenMetrics-Text"));
  EXPECT_FALSE(open("text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5"));
  EXPECT_FALSE(open("application/openmetrics-text;q=0"));
  EXPECT_FALSE(open("application/openmetrics-text;q=high"));
  EXPECT_FALSE(open("application/openmetrics-textual"));
  EXPECT_FALSE(open(",;,q=1;"));
  EXPECT_STREQ(metrics_type(MetricsForm::openmetrics),
               "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

TEST(Metrics, names_cannot_break_the_text) {
  auto s = primary();
  change(s).scope = "a\"b\\c\nd";
  auto& view = change_view(s);
  view.members["x\"\n"] = view.members["pgb"];
  view.members["x\"\n"].name = "x\"\n";
  view.members["x\"\n"].replay_lsn = Lsn{117440000};
  for (const auto form : {MetricsForm::prometheus, MetricsForm::openmetrics}) {
    const Exposition seen = read(s, form);
    EXPECT_EQ(seen.scopes, std::set<std::string>{R"(a\"b\\c\nd)"});
    EXPECT_EQ(seen.value("tanist_member_replay_lag_bytes", R"(member="x\"\n")"), 664);
  }
}

TEST(Metrics, the_leader_tells_how_far_others_are_behind) {
  auto s = primary();
  auto& view = change_view(s);
  view.members["pgb"].receive_lsn = Lsn{117440664};
  view.members["pgb"].replay_lsn = Lsn{117440512};
  Exposition seen = read(s);
  EXPECT_EQ(seen.value("tanist_members"), 2);
  EXPECT_EQ(seen.value("tanist_member_receive_lag_bytes", R"(member="pgb")"), 0);
  EXPECT_EQ(seen.value("tanist_member_replay_lag_bytes", R"(member="pgb")"), 152);
  EXPECT_EQ(seen.families.at("tanist_member_replay_lag_bytes").samples.size(), 1u) << "not of itself";

  // Positions wake no cycle: the copy has them first.
  auto copy = std::make_shared<dcs::Cluster>(*s.cluster);
  copy->members["pgb"].replay_lsn = Lsn{117440664};
  s.watched = copy;
  EXPECT_EQ(read(s).value("tanist_member_replay_lag_bytes", R"(member="pgb")"), 0);

  seen = read(s, MetricsForm::prometheus, kNow + seconds(26));
  EXPECT_EQ(seen.value("tanist_members"), std::nullopt) << "it leads no more";
}

TEST(Metrics, ages_are_of_the_moment_of_the_answer) {
  const Exposition seen = read(primary(), MetricsForm::prometheus, kNow + milliseconds(1500));
  EXPECT_EQ(seen.value("tanist_lease_remaining_seconds"), 23.5);
  EXPECT_EQ(seen.value("tanist_postgres_answer_age_seconds"), 1.5);
  EXPECT_EQ(seen.value("tanist_control_age_seconds"), 1.5);
}

TEST(Metrics, cycles_are_counted_by_how_long_they_took) {
  auto s = primary();
  s.cycles.add(milliseconds(1));
  s.cycles.add(milliseconds(7));
  s.cycles.add(seconds(60));
  for (const auto form : {MetricsForm::prometheus, MetricsForm::openmetrics}) {
    const Exposition seen = read(s, form);
    const auto at = [&](const char* sample) { return seen.value("tanist_cycle_duration_seconds", sample); };
    EXPECT_EQ(at(R"(_bucketle="0.001")"), 1);
    EXPECT_EQ(at(R"(_bucketle="0.005")"), 1);
    EXPECT_EQ(at(R"(_bucketle="0.025")"), 2);
    EXPECT_EQ(at(R"(_bucketle="10.0")"), 2);
    EXPECT_EQ(at(R"(_bucketle="+Inf")"), 3);
    EXPECT_EQ(at("_count"), 3);
    EXPECT_EQ(at("_sum"), 60.008);
  }
}

TEST(Metrics, requests_to_the_store_are_told_by_what_was_asked) {
  auto s = primary();
  s.tallies.store.add(dcs::StoreOperation::renew, milliseconds(3), false);
  s.tallies.store.add(dcs::StoreOperation::renew, seconds(7), true);
  s.tallies.store.add(dcs::StoreOperation::read, milliseconds(1), false);
  for (const auto form : {MetricsForm::prometheus, MetricsForm::openmetrics}) {
    const Exposition seen = read(s, form);
    const auto at = [&](const char* sample) { return seen.value("tanist_store_request_seconds", sample); };
    EXPECT_EQ(at(R"(_bucketoperation="renew",le="0.002")"), 0);
    EXPECT_EQ(at(R"(_bucketoperation="renew",le="0.005")"), 1);
    EXPECT_EQ(at(R"(_bucketoperation="renew",le="+Inf")"), 2);
    EXPECT_EQ(at(R"(_countoperation="renew")"), 2);
    EXPECT_EQ(at(R"(_sumoperation="renew")"), 7.003);
    EXPECT_EQ(at(R"(_bucketoperation="read",le="0.001")"), 1);
    EXPECT_EQ(at(R"(_countoperation="bootstrap")"), 0);
    const bool open = form == MetricsForm::openmetrics;
    EXPECT_EQ(seen.value(open ? "tanist_store_errors" : "tanist_store_errors_total",
                         open ? R"(_totaloperation="renew")" : R"(operation="renew")"),
              1);
  }
}

TEST(Metrics, takeovers_and_phases_tell_how_often_and_how_long) {
  auto s = primary();
  EXPECT_EQ(read(s).value("tanist_operation_phase_seconds", R"(_countphase="promoting")"), std::nullopt);
  EXPECT_EQ(read(s).value("tanist_lease_smallest_margin_seconds"), std::nullopt);
  auto& takeover = s.tallies.takeovers.at(static_cast<std::size_t>(ha::TakeoverKind::switchover));
  takeover.election.add(milliseconds(20));
  takeover.promotion.add(milliseconds(300));
  s.tallies.phases.at(static_cast<std::size_t>(ha::Phase::promoting)).add(milliseconds(250));
  s.tallies.smallest_lease_margin = milliseconds(12'500);
  const Exposition seen = read(s);
  const auto at = [&](const char* sample) { return seen.value("tanist_takeover_seconds", sample); };
  EXPECT_EQ(at(R"(_countkind="switchover",phase="election")"), 1);
  EXPECT_EQ(at(R"(_sumkind="switchover",phase="promotion")"), 0.3);
  EXPECT_EQ(at(R"(_countkind="failover",phase="promotion")"), 0);
  EXPECT_EQ(seen.value("tanist_operation_phase_seconds", R"(_sumphase="promoting")"), 0.25);
  EXPECT_EQ(seen.value("tanist_lease_smallest_margin_seconds"), 12.5);
}

TEST(Metrics, the_primary_tells_how_far_its_standbys_are) {
  auto s = primary();
  auto& senders = s.facts.probe->wal_senders;
  senders[0].flush_lsn = Lsn{s.facts.probe->wal.value - 100};
  senders[0].replay_lsn = Lsn{s.facts.probe->wal.value - 300};
  senders[0].replay_lag = milliseconds(250);
  senders.push_back(senders[0]);  // of the same name: while a connection that is dead is not known to be
  senders[1].replay_lsn = Lsn{1};
  senders.push_back(postgres::WalSenderSeen{});  // a backup
  const Exposition seen = read(s);
  EXPECT_EQ(seen.value("tanist_standby_flush_lag_bytes", R"(standby="pgb")"), 100);
  EXPECT_EQ(seen.value("tanist_standby_replay_lag_bytes", R"(standby="pgb")"), 300);
  EXPECT_EQ(seen.value("tanist_standby_replay_lag_seconds", R"(standby="pgb")"), 0.25);
  EXPECT_EQ(seen.families.at("tanist_standby_replay_lag_seconds").samples.size(), 1u);
  senders[0].replay_lsn = Lsn{s.facts.probe->wal.value + 1};
  EXPECT_EQ(read(s).value("tanist_standby_replay_lag_bytes", R"(standby="pgb")"), 0)
      << "ahead by what came since";
  EXPECT_FALSE(read(replica()).families.contains("tanist_standby_replay_lag_bytes"));
}

std::string slurp(const std::string& path) {
  std::ifstream in(std::string(TANIST_SOURCE_DIR) + path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// With all there is to tell.
Exposition everything() {
  auto s = primary();
  auto& view = change_view(s);
  view.members["pgb"].receive_lsn = view.members["pgb"].replay_lsn = Lsn{117440512};
  s.facts.probe->wal_senders[0].replay_lsn = Lsn{117440512};
  change(s).dynamic.raw = Document::map(
      {{"synchronous_mode", true}, {"synchronous_zones", Document::map({{"min_other_zones", 1}})}});
  s.facts.probe->slots = {{.name = "dwh", .restart_lsn = Lsn{117440000}}};
  s.facts.slots_at_risk = {{.name = "dwh", .retained_bytes = 664, .limit_bytes = 600}};
  s.tallies.smallest_lease_margin = seconds(12);
  s.guardian.kind = ha::GuardianState::Kind::armed;
  s.tallies.phases.at(static_cast<std::size_t>(ha::Phase::promoting)).add(milliseconds(250));
  return read(s);
}

TEST(Metrics, a_guardian_is_told_of_where_there_is_to_be_one) {
  using Kind = ha::GuardianState::Kind;
  auto s = primary();
  EXPECT_EQ(read(s).value("tanist_guardian_up"), std::nullopt);
  s.guardian = {.kind = Kind::missing, .required = false, .starts = 3, .kills = 1};
  EXPECT_EQ(read(s).value("tanist_guardian_up"), 0);
  EXPECT_EQ(read(s).value("tanist_guardian_starts_total"), 3);
  EXPECT_EQ(read(s).value("tanist_guardian_kills_total"), 1);
  s.guardian.kind = Kind::ready;
  EXPECT_EQ(read(s).value("tanist_guardian_up"), 1);
  EXPECT_EQ(read(s).value("tanist_guardian_armed"), 0);
  s.guardian.kind = Kind::armed;
  EXPECT_EQ(read(s).value("tanist_guardian_armed"), 1);
}

TEST(Metrics, the_leader_tells_whether_other_zones_have_each_commit) {
  const Exposition seen = everything();
  EXPECT_EQ(seen.value("tanist_sync_other_zones_wanted"), 1);
  EXPECT_EQ(seen.value("tanist_sync_other_zones"), 0);
  EXPECT_FALSE(read(primary()).families.contains("tanist_sync_other_zones"));
}

TEST(Metrics, the_page_names_each_of_our_own) {
  const Exposition seen = everything();
  std::string table = "| metric | type | value |\n|---|---|---|\n";
  for (const auto& [name, family] : seen.families)
    if (name.starts_with("tanist_"))
      table += fmt::format("| `{}` | {} | {} |\n", name, family.type, family.help);
  EXPECT_NE(slurp("/docs/rest-api.md").find("\n" + table + "\n"), std::string::npos)
      << "docs/rest-api.md is to have this table:\n"
      << table;
}

/// A rule on a metric that nobody has never fires.
TEST(Metrics, rules_and_dashboard_ask_for_what_there_is) {
  const Exposition seen = everything();
  for (const char* path :
       {"/packaging/prometheus/tanist.rules.yml", "/packaging/prometheus/dashboard.json"}) {
    const std::string text = slurp(path);
    static const std::regex kName(R"(\b(?:patroni|tanist)_[a-z_0-9]+)");
    std::size_t found = 0;
    for (std::sregex_iterator at(text.begin(), text.end(), kName), end; at != end; ++at, ++found) {
      std::string name = at->str();
      for (const char* suffix : {"_bucket", "_sum", "_count"})
        if (!seen.families.contains(name) && name.ends_with(suffix))
          name.resize(name.size() - std::string_view(suffix).size());
      EXPECT_TRUE(seen.families.contains(name)) << at->str() << " in " << path;
    }
    EXPECT_GT(found, 5u) << path;
  }
}

}  // namespace
}  // namespace tanist::api
