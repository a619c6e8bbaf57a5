#pragma once

#include <map>
#include <optional>
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

/// The same for what only the primary can tell: of several hosts it is looked for.
ConnectionParameters primary_parameters(const config::Settings& settings, const Upstream& source,
                                        const config::Credentials& credentials);

/// The user that may read the leader's files: `rewind`, or the superuser where that is not configured or too
/// new.
const config::Credentials& rewind_credentials(const config::Settings& settings, int version);

/// Where the local server listens. New settings of it count from the next start on (postgres.md §11).
struct LocalAddress {
  std::string listen_addresses;
  int port = 0;
  /// unix_socket_directories; nullopt: libpq's default.
  std::optional<std::string> socket_directories;
  bool operator==(const LocalAddress&) const = default;
};
LocalAddress local_address(const config::Settings& settings);

/// Parameters of a connection to the local server at `address`: by Unix socket where that is asked for, else
/// by TCP. `replication` takes the rules of use_unix_socket_repl.
ConnectionParameters local_parameters(const config::Settings& settings, const LocalAddress& address,
                                      const config::Credentials& credentials, bool replication);
/// The same at the address that the settings say.
ConnectionParameters local_parameters(const config::Settings& settings,
                                      const config::Credentials& credentials, bool replication);

}  // namespace tanist::postgres
