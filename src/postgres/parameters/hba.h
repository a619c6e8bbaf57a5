#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Lines of pg_hba.conf and pg_ident.conf, as far as they can be judged without a server.
namespace tanist::postgres {

/// What keeps PostgreSQL from reading a line of pg_hba.conf; nullopt: nothing that can be seen from here.
std::optional<std::string> hba_problem(std::string_view line);
/// The same for pg_ident.conf.
std::optional<std::string> ident_problem(std::string_view line);

/// The method by which a connection of this host's own (by Unix socket, or from 127.0.0.1) is let in: that of
/// the first line that fits. Empty: none does, or it cannot be told from here.
std::string hba_method(const std::vector<std::string>& lines, bool by_socket, std::string_view database,
                       std::string_view user);

/// The line lets other hosts in without a password.
bool lets_strangers_in(std::string_view line);
/// The line is about connections that replicate.
bool is_for_replication(std::string_view line);

/// The line begins with a type of record; `includes`: with an include directive too (PostgreSQL 16).
bool is_hba_record(std::string_view line, bool includes);

}  // namespace tanist::postgres
