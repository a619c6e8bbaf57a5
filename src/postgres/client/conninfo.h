#pragma once

#include <map>
#include <string>
#include <string_view>

#include "config/settings.h"
#include "postgres/types.h"

namespace tanist::postgres {

/// Connection parameters by libpq's keyword.
using ConnectionParameters = std::map<std::string, std::string>;

/// `host=… port=… user=…` in the order and with the escapes of postgres.md §16, what `version` does not know
/// left out.
std::string render_conninfo(const ConnectionParameters& parameters, int version);

/// Whether libpq of `version` takes it; the gates are those of render_conninfo.
bool is_conninfo_keyword(std::string_view name, int version);

/// Reads a connection string, quoted values included; what cannot be read is left out.
ConnectionParameters parse_conninfo(std::string_view text);

/// Lines of a password file for these parameters; empty without a password.
std::string pgpass_content(const ConnectionParameters& parameters);

/// What may be in no command line, where every user of the host sees it: files for libpq, for which
/// PGPASSFILE and PGSERVICEFILE are set. Empty: there is nothing to hide.
struct SecretFiles {
  std::string pgpass;
  std::string service;
};
/// Takes the secrets out of `parameters`, which names a service instead where there is one.
SecretFiles take_secrets(ConnectionParameters& parameters, int version);

/// `user`, `password` and the TLS options of a section.
ConnectionParameters credentials_parameters(const config::Credentials& credentials);

/// What primary_conninfo says for `upstream`, the password included (it goes into the password file).
ConnectionParameters upstream_parameters(const config::Settings& settings, const Upstream& upstream,
                                         int version);

/// The same connection as another user (rewind, superuser), for a program that copies from or asks `source`.
ConnectionParameters source_parameters(const config::Settings& settings, const Upstream& source,
                                       const config::Credentials& credentials);

/// The user that may read the leader's files: `rewind`, or the superuser where that is not configured or too
/// new.
const config::Credentials& rewind_credentials(const config::Settings& settings, int version);

}  // namespace tanist::postgres
