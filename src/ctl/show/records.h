#pragma once

#include <string>
#include <vector>

#include "core/document.h"
#include "ctl/show/member_list.h"
#include "ctl/show/table.h"

/// Rows as `history` and `query` print them (ctl.md §2). Pure.
namespace tanist::ctl {

struct Records {
  std::vector<Column> columns;
  /// As many values as there are columns, or any number where the columns have no names.
  std::vector<std::vector<Document>> rows;
};

/// The text, with its last newline. `delimiter`: between the values of tsv. What has no columns is no
/// objects: json and yaml show an empty one a row.
std::string format_records(const Records& records, Format format, const std::string& delimiter = "\t");

}  // namespace tanist::ctl
