#pragma once

#include <string>
#include <vector>

#include "ctl/top/model.h"

/// What `tanistctl top` shows. Pure.
namespace tanist::ctl {

enum class Tone { plain, head, faint, good, warning, bad };

struct Span {
  std::string text;
  Tone tone = Tone::plain;
};

struct ScreenLine {
  std::vector<Span> spans;
  /// The one that keys act upon.
  bool selected = false;
};

struct ScreenSize {
  int columns = 80;
  int rows = 24;
};

/// Exactly `size.rows` lines, none wider than the screen. `unicode`: it shows more than ASCII.
std::vector<ScreenLine> screen(const TopModel& model, ScreenSize size, Instant now, const std::string& time,
                               bool unicode);
/// Without its tones.
std::string text_of(const ScreenLine& line);

}  // namespace tanist::ctl
