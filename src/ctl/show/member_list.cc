#include "ctl/show/member_list.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>

#include "core/format.h"
#include "ctl/show/table.h"
#include "ctl/show/topology.h"
#include "ctl/show/unicode.h"
#include "ctl/show/yaml_writer.h"
#include "dcs/zones.h"

namespace tanist::ctl {

namespace {

constexpr std::size_t kLongestReason = 50;
constexpr int kPostgresPort = 5432;

/// One row: values by column name. Absent and empty values print as nothing.
using Row = Document;

struct Listing {
  std::vector<std::string> columns;
  std::vector<Row> rows;
};

std::string title_case(std::string_view role) {
  std::string out;
  bool first = true;
  for (const char c : role) {
    const auto u = static_cast<unsigned char>(c);
    out += c == '_' ? ' ' : static_cast<char>(first ? std::toupper(u) : std::tolower(u));
    first = c == '_';
  }
  return out;
}

std::string host_cell(const std::pair<std::string, int>& address, bool with_port) {
  if (!with_port) return address.first;
  const bool brackets = address.first.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", brackets ? "[" : "", address.first, brackets ? "]" : "", address.second);
}

std::string text_of(const Document* value) {
  return value == nullptr || value->is_null() ? std::string() : value->text();
}

/// A line a parameter. On a screen a long one says only that it is long.
std::string reasons_cell(const Document& reasons, bool for_screen) {
  if (!reasons.is_map()) return {};
  std::string out;
  for (const auto& [name, change, line] : reasons.entries()) {
    std::string text =
        fmt::format("{}: {}->{}", name, text_of(change.find("old_value")), text_of(change.find("new_value")));
    if (for_screen && display_width(text) > kLongestReason) text = name + ": [hidden - too long]";
    out += (out.empty() ? "" : "\n") + text;
  }
  return out;
}

std::string schedule_cell(const Document& planned) {
  std::string out = text_of(planned.find("schedule"));
  if (const Document* version = planned.find("postgres_version")) out += " if version < " + version->text();
  return out;
}

/// ` 43% (120 MB/s, 12 s left)` of a clone or rewind; empty: there is none, or nothing is known of it.
std::string progress_suffix(const Document& member) {
  const Document* progress = member.find("tanist_progress");
  const auto number = [progress](std::string_view key) -> std::int64_t {
    const Document* value = progress != nullptr ? progress->find(key) : nullptr;
    return value != nullptr ? parse_int(*value).value_or(0) : 0;
  };
  const std::int64_t total = number("total_bytes");
  if (total <= 0) return {};
  std::string text =
      fmt::format(" {}%", std::clamp<std::int64_t>(number("done_bytes") * 100 / total, 0, 100));
  const std::int64_t rate = number("bytes_per_second");
  if (rate <= 0) return text;
  constexpr std::int64_t kMegabyte = 1 << 20;
  text +=
      rate >= kMegabyte ? fmt::format(" ({} MB/s", rate / kMegabyte) : fmt::format(" ({} kB/s", rate / 1024);
  if (progress->find("seconds_left") != nullptr) text += fmt::format(", {} s left", number("seconds_left"));
  return text + ")";
}

/// Of a member that says why it cannot rejoin; GET /cluster tells why.
std::string rejoin_suffix(const Document& member) {
  const Document* error = member.find("tanist_rejoin_error");
  return error != nullptr && error->truthy() ? " (cannot rejoin)" : "";
}

void put_position(Row& row, const std::string& what, const dcs::PositionSeen& seen) {
  row.set(what + " LSN", seen.known() ? to_string(seen.lsn) : "unknown");
  if (seen.known()) row.set(what + " Lag", lag_in_mb(seen.lag));
}

class Lister {
 public:
  Lister(const std::string& scope, Format format) : scope_(scope), format_(format) {}

