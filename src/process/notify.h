#pragma once

#include <string_view>

namespace tanist::process {

/// Tells the service manager (`READY=1`, `STOPPING=1`, …) through $NOTIFY_SOCKET, if there is one. Never
/// blocks; false: nobody was told.
bool notify(std::string_view state);

}  // namespace tanist::process
