#include "dcs/model.h"

#include <algorithm>

#include "config/zones.h"
#include "core/format.h"
#include "dcs/system_id.h"

namespace tanist::dcs {

namespace {

bool truthy_tag(const Document& tags, std::string_view name) {
  const Document* value = tags.find(name);
  return value != nullptr && value->truthy();
}

/// A priority tag: the boolean decides when it is there, else a priority that is not positive.
bool excluded(const Document& tags, std::string_view flag, std::string_view priority) {
  const Document* value = tags.find(flag);
  if (value != nullptr && !value->is_null()) return value->truthy();
  const Document* number = tags.find(priority);
  const auto parsed = number != nullptr ? parse_int(*number) : std::nullopt;
  return parsed && *parsed <= 0;
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

/// The code points of UTF-8; a byte that belongs to none stands for itself.
std::vector<std::uint32_t> code_points(std::string_view text) {
  std::vector<std::uint32_t> out;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t length = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    std::uint32_t code = length == 1 ? first : first & (0x7fu >> length);
    bool good = length == 1 || i + length <= text.size();
    for (std::size_t k = 1; good && k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      good = (next & 0xc0) == 0x80;
      code = (code << 6) | (next & 0x3f);
    }
    out.push_back(good ? code : first);
    i += good ? length : 1;
  }
  return out;
}

}  // namespace

bool Member::nofailover() const {
  return excluded(tags, "nofailover", "failover_priority");
}
bool Member::nosync() const {
  return excluded(tags, "nosync", "sync_priority");
}
bool Member::clonefrom() const {
  return truthy_tag(tags, "clonefrom");
}

int Member::sync_priority() const {
  if (nosync()) return 0;
  const Document* value = tags.find("sync_priority");
  const auto parsed = value != nullptr ? parse_int(*value) : std::nullopt;
  return static_cast<int>(parsed.value_or(1));
}
int Member::failover_priority() const {
  if (nofailover()) return 0;
  const Document* value = tags.find("failover_priority");
  const auto parsed = value != nullptr ? parse_int(*value) : std::nullopt;
  return static_cast<int>(parsed.value_or(1));
}

bool Member::nostream() const {
  const Document* value = tags.find("nostream");
  return value != nullptr && parse_bool(*value).value_or(false);
}

std::string Member::replicatefrom() const {
  const Document* value = tags.find("replicatefrom");
  return value != nullptr && value->is_scalar() && !value->is_null() ? value->text() : std::string();
}

std::string Member::zone() const {
  const Document* value = tags.find("zone");
  return value != nullptr && config::is_zone(*value) ? value->text() : std::string();
}

std::optional<std::pair<std::string, int>> Member::host_port() const {
  std::string_view text = conn_url;
  const auto scheme = text.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  text.remove_prefix(scheme + 3);
  text = text.substr(0, text.find_first_of("/?"));
  if (const auto at = text.rfind('@'); at != std::string_view::npos) text.remove_prefix(at + 1);
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    if (text.substr(end + 1).starts_with(':')) port = text.substr(end + 2);
  } else if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  if (host.empty()) return std::nullopt;
  int number = 5432;
  if (!port.empty()) {
    if (port.size() > 5 || !std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; }))
      return std::nullopt;
    number = std::stoi(std::string(port));
    if (number == 0 || number > 65535) return std::nullopt;
  }
  return std::pair(std::string(host), number);
}

bool SyncState::is_voter(const std::string& name) const {
  return std::ranges::any_of(voters,
                             [&](const std::string& voter) { return same_ignoring_case(voter, name); });
}

bool SyncState::is_member(const std::string& name) const {
  return active() && (same_ignoring_case(leader, name) || is_voter(name));
}

Timeline History::cluster_timeline() const {
  if (!lines.empty()) return Timeline{lines.back().parent.value + 1};
  return Timeline{empty_list ? 1u : 0u};
}

bool Initialize::valid_system_id() const {
  return dcs::valid_system_id(value);
}

const Member* Cluster::member(const std::string& name) const {
  const auto found = members.find(name);
  return found != members.end() ? &found->second : nullptr;
}

const Member* Cluster::leader_member() const {
  return unlocked() ? nullptr : member(leader->name);
}

const Member* Cluster::member_at(const std::string& hosts, std::int64_t port) const {
  for (const auto& [name, member] : members) {
    const auto address = member.host_port();
    if (!address || address->second != port) continue;
    for (std::size_t begin = 0; begin <= hosts.size();) {
      const std::size_t end = std::min(hosts.find(',', begin), hosts.size());
      if (hosts.substr(begin, end - begin) == address->first) return &member;
      begin = end + 1;
    }
  }
  return nullptr;
}

bool Cluster::empty() const {
  return !initialize.present && config.version.absent() && !leader && !status_present && members.empty() &&
         failover.version.absent() && sync.version.absent() && history.version.absent() &&
         failsafe_version.absent() && leadership_version.absent() && !bootstrap_note.present();
}

std::string slot_name(const std::string& member_name) {
  constexpr std::size_t kLongest = 63;
  std::string out;
  for (std::uint32_t code : code_points(member_name)) {
    const bool upper = (code >= 'A' && code <= 'Z') || (code >= 0xc0 && code <= 0xde && code != 0xd7);
    if (upper) code += 32;
    if ((code >= 'a' && code <= 'z') || (code >= '0' && code <= '9') || code == '_') {
      out += static_cast<char>(code);
    } else if (code == '-' || code == '.') {
      out += '_';
    } else {
      out += fmt::format("u{:04}", code);
    }
  }
  if (out.size() > kLongest) out.resize(kLongest);
  return out;
}

}  // namespace tanist::dcs