  Listing list(std::vector<TreeRow> members, bool extended) {
    with_ports_ = needs_ports(members);
    Listing out;
    out.columns = {"Cluster", "Member",      "Host",        "Role",       "State",
                   "TL",      "Receive LSN", "Receive Lag", "Replay LSN", "Replay Lag"};
    for (const auto& [column, key] :
         {std::pair("Pending restart", "pending_restart"),
          std::pair("Pending restart reason", "pending_restart_reason"),
          std::pair("Scheduled restart", "scheduled_restart"), std::pair("Tags", "tags")}) {
      const bool used = std::ranges::any_of(members, [&](const TreeRow& row) {
        const Document* value = row.member.raw.find(key);
        return row.member.address && value != nullptr && value->truthy();
      });
      if (extended || used) out.columns.emplace_back(column);
    }
    for (const auto& member : members) out.rows.push_back(row(member));
    return out;
  }

 private:
  static bool needs_ports(const std::vector<TreeRow>& members) {
    std::set<std::string> hosts;
    for (const auto& [member, depth] : members) {
      if (!member.address) continue;
      if (member.address->second != kPostgresPort || !hosts.insert(member.address->first).second) return true;
    }
    return false;
  }

  Row row(const TreeRow& tree) const {
    const auto& m = tree.member;
    const bool for_screen = format_ == Format::pretty || format_ == Format::topology;
    Row out = Document::map();
    out.set("Cluster", scope_);
    const std::string branch = tree.depth == 0
                                   ? std::string()
                                   : std::string(static_cast<std::size_t>(2 * (tree.depth - 1)), ' ') + "+ ";
    out.set("Member", branch + m.name);
    if (m.address) out.set("Host", host_cell(*m.address, with_ports_));
    out.set("Role", title_case(m.role));
    out.set("State", m.state + (for_screen ? progress_suffix(m.raw) + rejoin_suffix(m.raw) : std::string()));
    if (m.timeline) out.set("TL", static_cast<std::int64_t>(m.timeline.value));
    if (!m.is_leader) put_positions(out, m);
    if (const Document* flag = m.raw.find("pending_restart"); flag != nullptr && flag->truthy()) {
      out.set("Pending restart", "*");
    }
    if (const Document* reasons = m.raw.find("pending_restart_reason")) {
      out.set("Pending restart reason", reasons_cell(*reasons, for_screen));
    }
    if (const Document* planned = m.raw.find("scheduled_restart"); planned != nullptr && planned->is_map()) {
      out.set("Scheduled restart", schedule_cell(*planned));
    }
    if (const Document* tags = m.raw.find("tags"); tags != nullptr && tags->size() != 0)
      out.set("Tags", *tags);
    return out;
  }

  static void put_positions(Row& out, const dcs::MemberOverview& m) {
    dcs::PositionSeen receive = m.receive;
    dcs::PositionSeen replay = m.replay;
    // Members of old releases publish one position only.
    if (!receive.known() && !replay.known() && m.latest.known()) {
      (m.state == "streaming" ? receive : replay) = m.latest;
    }
    put_position(out, "Receive", receive);
    put_position(out, "Replay", replay);
  }

