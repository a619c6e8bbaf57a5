#pragma once

#include <optional>
#include <string>
#include <vector>

#include "postgres/parameters.h"

/// Texts of the files that PostgreSQL is configured with (postgres.md §14, §18).
namespace tanist::postgres {

/// `'it''s'`: quotes and backslashes doubled.
std::string quote_setting(std::string_view value);

struct MainConfiguration {
  /// What the first line includes: the base file or custom_conf.
  std::string include;
  Parameters parameters;
  /// Written only when the user set none.
  std::string hba_file;
  std::string ident_file;
  /// From version 12 on; empty: no recovery section.
  Parameters recovery;
};
std::string render_main_configuration(const MainConfiguration& configuration);

/// pg_hba.conf or pg_ident.conf.
std::string render_lines(const std::vector<std::string>& lines);

/// recovery.conf of servers before 12.
std::string render_recovery_conf(const Parameters& recovery);

/// postgresql.auto.conf without lines that set recovery parameters; nullopt: there are none.
std::optional<std::string> without_recovery_parameters(std::string_view auto_conf);

/// `relative` seen from `directory`.
std::string resolve_path(const std::string& directory, const std::string& relative);

}  // namespace tanist::postgres
