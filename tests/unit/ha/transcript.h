#pragma once

#include <string>

#include "ha/policy/decide.h"
#include "unit/ha/view_builder.h"

/// Transcripts (*.txt): a story of changes to a view and what is decided after each. A paragraph is
///
///     # what happens
///     words=that change=the view
///     ----
///     what was decided
///
/// Memory goes from one decision to the next.
namespace tanist::ha::testing {

class Story {
 public:
  /// Applies one line of changes; throws std::invalid_argument for a word that is not known.
  void change(const std::string& line);
  /// Decides, remembers, and tells what was decided.
  std::string decide();

 private:
  void apply(const std::string& word, const std::string& value);
  ViewBuilder b_;
  std::uint64_t serial_ = 0;
};

/// The text with its answers as they are now.
std::string retell(const std::string& text);

}  // namespace tanist::ha::testing
