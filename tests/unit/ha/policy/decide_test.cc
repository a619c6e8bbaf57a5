#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "ha/model/journal_codec.h"
#include "ha/policy/decide.h"
#include "ha/policy/questions.h"
#include "unit/ha/random_view.h"
#include "unit/ha/transcript.h"
#include "unit/ha/view_builder.h"

/// Whatever the view: a decision, and none that could do harm.
namespace tanist::ha {
namespace {

using namespace testing;

constexpr int kViews = views(40'000);
constexpr int kReplays = views(1'000);
constexpr std::uint64_t kSeed = 20311105;

bool arms_first(const Decision& d) {
  for (const auto& ordered : d.duties)
    if (const auto* fence = std::get_if<duty::Fence>(&ordered.duty))
      if (fence->arm && ordered.on_failure == OnFailure::postpone_intent) return true;
  return false;
}

/// By the view alone: a standby whose WAL goes on from a place where the cluster had left that timeline, or
/// that was told by a comparison.
bool is_diverged(const View& v) {
  const auto& m = v.memory;
  // What has happened since may have mended it, or calls for another comparison.
  const bool learns = v.last_operation && v.last_operation->serial > m.results_seen;
  if (!learns && !m.was_paused && m.callback_fired &&
      (m.rejoin.rewind == RewindState::need || m.rejoin.rewind == RewindState::failed ||
       m.rejoin.found_diverged))
    return true;
  const auto& facts = v.postgres.facts;
  if (!facts.probe || facts.failing_since || !v.store.cluster) return false;
  for (const auto& line : v.cluster().history.lines)
    if (facts.probe->effective_timeline && line.parent == facts.probe->effective_timeline &&
        std::min(facts.probe->receive, facts.probe->replay) > line.switch_lsn && line.switch_lsn)
      return true;
  return false;
}

/// ha.md §19: what is done to PostgreSQL although the cluster is paused, and nobody has asked for it. Empty:
/// nothing.
std::string hands_on_in_pause(const View& v, const Decision& d) {
  const auto& facts = v.postgres.facts;
  const bool named = v.store.cluster && v.cluster().failover.candidate == v.self.name;
  const bool handed_over = d.memory.outage.start_is_due && !v.has_lock();
  const bool has_data = facts.data_directory == postgres::DataDirectory::ok;
  if (const auto* i = std::get_if<intent::Demote>(&d.intent); i && i->name.empty()) return "demotes";
  if (intends<intent::Promote>(d) && !named && !v.postgres.promoting) return "promotes";
  if (intends<intent::Acquire>(d) && !named && !policy::is_primary(v)) return "races";
  if (intends<intent::Start>(d) && !handed_over) return "starts";
  if (intends<intent::CrashRecover>(d) && !handed_over && policy::locked_by_other(v) == false)
    return "recovers";
  if (intends<intent::StopImmediate>(d) && has_data) return "stops";
  if (intends<intent::Shutdown>(d) && !v.operation) return "stops at the end of the daemon";
  if (intends<intent::Bootstrap>(d)) return "founds a cluster";
  const auto* clone = std::get_if<intent::Clone>(&d.intent);
  if ((intends<intent::Rewind>(d) || (clone && !clone->order)) && policy::may_commit(v))
    return "replaces a primary";
  if (has_duty<duty::LookForWal>(d)) return "nudges";
  for (const auto& fence : duties<duty::Fence>(d))
    if (fence.arm) return "arms the fence";
  return {};
}

/// Empty: nothing wrong.
std::string harm_in(const View& v, const Decision& d) {
  const bool fresh = v.store.ok && v.store.cluster && v.cluster().linearizable && !v.store.lock_unknown;
  const auto& facts = v.postgres.facts;
  const bool paused = v.settings.dynamic.pause;

  if (d.mandate.kind == Mandate::Kind::keep && !v.has_lock()) return "keeps a lock that is not mine";
  if (d.mandate.good_until != v.now + v.timing().ttl) return "a mandate for longer than ttl";

  if (const auto* i = std::get_if<intent::Acquire>(&d.intent)) {
    if (!fresh || v.lock != Lock::free) return "takes the lock on an old view";
    const auto& c = i->conditions;
    if (!c.sync || !c.failsafe || !c.failover || !c.config || !c.initialize)
      return "takes the lock unconditionally";
    if (!facts.running()) return "takes the lock without a server";
    if (!policy::is_primary(v) && is_diverged(v)) return "races with WAL that the cluster has left behind";
  }
  if (intends<intent::Promote>(d)) {
    if (!fresh || !policy::leads(v)) return "promotes without the lock, a lease or a fresh view";
    if (!v.settings.dynamic.pause && (!v.fence.usable || !arms_first(d))) return "promotes without the fence";
    if (v.settings.dynamic.standby_cluster) return "promotes in a standby cluster";
    if (is_diverged(v)) return "promotes WAL that the cluster has left behind";
  }
  if (const auto* i = std::get_if<intent::Start>(&d.intent)) {
    if (facts.process != postgres::Process::none) return "starts beside what is left";
    if (facts.half_rewound) return "starts what pg_rewind left half-way";
    if (facts.data_directory != postgres::DataDirectory::ok) return "starts without data";
    if (!i->as_standby && (!policy::leads(v) || !arms_first(d)))
      return "starts as primary without lock or fence";
    if (!i->as_standby && facts.standby_signal) return "starts a standby as primary";
  }
  const bool led_by_other = fresh && policy::locked_by_other(v) && !v.lease.held(v.now);
  const auto can_give_copy = [&v](const std::string& member) {
    const auto& answer = v.answers.source;
    return answer && answer->member == member && !answer->system_identifier.empty();
  };
  if (const auto* i = std::get_if<intent::Clone>(&d.intent); i && i->order) {
    const bool asked = std::ranges::any_of(v.commands.asked, [&](const Asked& a) {
      return a.id == *i->order && !a.begun && std::holds_alternative<order::Reinitialize>(a.order);
    });
    if (!asked) return "removes data that nobody wants removed";
    if (!led_by_other || v.cluster().leader_name() == v.self.name || !i->source ||
        !can_give_copy(i->source_name))
      return "removes data without a better copy";
    if (!paused && policy::may_commit(v)) return "removes the data of a primary";
  } else if (i) {
    if (!i->source) {
      if (!fresh || !v.cluster().unlocked() || !v.cluster().initialize.valid_system_id())
        return "restores a backup beside a leader or a new cluster";
      if (!i->why_removal_allowed.empty()) return "removes data without a better copy";
    } else if (i->source->host.empty() || i->source_name == v.self.name) {
      return "clones from nobody";
    }
    if (i->why_removal_allowed.empty()) {
      if (facts.data_directory != postgres::DataDirectory::empty) return "clones over data";
    } else {
      const auto& pg = v.settings.postgresql;
      if (!pg.remove_data_directory_on_diverged_timelines && !pg.remove_data_directory_on_rewind_failure)
        return "removes data without permission";
      if (!fresh || v.has_lock() || v.cluster().unlocked()) return "removes data without a better copy";
    }
  }
  if (const auto* i = std::get_if<intent::Advance>(&d.intent);
      i && i->now && v.operation && v.operation->kind == OperationKind::clone) {
    if (!led_by_other || !can_give_copy(v.operation->source)) return "removes data without a better copy";
    if (i->good_until > v.cluster().read_at + 5s || i->good_until <= v.now)
      return "removes data on what was seen long ago";
  }
  if (intends<intent::Bootstrap>(d)) {
    if (!fresh || !v.cluster().unlocked() || !v.cluster().initialize.value.empty())
      return "founds beside a cluster";
    if (facts.data_directory != postgres::DataDirectory::empty) return "founds over data";
  }
  const bool remote = v.settings.dynamic.standby_cluster;
  const auto leaderless = [&] { return !remote && (v.has_lock() || v.cluster().unlocked()); };
  if (intends<intent::Rewind>(d) && (leaderless() || policy::is_primary(v)))
    return "rewinds without a leader";
  if (remote && !paused) {
    if (intends<intent::Promote>(d) && !v.postgres.promoting) return "promotes in a standby cluster";
    const auto* start = std::get_if<intent::Start>(&d.intent);
    if (start && !start->as_standby) return "starts a primary in a standby cluster";
  }
  if (intends<intent::Release>(d) && (!v.has_lock() || d.mandate.kind != Mandate::Kind::release))
    return "releases a lock that is not mine, or goes on renewing";
  if (intends<intent::Demote>(d) && !v.store.ok &&
      std::get<intent::Demote>(d.intent).mode != DemoteMode::offline)
    return "demotes in an outage, and not offline";

  const bool may_meet_operation = intends<intent::None>(d) || intends<intent::PreEmpt>(d) ||
                                  intends<intent::Advance>(d) || intends<intent::Shutdown>(d);
  if (v.operation && !may_meet_operation) return "starts something beside an operation";
  if (!v.store.ok && d.needs.any()) return "asks while the store is silent";
  if (!v.store.ok && has_duty<duty::Member>(d)) return "writes while the store is silent";

  if (v.settings.dynamic.pause)
    if (std::string what = hands_on_in_pause(v, d); !what.empty()) return what + " in pause";
  // Nobody gives the key away, or ends, beside a server that may commit.
  if (!paused && policy::may_commit(v)) {
    if (intends<intent::Release>(d)) return "gives the key away while PostgreSQL may commit";
    if (intends<intent::Exit>(d)) return "ends beside a PostgreSQL that may commit";
  }
  // A primary that has certainly no right to write is stopped.
  const bool stops = intends<intent::Demote>(d) || intends<intent::StopImmediate>(d) ||
                     intends<intent::Shutdown>(d) || intends<intent::CancelBootstrap>(d);
  if (!paused && !v.operation && !d.memory.making.bootstrapping && facts.running() && v.store.ok &&
      !d.needs.any() && policy::locked_by_other(v) && !v.lease.held(v.now) && policy::may_commit(v) && !stops)
    return "a primary under the key of another goes on";
  return {};
}

template <class... Kinds>
void each_is_seen(const std::map<std::string_view, int>& seen, std::variant<Kinds...>*) {
  for (const auto name : {Kinds::kName...}) EXPECT_TRUE(seen.contains(name)) << name;
}

TEST(Totality, no_view_leads_to_harm) {
  std::mt19937_64 random(kSeed);
  std::map<std::string_view, int> seen;
  for (int i = 0; i < kViews; ++i) {
    const View view = random_view(random);
    const Decision decision = decide(view);
    ++seen[name_of(decision.intent)];
    const std::string harm = harm_in(view, decision);
    ASSERT_EQ(harm, "") << "view " << i << ": " << to_json(encode(view)) << "\n" << to_json(encode(decision));
  }
  // The views are worth something only if they lead everywhere.
  if (kAllViews) each_is_seen(seen, static_cast<Intent*>(nullptr));
}

TEST(Totality, the_same_view_leads_to_the_same_decision) {
  std::mt19937_64 random(kSeed + 1);
  for (int i = 0; i < kReplays; ++i) {
    const View view = random_view(random);
    ASSERT_EQ(encode(decide(view)), encode(decide(view)));
  }
}

TEST(Totality, answered_needs_are_not_asked_for_again) {
  std::mt19937_64 random(kSeed + 2);
  int asked = 0;
  for (int i = 0; i < kReplays; ++i) {
    View view = random_view(random);
    Decision decision = decide(view);
    if (!decision.needs.any()) continue;
    ++asked;
    for (int round = 0; decision.needs.any() && round < 3; ++round) {
      if (decision.needs.linearizable_view) {
        auto cluster = std::make_shared<dcs::Cluster>(*view.store.cluster);
        cluster->linearizable = true;
        view.store.cluster = cluster;
        view.store.lock_unknown = false;
      }
      if (decision.needs.control_file) {
        postgres::ControlData control;
        control.seen_at = view.now;
        control.cluster_state = "shut down";
        view.postgres.facts.control = control;
      }
      if (decision.needs.peers) {
        if (!view.answers.peers) view.answers.peers.emplace();
        for (const auto& name : *decision.needs.peers) view.answers.peers->try_emplace(name);
        view.answers.asked_under = leadership_of(view.cluster());
      }
      if (decision.needs.divergence) view.answers.divergence.emplace();
      if (decision.needs.source)
        view.answers.source = postgres::SourceAnswer{.member = decision.needs.source->member,
                                                     .system_identifier = {},
                                                     .detail = "refused",
                                                     .asked_at = view.now};
      decision = decide(view);
    }
    ASSERT_FALSE(decision.needs.any()) << to_json(encode(view)) << "\n" << to_json(encode(decision));
  }
  EXPECT_GT(asked, views(1'000) / 10);
}

namespace fs = std::filesystem;

std::vector<std::string> transcripts() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(fs::path(TANIST_SOURCE_DIR) / "tests/unit/ha"))
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  std::ranges::sort(names);
  return names;
}

class Transcript : public ::testing::TestWithParam<std::string> {};

/// TANIST_UPDATE_TRANSCRIPTS=1 writes the answers of now into the files.
TEST_P(Transcript, is_told_the_same_again) {
  const fs::path path = fs::path(TANIST_SOURCE_DIR) / "tests/unit/ha" / (GetParam() + ".txt");
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  const std::string told = retell(content.str());
  if (std::getenv("TANIST_UPDATE_TRANSCRIPTS")) {
    std::ofstream(path) << told;
    return;
  }
  EXPECT_EQ(told, content.str())
      << "TANIST_UPDATE_TRANSCRIPTS=1 unit_ha_policy_test writes what is decided now";
}

INSTANTIATE_TEST_SUITE_P(Stories, Transcript, ::testing::ValuesIn(transcripts()),
                         [](const auto& info) { return info.param; });

TEST(Transcript, there_are_some) {
  EXPECT_GE(transcripts().size(), 6U);
}

}  // namespace
}  // namespace tanist::ha
