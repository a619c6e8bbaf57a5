#include "ctl/top/display.h"

// Its macros would rename half of the world.
#define NCURSES_NOMACROS 1
#define NCURSES_WIDECHAR 1
#include <langinfo.h>
#include <ncurses.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/format.h"
#include "ctl/settings.h"

/// The only file that knows ncurses.
namespace tanist::ctl {

struct Display::Impl {
  SCREEN* terminal = nullptr;
  bool colours = false;
  bool unicode = false;
};

namespace {

constexpr short kGood = 1;
constexpr short kWarning = 2;
constexpr short kBad = 3;
constexpr int kEscapeDelayMs = 50;

attr_t attributes(Tone tone, bool colours) {
  const auto coloured = [colours](short pair, attr_t otherwise) {
    return colours ? static_cast<attr_t>(COLOR_PAIR(pair)) : otherwise;
  };
  switch (tone) {
    case Tone::plain: return A_NORMAL;
    case Tone::head: return A_BOLD;
    case Tone::faint: return A_DIM;
    case Tone::good: return coloured(kGood, A_NORMAL);
    case Tone::warning: return coloured(kWarning, A_BOLD);
    case Tone::bad: return coloured(kBad, A_BOLD) | A_BOLD;
  }
  return A_NORMAL;
}

}  // namespace

Display::Display(bool colours) : impl_(std::make_unique<Impl>()) {
  ::setlocale(LC_CTYPE, "");
  impl_->unicode = std::string(::nl_langinfo(CODESET)) == "UTF-8";
  const char* type = std::getenv("TERM");
  impl_->terminal = ::newterm(nullptr, stdout, stdin);
  // A printer, or a window of an editor that shows lines one after the other.
  if (impl_->terminal == nullptr || ::tigetstr("cup") == nullptr) {
    if (impl_->terminal != nullptr) {
      ::endwin();
      ::delscreen(impl_->terminal);
    }
    throw Failure(fmt::format(
        "the terminal of type '{}' is not known, or has no screen\nHINT: set TERM, or use `list -W`",
        type == nullptr ? "" : type));
  }
  ::cbreak();
  ::noecho();
  ::nonl();
  ::set_escdelay(kEscapeDelayMs);
  ::keypad(::stdscr, TRUE);
  ::nodelay(::stdscr, TRUE);
  ::curs_set(0);
  impl_->colours = colours && ::has_colors();
  if (impl_->colours) {
    ::start_color();
    ::use_default_colors();
    ::init_pair(kGood, COLOR_GREEN, -1);
    ::init_pair(kWarning, COLOR_YELLOW, -1);
    ::init_pair(kBad, COLOR_RED, -1);
  }
}

Display::~Display() {
  ::endwin();
  ::delscreen(impl_->terminal);
}

ScreenSize Display::size() const {
  return {.columns = getmaxx(::stdscr), .rows = getmaxy(::stdscr)};
}

bool Display::unicode() const {
  return impl_->unicode;
}

void Display::resized() {
  winsize now{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) != 0 || now.ws_row == 0 || now.ws_col == 0) return;
  ::resizeterm(now.ws_row, now.ws_col);
  ::clearok(::stdscr, TRUE);
}

void Display::show(const std::vector<ScreenLine>& lines) {
  ::werase(::stdscr);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    ::wmove(::stdscr, static_cast<int>(i), 0);
    for (const auto& span : lines[i].spans) {
      attr_t shown = attributes(span.tone, impl_->colours);
      if (lines[i].selected) shown |= A_REVERSE;
      ::wattr_set(::stdscr, shown, static_cast<short>(PAIR_NUMBER(shown)), nullptr);
      ::waddnstr(::stdscr, span.text.c_str(), static_cast<int>(span.text.size()));
    }
  }
  ::wattr_set(::stdscr, A_NORMAL, 0, nullptr);
  ::wrefresh(::stdscr);
}

Display::Read Display::read() {
  const int key = ::wgetch(::stdscr);
  if (key == ERR) return {};
  switch (key) {
    case KEY_UP: return {true, TopPress{TopKey::up}};
    case KEY_DOWN: return {true, TopPress{TopKey::down}};
    case KEY_ENTER:
    case '\r':
    case '\n': return {true, TopPress{TopKey::enter}};
    case KEY_BACKSPACE:
    case 127:
    case '\b': return {true, TopPress{TopKey::backspace}};
    case 27: return {true, TopPress{TopKey::escape}};
    default: break;
  }
  if (key >= 0x20 && key < 0x7f) return {true, TopPress{TopKey::letter, static_cast<char>(key)}};
  return {true, std::nullopt};
}

}  // namespace tanist::ctl
