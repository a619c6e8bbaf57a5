#pragma once

#include <expected>
#include <string>

namespace tanist::postgres {

/// Has libpq there, for a program that rarely needs it: the library and the twenty that it brings take longer
/// to load than most of what such a program does. To be called before anything of postgres/client; the error
/// says what could not be loaded.
std::expected<void, std::string> load_libpq();

}  // namespace tanist::postgres
