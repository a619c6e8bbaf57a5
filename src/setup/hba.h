#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tanist::setup {

/// What keeps PostgreSQL from reading a line of pg_hba.conf; nullopt: nothing that can be seen from here.
std::optional<std::string> hba_problem(std::string_view line);
/// The same for pg_ident.conf.
std::optional<std::string> ident_problem(std::string_view line);

/// The line begins with a type of record; `includes`: with an include directive too (PostgreSQL 16).
bool is_hba_record(std::string_view line, bool includes);

}  // namespace tanist::setup
