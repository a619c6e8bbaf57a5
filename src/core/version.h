#pragma once

namespace tanist {

/// `0.1.0`, as CMake's project says. A function of one small file: another version compiles nothing else
/// anew.
const char* version();

}  // namespace tanist
