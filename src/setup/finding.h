#pragma once

#include <string>
#include <vector>

namespace tanist::setup {

/// One line of `--validate-config` (config.md §8.1).
struct Finding {
  /// Dotted, with positions in lists.
  std::string path;
  /// The value in text form; empty for a missing key or a check of a directory.
  std::string value;
  /// `is not an integer`, `didn't pass validation: Wrong value`.
  std::string message;
  /// What would be right, and what was perhaps meant; empty: nothing to add.
  std::string allowed;
  std::string hint;
  /// The value has the wrong type, rather than being wrong.
  bool of_type = false;
  bool operator==(const Finding&) const = default;
};

using Findings = std::vector<Finding>;

/// `<path> <value> <message>`, which scripts read.
std::string line(const Finding& finding);

}  // namespace tanist::setup
