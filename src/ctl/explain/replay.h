#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/document.h"
#include "ctl/explain/other_settings.h"
#include "ctl/explain/verdicts.h"

/// Recorded decisions, made again. Pure.
namespace tanist::ctl::explain {

/// A decision that was recorded with all that it was made on.
struct Recorded {
  /// As the journal has it; empty: it says none.
  std::string at;
  Document decision;
  Document view;
};

/// What a file holds: the lines of a journal, an answer of GET /journal, an entry of it, or a View alone.
/// Lines that only count others are left out; so is a last line without an end, which was not written
/// whole. `file` names it in messages. Throws Failure.
std::vector<Recorded> read_recorded(std::string_view text, const std::string& file);

struct Replayed {
  std::string at;
  std::string member;
  /// nullopt: a View alone was recorded.
  std::optional<Verdict> recorded;
  Verdict decided;
  /// In what the two differ: `intent`, `duties`, …
  std::vector<std::string> differs;
};

/// Throws Failure for a View that cannot be read. `notes`: see OtherSettings::over.
Replayed replay(const Recorded& recorded, const OtherSettings& with, std::vector<std::string>& notes);

/// For people: those that differ, and how many there are; `whole`: all of them.
std::string told(const std::vector<Replayed>& all, bool whole, bool coloured);
Document document_of(const std::vector<Replayed>& all);

}  // namespace tanist::ctl::explain
