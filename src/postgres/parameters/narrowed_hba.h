#pragma once

#include <expected>
#include <string>
#include <vector>

namespace tanist::postgres {

/// Lines of pg_hba.conf without anybody but `superuser` and those who replicate (physically; logical WAL
/// senders count as clients of their database). What is left is judged as it was before, by the same lines in
/// the same order and by their methods. Pure.
///
/// The error names a line that cannot be narrowed without a server (a group, a file of names, an included
/// file, a continued line), or says that the superuser is not let in by any.
std::expected<std::vector<std::string>, std::string> narrowed_hba(const std::vector<std::string>& lines,
                                                                  const std::string& superuser);

}  // namespace tanist::postgres
