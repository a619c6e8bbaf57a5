#pragma once

#include <string_view>

#include "config/errors.h"
#include "config/settings.h"

namespace tanist::config {

/// Endpoints, user and TLS of an `etcd3` section. `proxy` wins over `url`, that over `hosts`, that over
/// `host`; a user in the URL replaces `username` and `password`. What cannot be used becomes an error.
Etcd3 build_etcd3(const Document& section, std::string_view file, Problems& problems);

}  // namespace tanist::config
