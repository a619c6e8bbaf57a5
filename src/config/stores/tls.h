#pragma once

#include <optional>

#include "config/stores.h"
#include "net/http.h"

namespace tanist::config {

/// How the certificates of the connections to the store are loaded, and what is checked of its server;
/// nullopt: it has none.
std::optional<net::TlsOptions> store_tls(const StoreOptions& options);

}  // namespace tanist::config
