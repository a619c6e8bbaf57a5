#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/document.h"
#include "ctl/explain/verdicts.h"

/// How verdicts are written. Pure.
namespace tanist::ctl::explain {

enum class Tone { plain, good, bad, strong };
/// With the colours of a terminal, where it is one.
std::string toned(std::string_view text, Tone tone, bool coloured);

/// `10:00:00.123`, of the zone of this host; with its date where that is not `today`'s.
std::string clock_text(WallTime when, WallTime today);

/// The lines of a decision, each with `indent` blanks before it: its text and code, then its rules.
std::string told(const Verdict& verdict, const std::string& behind_code, std::size_t indent, bool coloured);

Document document_of(const Verdict& verdict);

/// All of it for people.
std::string told(const std::vector<Explained>& all, WallTime now, bool coloured);
/// The same for programs: one item a member.
Document document_of(const std::vector<Explained>& all);

}  // namespace tanist::ctl::explain
