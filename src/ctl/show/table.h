#pragma once

#include <string>
#include <vector>

namespace tanist::ctl {

struct Column {
  std::string header;
  bool right_aligned = false;
};

/// A grid of ASCII lines. Cells may have several lines. `title` is written over the top rule from its second
/// character on, cut to fit; empty: none. Ends with a newline.
std::string draw_table(const std::vector<Column>& columns, const std::vector<std::vector<std::string>>& rows,
                       const std::string& title = {});

}  // namespace tanist::ctl
