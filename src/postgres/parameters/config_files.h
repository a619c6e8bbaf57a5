#pragma once

#include <optional>
#include <string>
#include <vector>

#include "postgres/parameters/parameters.h"

/// Texts of the files that PostgreSQL is configured with (postgres.md §14, §18).
namespace tanist::postgres {

/// `'it''s'`: quotes and backslashes doubled, line breaks as `\n`.
std::string quote_setting(std::string_view value);

struct MainConfiguration {
  /// What the first line includes: the base file or custom_conf.
  std::string include;
  Parameters parameters;
  /// Empty: the user set it, it stands among the parameters.
  std::string hba_file;
  std::string ident_file;
  /// From version 12 on; empty: no recovery section.
  Parameters recovery;
};
/// `recovery` is written from version 12 on.
MainConfiguration main_configuration(const config::Postgresql& settings, Parameters parameters,
                                     const Parameters& recovery, int version);
/// Whether pg_hba.conf (`hba_file`) or pg_ident.conf (`ident_file`) is ours, or a file of the user.
bool is_own_file(const config::Postgresql& settings, const Parameters& parameters,
                 const std::string& parameter);
/// Where the files of the configuration are: config_dir, or the data directory.
std::string config_directory(const config::Postgresql& settings);
/// The one that is written for `postgres --config-file`.
std::string main_file(const config::Postgresql& settings);
/// `<config_dir>/pg_hba.conf` or `pg_ident.conf`.
std::string own_file(const config::Postgresql& settings, const std::string& parameter);

std::string render_main_configuration(const MainConfiguration& configuration);

/// Whether a file was written by one of the render functions.
bool is_generated(std::string_view text);

/// What render_main_configuration() has written for it; nullopt: nothing, or the file is not of that make.
std::optional<std::string> rendered_value(std::string_view main_configuration, std::string_view parameter);

/// pg_hba.conf or pg_ident.conf.
std::string render_lines(const std::vector<std::string>& lines);

/// recovery.conf of servers before 12, and back; nullopt: there is a line that is no assignment.
std::string render_recovery_conf(const Parameters& recovery);
std::optional<Parameters> parse_recovery_conf(std::string_view text);

/// postgresql.auto.conf without lines that set recovery parameters; nullopt: there are none.
std::optional<std::string> without_recovery_parameters(std::string_view auto_conf);

/// `relative` seen from `directory`.
std::string resolve_path(const std::string& directory, const std::string& relative);

}  // namespace tanist::postgres
