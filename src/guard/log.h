#pragma once

#include <string_view>

#include "guard/line.h"

/// The guardian's log: lines on the standard error that it was given. It has no heap, and a reader that
/// sleeps or a disk that hangs holds up nothing: a line that cannot be written at once is lost.
namespace tanist::guard {

enum class Severity { info, warning, error };

/// Looks at what standard error is; once, at the start.
void open_log();
void say(Severity severity, std::string_view text);
inline void say(Severity severity, const Text& text) {
  say(severity, text.view());
}

}  // namespace tanist::guard
