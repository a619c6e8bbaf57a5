#pragma once

/// format and format_string. What needs more of the library (join) includes <fmt/format.h> beside it: a
/// quarter of a second that all others save.
#include <fmt/core.h>