  const std::string& scope_;
  Format format_;
  bool with_ports_ = false;
};

std::string cell(const Row& row, const std::string& column, Format format) {
  const Document* value = row.find(column);
  if (value == nullptr) return {};
  if (!value->is_map() && !value->is_list()) return text_of(value);
  if (format != Format::pretty) return to_flow_yaml(*value);
  std::string block = to_yaml(*value);
  block.pop_back();
  return block;
}

std::string draw(const Listing& listing, Format format, const std::string& title) {
  static const std::set<std::string, std::less<>> kRightAligned = {"TL", "Receive LSN", "Receive Lag",
                                                                   "Replay LSN", "Replay Lag"};
  std::vector<Column> columns;
  std::vector<std::string> shown;
  for (const auto& name : listing.columns) {
    if (name == "Cluster") continue;
    shown.push_back(name);
    columns.push_back({name.ends_with(" Lag") ? "Lag" : name, kRightAligned.contains(name)});
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& row : listing.rows) {
    auto& cells = rows.emplace_back();
    for (const auto& name : shown) cells.push_back(cell(row, name, format));
  }
  return draw_table(columns, rows, title);
}

std::string tab_separated(const Listing& listing) {
  std::string out;
  const auto line = [&](const auto& text_at) {
    for (std::size_t i = 0; i < listing.columns.size(); ++i)
      out += (i == 0 ? "" : "\t") + text_at(listing.columns[i]);
    out += '\n';
  };
  line([](const std::string& column) { return column; });
  for (const auto& row : listing.rows) {
    line([&](const std::string& column) { return cell(row, column, Format::tsv); });
  }
  return out;
}

/// Rows as objects, in the order of the columns, without what is empty.
Document as_objects(const Listing& listing) {
  Document out = Document::list();
  for (const auto& row : listing.rows) {
    Document item = Document::map();
    for (const auto& column : listing.columns) {
      const Document* value = row.find(column);
      if (value == nullptr || value->is_null() || (value->is_string() && value->as_string().empty()))
        continue;
      item.set(column, *value);
    }
    out.push_back(std::move(item));
  }
  return out;
}

std::string title_of(const dcs::Cluster& cluster, const std::string& scope) {
  const auto& initialize = cluster.initialize;
  const std::string id = !initialize.present        ? "uninitialized"
                         : initialize.value.empty() ? "initializing"
                                                    : initialize.value;
  return fmt::format(" Cluster: {} ({}) ", scope, id);
}

std::string lines_below(const dcs::Cluster& cluster, const config::Modes& modes) {
  std::string out;
  if (modes.pause) out += " Maintenance mode: on\n";
  if (const auto zones = dcs::zones_seen(cluster, cluster.config.data); !cluster.unlocked() && !zones.met())
    out += fmt::format(" Members of other zones{} that have each commit: {} of {}\n",
                       zones.zone.empty() ? "" : " than " + zones.zone, zones.sure, zones.wanted);
  const auto& planned = cluster.failover;
  if (planned.scheduled_at) {
    out += fmt::format(" Switchover scheduled at: {}\n", iso8601(*planned.scheduled_at));
    if (!planned.leader.empty()) out += fmt::format("{:>24}: {}\n", "from", planned.leader);
    if (!planned.candidate.empty()) out += fmt::format("{:>24}: {}\n", "to", planned.candidate);
  }
  return out;
}

}  // namespace

std::int64_t lag_in_mb(std::int64_t bytes) {
  constexpr std::int64_t kMb = 1048576;
  const std::int64_t whole = bytes / kMb;
  const std::int64_t rest = bytes % kMb;
  if (rest * 2 == kMb) return whole + (whole % 2);
  return whole + (rest * 2 > kMb ? 1 : 0);
}

std::string format_members(const dcs::Cluster& cluster, const std::string& scope, const ListOptions& options,
                           std::vector<std::string>& warnings) {
  const config::Modes modes = config::modes_of(cluster.config.valid ? cluster.config.data : Document::map());
  auto members = dcs::member_overviews(cluster, modes);
  std::vector<TreeRow> ordered;
  if (options.format == Format::topology) {
    ordered = order_as_tree(std::move(members), warnings);
  } else {
    for (auto& member : members) ordered.push_back({std::move(member), 0});
  }
  const Listing listing = Lister(scope, options.format).list(std::move(ordered), options.extended);
  switch (options.format) {
    case Format::pretty:
    case Format::topology:
      return draw(listing, options.format, title_of(cluster, scope)) + lines_below(cluster, modes);
    case Format::tsv: return tab_separated(listing);
    case Format::json: return to_spaced_json(as_objects(listing)) + "\n";
    case Format::yaml: return to_yaml(as_objects(listing)) + "\n";
  }
  return {};
}

}  // namespace tanist::ctl
