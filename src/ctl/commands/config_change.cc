#include "ctl/commands/config_change.h"

#include <algorithm>

#include "config/keys/keys.h"
#include "config/sections/controlled.h"
#include "core/format.h"
#include "ctl/doctor/configuration.h"
#include "ctl/doctor/zones.h"
#include "postgres/parameters/judgement.h"
#include "postgres/server_version.h"

namespace tanist::ctl {

namespace {

using namespace std::chrono_literals;

/// Nobody waits longer at a prompt for a member that is dead.
constexpr Duration kVersionPatience = 2s;
constexpr int kNewestVersion = 180000;

constexpr const char* kRed = "\033[31m";
constexpr const char* kYellow = "\033[33m";
constexpr const char* kPlain = "\033[0m";

bool differs(const Document* a, const Document* b) {
  if (a == nullptr || b == nullptr) return a != b;
  return !equal_by_text(*a, *b);
}

/// Keys of a map that are not the same in both, in order.
std::vector<std::string> changed_keys(const Document* before, const Document* after) {
  std::vector<std::string> out;
  for (const auto* each : {before, after}) {
    if (each == nullptr || !each->is_map()) continue;
    for (const auto& entry : each->entries())
      if (differs(before != nullptr ? before->find(entry.key) : nullptr,
                  after != nullptr ? after->find(entry.key) : nullptr))
        out.push_back(entry.key);
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

constexpr std::string_view kOverlays[] = {"", "_primary", "_replica", "_standby_leader"};

/// `suffix`: of a role, or empty.
void add_parameters(const Document& current, const Document& next, const std::string& suffix, int version,
                    Effect& out) {
  using postgres::Takes;
  const std::string path = "postgresql.parameters" + suffix;
  const std::string where = suffix.empty() ? "" : " (parameters" + suffix + ")";
  for (const auto& change :
       postgres::changed_parameters(current.find_path(path), next.find_path(path), version)) {
    // What all members need alike is no role's own.
    if (!suffix.empty() && config::is_controlled(change.name)) continue;
    const std::string name = change.name + where;
    switch (change.takes) {
      case Takes::restart: out.restart.push_back(name); break;
      case Takes::reload: out.reload.push_back(name); break;
      case Takes::new_sessions: out.new_sessions.push_back(name); break;
    }
    if (change.of_standbys > 0) out.raised.push_back(change.name);
    if (change.of_standbys < 0) out.lowered.push_back(change.name);
  }
}

void add_key(const std::string& path, Effect& out) {
  const config::Key* key = config::find_key(path, config::Scope::dynamic);
  if (key == nullptr) return;  // a finding says so
  const bool access = path.starts_with("postgresql.pg_hba") || path.starts_with("postgresql.pg_ident");
  const bool written = access || path == "postgresql.custom_conf" || path == "postgresql.recovery_conf";
  if (key->reload == config::Reload::restart_postgresql) {
    out.restart.push_back(path);
  } else if (key->reload == config::Reload::restart_daemon) {
    out.daemon.push_back(path);
  } else {
    (written ? out.reload : out.at_once).push_back(path);
  }
}

class EffectLines {
 public:
  explicit EffectLines(bool coloured) : coloured_(coloured) {}

  void finding(const doctor::Finding& finding) {
    text_ += painted(finding.grade, fmt::format("{:<8}", doctor::name_of(finding.grade))) + " " +
             finding.about + (finding.about.empty() ? "" : " ") + finding.what + "\n";
    if (!finding.advice.empty()) text_ += "         HINT: " + finding.advice + "\n";
  }
  void line(const std::string& text) { text_ += text + "\n"; }

  std::string parts(const Effect& effect) const {
    std::string out;
    const auto add = [&](const std::vector<std::string>& names, const std::string& what) {
      if (!names.empty()) out += (out.empty() ? "" : "; ") + what + " for " + joined(names);
    };
    add(effect.restart, coloured_ ? kYellow + std::string("restart") + kPlain : "restart");
    add(effect.reload, "reload");
    add(effect.new_sessions, "reload, of new sessions only,");
    add(effect.at_once, "at once");
    add(effect.daemon, "restart of the daemon");
    return out.empty() ? "nothing changes" : out;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string painted(doctor::Grade grade, const std::string& word) const {
    if (!coloured_ || grade == doctor::Grade::note) return word;
    return (grade == doctor::Grade::error ? kRed : kYellow) + word + kPlain;
  }
  bool coloured_;
  std::string text_;
};

}  // namespace

std::vector<MemberServer> servers_of(const dcs::Cluster& cluster, Members* members) {
  std::vector<MemberServer> out;
  std::vector<const dcs::Member*> asked;
  for (const auto& [name, member] : cluster.members) {
    out.push_back({.name = name, .leads = name == cluster.leader_name()});
    asked.push_back(&member);
  }
  if (members == nullptr) return out;
  const auto looks = members->look_at_each(asked, kVersionPatience);
  for (std::size_t i = 0; i < looks.size(); ++i) {
    if (!looks[i]) {
      out[i].trouble = looks[i].error().why;
      continue;
    }
    const Document* version = looks[i]->status.find("server_version");
    const auto number = version != nullptr ? parse_int(*version) : std::nullopt;
    if (number && *number > 0) out[i].version = static_cast<int>(*number);
    if (out[i].version == 0) out[i].trouble = "it does not say which PostgreSQL it runs";
  }
  return out;
}

bool concerns_servers(const Document& current, const Document& next) {
  return std::ranges::any_of(kOverlays, [&](std::string_view role) {
    const std::string path = "postgresql.parameters" + std::string(role);
    return differs(current.find_path(path), next.find_path(path));
  });
}

doctor::Findings judge_change(const dcs::Cluster& cluster, const Document& next,
                              const std::vector<MemberServer>& servers) {
  std::vector<doctor::KnownServer> known;
  for (const auto& server : servers) known.push_back({server.name, server.version});
  const auto judged = [&](const Document& config) {
    auto all = doctor::judge_configuration(config, known);
    std::ranges::move(doctor::judge_zones(cluster, config), std::back_inserter(all));
    return all;
  };
  const auto before = judged(cluster.config.data);
  doctor::Findings out;
  for (auto& finding : judged(next)) {
    const bool old = std::ranges::any_of(before, [&](const doctor::Finding& other) {
      return other.about == finding.about && other.what == finding.what;
    });
    if (!old) out.push_back(std::move(finding));
  }
  return out;
}

Effect effect_of_change(const Document& current, const Document& next, int version) {
  Effect out;
  for (const auto role : kOverlays)
    add_parameters(current, next, std::string(role), version > 0 ? version : kNewestVersion, out);
  for (const auto& name : changed_keys(current.find("postgresql"), next.find("postgresql")))
    if (!name.starts_with("parameters")) add_key("postgresql." + name, out);
  for (const auto& name : changed_keys(&current, &next))
    if (name != "postgresql") add_key(name, out);
  return out;
}

std::string told_findings(const doctor::Findings& findings, bool coloured) {
  EffectLines lines(coloured);
  for (const auto& finding : findings) lines.finding(finding);
  return lines.take();
}

std::string told_effects(const Document& current, const Document& next,
                         const std::vector<MemberServer>& servers, const std::string& program,
                         const std::string& cluster, bool coloured) {
  EffectLines lines(coloured);
  if (!concerns_servers(current, next)) {
    lines.line("all members: " + lines.parts(effect_of_change(current, next, 0)));
    return lines.take();
  }
  int newest = 0;
  std::size_t width = 0;
  for (const auto& server : servers) {
    newest = std::max(newest, server.version);
    width = std::max(width, server.name.size());
  }
  Effect all;
  for (const auto& server : servers) {
    const auto effect = effect_of_change(current, next, server.version > 0 ? server.version : newest);
    const std::string version =
        server.version > 0 ? "PostgreSQL " + postgres::server_version_text(server.version) : "PostgreSQL ?";
    lines.line(fmt::format("{:<{}}  {:<7}  {:<16}  {}", server.name, width,
                           server.leads ? "leader" : "replica", version, lines.parts(effect)));
    if (!server.trouble.empty())
      lines.line(fmt::format("{:<{}}  not asked for its version: {}", "", width, server.trouble));
    if (!effect.restart.empty()) all = effect;
  }
  if (all.restart.empty()) return lines.take();
  lines.line(
      fmt::format("HINT: `{} restart {} --pending` restarts those that wait for it", program, cluster));
  if (!all.raised.empty())
    lines.line(
        fmt::format("HINT: {} must be at least as large on replicas as on their primary, and is raised: "
                    "restart the replicas before the primary",
                    joined(all.raised)));
  if (!all.lowered.empty())
    lines.line(
        fmt::format("HINT: {} must be at least as large on replicas as on their primary, and is lowered: "
                    "restart the primary before the replicas",
                    joined(all.lowered)));
  return lines.take();
}

}  // namespace tanist::ctl
