#include <algorithm>

#include "dcs/codec.h"

namespace tanist::dcs {

namespace {

Document number(Lsn lsn) {
  return Document(static_cast<std::int64_t>(lsn.value));
}
Document text_or_null(const std::string& text) {
  return text.empty() ? Document() : Document(text);
}

Encoded encode_record(const ConfigRecord& r) {
  return {std::string(key::kConfig), to_json(r.data)};
}
Encoded encode_record(const StatusRecord& r) {
  return {std::string(key::kStatus), encode_status(r.status)};
}

Encoded encode_record(const LegacyOptimeRecord& r) {
  return {std::string(key::kLegacyOptime), std::to_string(r.optime.value)};
}

Encoded encode_record(const FailoverRecord& r) {
  Document out = Document::map();
  if (!r.leader.empty()) out.set("leader", r.leader);
  if (!r.candidate.empty()) out.set("member", r.candidate);
  if (r.scheduled_at) out.set("scheduled_at", iso8601(*r.scheduled_at));
  return {std::string(key::kFailover), to_json(out)};
}

Encoded encode_record(const SyncRecord& r) {
  auto voters = r.voters;
  std::ranges::sort(voters);
  std::string list;
  for (const auto& voter : voters) list += (list.empty() ? "" : ",") + voter;
  Document out = Document::map();
  out.set("leader", text_or_null(r.leader));
  out.set("quorum", r.leader.empty() ? Document() : Document(r.quorum));
  out.set("sync_standby", text_or_null(list));
  return {std::string(key::kSync), to_json(out)};
}

Encoded encode_record(const HistoryRecord& r) {
  Document out = Document::list();
  for (const auto& line : r.lines) {
    Document row = Document::list();
    row.push_back(static_cast<std::int64_t>(line.parent.value));
    row.push_back(number(line.switch_lsn));
    row.push_back(line.reason);
    if (!line.timestamp.empty() || !line.new_leader.empty()) row.push_back(line.timestamp);
    if (!line.new_leader.empty()) row.push_back(line.new_leader);
    out.push_back(std::move(row));
  }
  return {std::string(key::kHistory), to_json(out)};
}

Encoded encode_record(const FailsafeRecord& r) {
  Document out = Document::map();
  for (const auto& [name, url] : r.members) out.set(name, url);
  return {std::string(key::kFailsafe), to_json(out)};
}

Encoded encode_record(const InitializeRecord& r) {
  return {std::string(key::kInitialize), r.system_id};
}

}  // namespace

Encoded encode(const Record& record) {
  return std::visit([](const auto& r) { return encode_record(r); }, record);
}

std::string encode_status(const Status& status) {
  Document out = Document::map();
  out.set("optime", number(status.optime));
  if (!status.slots.empty()) {
    Document slots = Document::map();
    for (const auto& [name, lsn] : status.slots) slots.set(name, number(lsn));
    out.set("slots", std::move(slots));
  }
  if (!status.retain_slots.empty()) {
    auto names = status.retain_slots;
    std::ranges::sort(names);
    Document list = Document::list();
    for (auto& name : names) list.push_back(std::move(name));
    out.set("retain_slots", std::move(list));
  }
  return to_json(out);
}

std::string encode_leadership(const std::string& name, const std::optional<LedFrom>& from) {
  Document out = Document::map();
  out.set("name", name);
  if (from) {
    out.set("timeline", static_cast<std::int64_t>(from->timeline.value));
    out.set("position", number(from->position));
    out.set("replayed", number(from->replayed));
    out.set("optime", number(from->optime));
    if (!from->branch.empty()) out.set("branch", from->branch);
    if (!from->next.empty()) out.set("next", from->next);
  }
  return to_json(out);
}

std::string encode_bootstrap_note(const std::string& name, const std::string& incarnation) {
  Document out = Document::map();
  out.set("name", name);
  out.set("incarnation", incarnation);
  return to_json(out);
}

}  // namespace tanist::dcs
