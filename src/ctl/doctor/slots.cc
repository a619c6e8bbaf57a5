#include <algorithm>
#include <string>
#include <vector>

#include "core/format.h"
#include "ctl/doctor/findings.h"
#include "postgres/logical_slots.h"

/// Replication slots: what they hold back, and whether their consumers can go on elsewhere.
namespace tanist::ctl::doctor {

namespace {

std::string gb_text(std::int64_t bytes) {
  constexpr double kGb = std::int64_t{1} << 30;
  return fmt::format("{:.1f} GB", static_cast<double>(bytes) / kGb);
}

/// Logical slots that go with the lead, or that a member could go on with; nullopt: it does not tell.
std::optional<std::vector<std::string>> logical_slots(const MemberSeen& each) {
  const Document* told = each.status ? each.status->find("tanist_logical_slots") : nullptr;
  if (told == nullptr || !told->is_list()) return std::nullopt;
  std::vector<std::string> names;
  for (const auto& name : told->as_list()) names.push_back(name.text());
  std::ranges::sort(names);
  return names;
}

void check_copies(const Seen& seen, Findings& out) {
  const std::string leader = seen.store->leader_name();
  const auto found =
      std::ranges::find_if(seen.members, [&](const auto& each) { return each.member.name == leader; });
  const auto wanted = found == seen.members.end() ? std::nullopt : logical_slots(*found);
  if (!wanted) return;
  for (const auto& each : seen.members) {
    const auto has = logical_slots(each);
    if (!has || each.member.name == leader || each.member.nofailover()) continue;
    const auto missing = postgres::lacking(*wanted, *has);
    if (!missing.empty())
      out.push_back({Grade::warning, each.member.name,
                     "could not go on with the logical slots " + postgres::quoted_names(missing) +
                         ": a switchover to it is refused, after a failover their consumers miss changes",
                     "new copies take up to some minutes; if it stays so, its log says what it waits for"});
  }
}

}  // namespace

void check_slots(const Seen& seen, Findings& out) {
  check_copies(seen, out);
  for (const auto& each : seen.members) {
    const Document* risks = each.status ? each.status->find("tanist_slots_at_risk") : nullptr;
    if (risks == nullptr || !risks->is_list()) continue;
    for (const auto& risk : risks->as_list()) {
      const auto text = [&](const char* key) {
        const Document* value = risk.is_map() ? risk.find(key) : nullptr;
        return value == nullptr ? std::string() : value->text();
      };
      const auto bytes = [&](const char* key) { return gb_text(parse_int(Document(text(key))).value_or(0)); };
      const std::string kind = text("risk");
      const std::string slot = "replication slot " + text("slot");
      if (kind == "lost") {
        out.push_back({Grade::error, each.member.name, slot + " has lost WAL that its consumer needs",
                       "its consumer has to begin anew; a slot that nobody needs is to be dropped"});
      } else if (kind == "losing") {
        out.push_back({Grade::error, each.member.name,
                       fmt::format("{} is about to lose WAL that its consumer needs: it holds {}, "
                                   "max_slot_wal_keep_size is {}",
                                   slot, bytes("retained_bytes"), bytes("limit_bytes")),
                       "start or hurry who reads from it, or raise max_slot_wal_keep_size"});
      } else if (kind == "disk") {
        out.push_back({Grade::error, each.member.name,
                       fmt::format("{} holds {} of WAL, and only {} are free where WAL is written", slot,
                                   bytes("retained_bytes"), bytes("limit_bytes")),
                       "start or hurry who reads from it, or drop it, before the disk is full"});
      } else if (kind == "limit") {
        out.push_back({Grade::warning, each.member.name,
                       fmt::format("{} holds {} of WAL, more than tanist.slot_wal_warning ({})", slot,
                                   bytes("retained_bytes"), bytes("limit_bytes")),
                       "start or hurry who reads from it, or drop it: max_slot_wal_keep_size bounds what it "
                       "takes"});
      }
    }
  }
}

}  // namespace tanist::ctl::doctor
