#pragma once

#include <string_view>

#include "config/errors.h"
#include "config/stores.h"
#include "core/document.h"
#include "net/http.h"

namespace tanist::config {

/// Endpoints, user and TLS of an `etcd3` section. `proxy` wins over `url`, that over `hosts`, that over
/// `host`; a user in the URL replaces `username` and `password`. What cannot be used becomes an error.
void read_section(const Document& section, std::string_view file, Problems& problems, Etcd3& out);

/// The server is checked only where a CA is configured (dcs.md §4.1).
net::TlsOptions tls_options(const Etcd3& options);

}  // namespace tanist::config
