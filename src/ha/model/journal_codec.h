#pragma once

#include <expected>
#include <string>

#include "core/document.h"
#include "ha/model/decision.h"

/// The journal's form of what was known and what was decided. No secret is in it: of configuration only what
/// a decision reads. A view that was recorded can be decided on again with the same result.
namespace tanist::ha {

/// Grows when a recorded view could not be read any more as it was meant: one of another version is refused.
/// A journal is looked at by the version that wrote it, so no earlier form is kept.
constexpr int kJournalVersion = 2;

/// Where the journal is; what it had before it was begun anew has `.1` behind its name.
inline std::string journal_path(const std::string& state_dir) {
  return state_dir + "/journal.jsonl";
}

Document encode(const View& view);
Document encode(const Decision& decision);
/// As it stands among the `checks` of a decision.
Document encode(const Check& check);

/// Absent fields have their defaults; the error names what cannot be read.
std::expected<View, std::string> decode_view(const Document& document);

}  // namespace tanist::ha
