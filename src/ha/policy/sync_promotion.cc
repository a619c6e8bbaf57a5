#include "ha/policy/sync_promotion.h"

#include <algorithm>

namespace tanist::ha::policy {
namespace {

using StandbyNames = postgres::StandbyNames;

constexpr int kFirstWithSeveral = 90600;

NameSet members_of(const dcs::SyncState& sync) {
  NameSet members(sync.voters.begin(), sync.voters.end());
  if (sync.active()) members.insert(sync.leader);
  return members;
}

/// Without names and count nothing is waited for.
StandbyNames names_of(StandbyNames::Kind kind, int count, NameSet names) {
  if (names.empty() && count == 0) return {};
  return {.kind = kind, .count = count, .names = std::move(names)};
}

}  // namespace

StandbyNames waiting_for_zones(StandbyNames list, const OtherZones& zones, int server_version) {
  if (zones.wanted <= 0) return list;
  if (zones.among(list.names) >= zones.wanted) {
    // Of a list in the order of priority all are waited for.
    list.count = std::max(list.count, zones.least_count(list.names));
    return list;
  }
  // Such a server waits for the first of a list.
  if (server_version != 0 && server_version < kFirstWithSeveral) list.names.clear();
  const bool alone = list.names.empty();
  list.names.insert(std::string(postgres::kStrictPlaceholder));
  list.count = static_cast<int>(list.names.size());
  if (alone) list.names.clear();
  if (list.kind == StandbyNames::Kind::off) list.kind = StandbyNames::Kind::priority;
  return list;
}

BeforePromotion before_promotion_in_priority_mode(const dcs::SyncState& sync, const std::string& me,
                                                  bool strict, int server_version, const OtherZones& zones) {
  NameSet standbys;
  if (strict) standbys = without(members_of(sync), {me});
  // Such a server waits for one only.
  const bool single = server_version != 0 && server_version < kFirstWithSeveral;
  if (single && standbys.size() > 1) {
    const auto old = standbys.find(sync.leader);
    standbys = {old != standbys.end() ? *old : in_text_order(standbys).front()};
  }
  const int count = standbys.empty() && strict ? 1 : static_cast<int>(standbys.size());
  BeforePromotion before;
  before.record = dcs::SyncRecord{.leader = me, .voters = in_text_order(standbys), .quorum = 0};
  before.names = names_of(StandbyNames::Kind::priority, count, std::move(standbys));
  if (strict) before.names = waiting_for_zones(std::move(before.names), zones, server_version);
  return before;
}

BeforePromotion before_promotion_in_quorum_mode(const dcs::SyncState& sync, const std::string& me,
                                                bool strict, int server_version, const OtherZones& zones) {
  const NameSet members = members_of(sync);
  const int quorum = sync.active() ? sync.quorum : 0;
  NameSet standbys = without(members, {me});
  // As many as leave too few for an election among the others; who was elected from outside of them comes on
  // top.
  int count = static_cast<int>(members.size()) - quorum - 1;
  if (!members.contains(me)) ++count;
  // A quorum that asks for all of them at once would need no commit to wait: no server can be told that.
  count = std::max(count, strict || !standbys.empty() ? 1 : 0);
  count = std::max(count, zones.least_count(standbys));
  BeforePromotion before;
  if (sync.active() && !same_name(sync.leader, me)) {
    // Beyond the reference, which leaves this to the first cycle of the new primary: until then the old
    // leader, back from the dead and alone, would be elected without a vote, whatever was committed since.
    before.record = dcs::SyncRecord{.leader = me, .voters = in_text_order(standbys), .quorum = quorum};
  }
  before.names = names_of(StandbyNames::Kind::quorum, count, std::move(standbys));
  if (strict) before.names = waiting_for_zones(std::move(before.names), zones, server_version);
  return before;
}

}  // namespace tanist::ha::policy
