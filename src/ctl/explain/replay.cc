#include "ctl/explain/replay.h"

#include <fmt/format.h>
#include <algorithm>

#include "core/format.h"
#include "ctl/explain/journals.h"
#include "ctl/explain/tell.h"
#include "ctl/settings.h"
#include "ha/model/journal_codec.h"
#include "ha/policy/decide.h"
#include "json/parse.h"

namespace tanist::ctl::explain {
namespace {

/// Adds what a value of the file is; false: it is nothing of a journal.
bool add(std::vector<Recorded>& out, const Document& value) {
  if (!value.is_map()) return false;
  if (const Document* entries = value.find("entries"); entries != nullptr && entries->is_list()) {
    for (const auto& entry : entries->as_list())
      if (!add(out, entry)) return false;
    const Document* now = value.find("now");
    return now == nullptr || now->is_null() || add(out, *now);
  }
  const Document* view = value.find("view");
  const Document* decision = value.find("decision");
  if (view != nullptr && view->is_map()) {
    out.push_back({.at = text_at(value, "at"),
                   .decision = decision != nullptr ? *decision : Document(),
                   .view = *view});
    return true;
  }
  if (value.find("self") != nullptr && value.find("store") != nullptr) {
    out.push_back({.at = {}, .decision = {}, .view = value});
    return true;
  }
  return value.find("previous_repeated") != nullptr || value.find("dropped") != nullptr;
}

constexpr const char* kNoJournal =
    "{} is nothing of a journal\nHINT: <state_dir>/journal.jsonl is one, and so is the answer of GET "
    "/journal";

/// Parts of a decision that a reader tells apart; what it remembers and when it wakes follows from them.
constexpr const char* kCompared[] = {"reason", "checks", "intent", "mandate", "duties", "needs"};

std::vector<std::string> differences(const Document& recorded, const Document& decided) {
  std::vector<std::string> out;
  for (const char* part : kCompared) {
    const Document* before = recorded.find(part);
    const Document* after = decided.find(part);
    // Journals of before there were checks have none.
    if (part == std::string_view("checks") && before == nullptr) continue;
    const bool same = before == nullptr || after == nullptr ? before == after : *before == *after;
    if (!same) out.emplace_back(part);
  }
  return out;
}

std::string told(const Replayed& one, bool coloured) {
  std::string out =
      toned(fmt::format("{}{}{}", one.at, one.at.empty() ? "" : "  ", one.member), Tone::strong, coloured);
  if (one.recorded && one.differs.empty())
    return out + "  the same again\n" + told(one.decided, "", 2, coloured);
  if (!one.recorded) return out + "\n" + told(one.decided, "", 2, coloured);
  out += fmt::format("  differs in {}\n", fmt::join(one.differs, ", "));
  out += "  recorded:\n" + told(*one.recorded, " -> " + one.recorded->intent, 4, coloured);
  return out + "  now:\n" + told(one.decided, " -> " + one.decided.intent, 4, coloured);
}

}  // namespace

std::vector<Recorded> read_recorded(std::string_view text, const std::string& file) {
  std::vector<Recorded> out;
  const auto whole = parse_json(std::string(text));
  if (whole) {
    if (!add(out, *whole)) throw Failure(fmt::format(kNoJournal, file));
    return out;
  }
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    if (line.empty()) continue;
    const auto value = parse_json(line);
    if (!value && end == std::string_view::npos && number > 1) break;
    if (!value) throw Failure(fmt::format("{}:{}: {}", file, number, value.error()));
    if (!add(out, *value)) throw Failure(fmt::format(kNoJournal, fmt::format("{}:{}", file, number)));
  }
  if (out.empty()) throw Failure(fmt::format("{} holds no decision", file));
  return out;
}

Replayed replay(const Recorded& recorded, const OtherSettings& with, std::vector<std::string>& notes) {
  auto view = ha::decode_view(recorded.view);
  if (!view) throw Failure(recorded.at.empty() ? view.error() : recorded.at + ": " + view.error());
  if (!with.empty()) view->settings = with.over(view->settings, notes);
  const Document decided = ha::encode(ha::decide(*view));
  Replayed out{.at = recorded.at, .member = view->self.name, .recorded = {}, .decided = verdict_of(decided)};
  if (recorded.decision.is_map()) {
    out.recorded = verdict_of(recorded.decision);
    out.differs = differences(recorded.decision, decided);
  }
  return out;
}

std::string told(const std::vector<Replayed>& all, bool whole, bool coloured) {
  std::string out;
  std::size_t differ = 0;
  for (const auto& one : all) {
    const bool differs = !one.differs.empty();
    if (differs) ++differ;
    if (differs || whole || !one.recorded || all.size() == 1) out += told(one, coloured) + '\n';
  }
  return out + fmt::format("{} decision{}, {} differ{}\n", all.size(), all.size() == 1 ? "" : "s", differ,
                           differ == 1 ? "s" : "");
}

Document document_of(const std::vector<Replayed>& all) {
  Document out = Document::list();
  for (const auto& one : all) {
    Document item = Document::map({{"At", one.at}, {"Member", one.member}});
    if (one.recorded) item.set("Recorded", document_of(*one.recorded));
    item.set("Decided", document_of(one.decided));
    Document differs = Document::list();
    for (const auto& part : one.differs) differs.push_back(part);
    item.set("Differs", std::move(differs));
    out.push_back(std::move(item));
  }
  return out;
}

}  // namespace tanist::ctl::explain
