#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/history.h"

namespace tanist::postgres {

/// Lines of a `.history` file: parent timeline, switch position, reason. Comments and blank lines are left
/// out.
std::vector<HistoryLine> parse_history(std::string_view text);
/// `00000003.history`
std::string history_file_name(Timeline timeline);

}  // namespace tanist::postgres
