#pragma once

#include <string>
#include <vector>

#include "dcs/model.h"
#include "dcs/overview.h"

/// What `list` and `topology` print of one cluster. Pure.
namespace tanist::ctl {

enum class Format { pretty, topology, tsv, json, yaml };

struct ListOptions {
  Format format = Format::pretty;
  /// Also columns that nobody has a value for.
  bool extended = false;
};

/// The text, with its last newline. Complaints about what cannot be shown as it is stored are appended to
/// `warnings`.
std::string format_members(const dcs::Cluster& cluster, const std::string& scope, const ListOptions& options,
                           std::vector<std::string>& warnings);

/// Bytes as whole MB, ties to even.
std::int64_t lag_in_mb(std::int64_t bytes);

}  // namespace tanist::ctl
