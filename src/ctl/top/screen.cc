#include "ctl/top/screen.h"

#include <algorithm>

#include "core/format.h"
#include "ctl/show/unicode.h"

namespace tanist::ctl {

namespace {

constexpr std::size_t kLongestName = 24;
constexpr std::size_t kStateWidth = 17;
constexpr int kSmallestColumns = 40;
constexpr int kSmallestRows = 8;
/// A picture that is older than that is said to be so.
constexpr Duration kFresh = std::chrono::seconds(6);

void append(std::string& out, char32_t c) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | (c >> 6));
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3f));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

/// What of it fits, and with nothing in it that a terminal would obey.
std::string fitting(std::string_view text, std::size_t width, bool unicode) {
  std::string out;
  std::size_t used = 0;
  for (const char32_t c : code_points(text)) {
    const bool shows = c >= 0x20 && c != 0x7f && (c < 0x80 || (unicode && c >= 0xa0));
    std::string one;
    append(one, shows ? c : U'?');
    const std::size_t wide = display_width(one);
    if (used + wide > width) break;
    used += wide;
    out += one;
  }
  return out;
}

std::string padded(std::string_view text, std::size_t width, bool unicode, bool right = false) {
  const std::string shown = fitting(text, width, unicode);
  const std::string blanks(width - display_width(shown), ' ');
  return right ? blanks + shown : shown + blanks;
}

std::string role_text(const TopMember& member) {
  std::string out = member.role;
  bool first = true;
  for (char& c : out) {
    if (c == '_') c = ' ';
    if (first && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    first = c == ' ';
  }
  return out;
}

std::string answered(const TopMember& member, const char* key) {
  const Document* value = member.answer.find(key);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

std::string state_text(const TopMember& member) {
  if (!member.trouble.empty()) return "no answer";
  std::string out = answered(member, "replication_state");
  if (out.empty() || member.leads) out = answered(member, "state");
  if (out.empty()) out = member.state;
  const Document* done = member.answer.find_path("progress.done_bytes");
  const Document* total = member.answer.find_path("progress.total_bytes");
  if (done != nullptr && total != nullptr && done->is_int() && total->is_int() && total->as_int() > 0)
    out =
        fmt::format("{} {}%", out, std::clamp<std::int64_t>(done->as_int() * 100 / total->as_int(), 0, 100));
  return out;
}

std::int64_t timeline_of(const TopMember& member) {
  const Document* live = member.answer.find("timeline");
  return live != nullptr && live->is_int() ? live->as_int() : member.timeline;
}

Tone tone_of(const TopMember& member, const std::string& state) {
  if (!member.trouble.empty()) return Tone::bad;
  if (state == "running" || state == "streaming") return Tone::good;
  return state.find("failed") != std::string::npos || state == "crashed" ? Tone::bad : Tone::warning;
}

std::string curve(const TopMember& member, std::size_t width, std::int64_t highest, bool unicode) {
  static constexpr const char* kBars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr char kLetters[] = "_.,-=+*#";
  std::string out;
  const std::size_t shown = std::min(width, member.lags.size());
  for (std::size_t i = member.lags.size() - shown; i < member.lags.size(); ++i) {
    const auto& lag = member.lags[i];
    if (!lag) {
      out += ' ';
      continue;
    }
    // The least there is is no bar at all.
    const auto level = static_cast<std::size_t>(
        *lag <= 0 || highest <= 0 ? 0 : std::clamp<std::int64_t>(1 + *lag * 7 / highest, 1, 7));
    if (unicode) {
      out += kBars[level];
    } else {
      out += kLetters[level];
    }
  }
  return out;
}

std::string age_text(Duration age) {
  const auto whole = std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(age).count());
  if (whole < 120) return fmt::format("{} s", whole);
  if (whole < 7200) return fmt::format("{} min", whole / 60);
  return fmt::format("{} h", whole / 3600);
}

class Screen {
 public:
  Screen(const TopModel& model, ScreenSize size, Instant now, const std::string& time, bool unicode)
      : model_(model), size_(size), now_(now), time_(time), unicode_(unicode) {}

  std::vector<ScreenLine> draw() {
    if (size_.columns < kSmallestColumns || size_.rows < kSmallestRows) {
      add({{"too small, needs 80x24", Tone::bad}});
      return finished();
    }
    header();
    add({});
    if (model_.help) {
      help();
    } else {
      members();
      events();
    }
    return finished();
  }

 private:
  std::size_t columns() const { return static_cast<std::size_t>(size_.columns); }
  int left() const { return size_.rows - static_cast<int>(lines_.size()) - 1; }

  void add(std::vector<Span> spans, bool selected = false) {
    ScreenLine line;
    line.selected = selected;
    std::size_t room = columns();
    for (auto& span : spans) {
      span.text = fitting(span.text, room, unicode_);
      room -= display_width(span.text);
      line.spans.push_back(std::move(span));
    }
    lines_.push_back(std::move(line));
  }

  void header() {
    std::string title = " " + model_.cluster;
    if (!model_.system_identifier.empty()) title += " (" + model_.system_identifier + ")";
    title += model_.leader.empty() ? (model_.seen ? "  nobody leads" : "") : "  leader " + model_.leader;
    const std::size_t width = columns() - std::min(columns(), time_.size() + 2);
    add({{padded(title, width, unicode_), model_.seen && model_.leader.empty() ? Tone::bad : Tone::head},
         {" " + time_, Tone::faint}});
    std::vector<Span> second;
    const Duration age = now_ - model_.seen_at;
    if (!model_.seen && model_.store_trouble.empty()) {
      second.push_back({" asking " + model_.store, Tone::faint});
    } else if (!model_.seen) {
      second.push_back(
          {fmt::format(" {} does not answer: {}", model_.store, model_.store_trouble), Tone::bad});
    } else if (!model_.store_trouble.empty()) {
      second.push_back({fmt::format(" {} does not answer, the picture is {} old: {}", model_.store,
                                    age_text(age), model_.store_trouble),
                        Tone::bad});
    } else if (age > kFresh) {
      second.push_back({fmt::format(" the picture is {} old", age_text(age)), Tone::warning});
    } else {
      second.push_back(
          {fmt::format(" {} members, {} answers", model_.members.size(), model_.store), Tone::faint});
    }
    if (model_.pause) second.insert(second.begin(), Span{" PAUSED ", Tone::warning});
    if (!model_.planned.empty()) second.push_back({"  " + model_.planned, Tone::warning});
    add(std::move(second));
  }

  /// The members take as much as they need, but for a few lines of events; the selected one is in sight.
  void members() {
    std::size_t name_width = 6;
    std::int64_t highest = 0;
    for (const auto& member : model_.members) {
      name_width = std::max(name_width, display_width(member.name));
      for (const auto& lag : member.lags) highest = std::max(highest, lag.value_or(0));
    }
    name_width = std::min(name_width, kLongestName);
    const std::size_t fixed = 2 + name_width + 1 + 14 + 1 + kStateWidth + 1 + 4 + 1 + 8 + 2;
    const std::size_t rest = columns() > fixed ? columns() - fixed : 0;
    const std::string over_time = highest > 0 ? "LAG, TOP " + bytes_text(highest) : "LAG OVER TIME";
    add({{fmt::format("  {} {} {} {} {}  {}", padded("MEMBER", name_width, unicode_),
                      padded("ROLE", 14, unicode_), padded("STATE", kStateWidth, unicode_),
                      padded("TL", 4, unicode_, true), padded("LAG", 8, unicode_, true), over_time),
          Tone::head}});
    if (model_.members.empty()) add({{model_.seen ? "  no members" : "", Tone::faint}});
    constexpr int kEventLines = 4;
    const auto room = static_cast<std::size_t>(std::max(1, left() - kEventLines));
    const auto at = static_cast<std::size_t>(std::max<std::ptrdiff_t>(
        0, std::ranges::find(model_.members, model_.selected, &TopMember::name) - model_.members.begin()));
    const std::size_t first = at < room ? 0 : std::min(at, model_.members.size() - 1) - room + 1;
    for (std::size_t i = first; i < std::min(model_.members.size(), first + room); ++i)
      row(model_.members[i], name_width, rest, highest);
  }

  void row(const TopMember& member, std::size_t name_width, std::size_t rest, std::int64_t highest) {
    const bool selected = member.name == model_.selected;
    const std::string state = state_text(member);
    const auto lag = lag_of(model_, member);
    const std::string lag_text = member.leads ? "" : lag ? bytes_text(*lag) : "unknown";
    const std::int64_t timeline = timeline_of(member);
    std::vector<Span> spans = {
        {fmt::format("{} {} {} ", selected ? ">" : " ", padded(member.name, name_width, unicode_),
                     padded(role_text(member), 14, unicode_)),
         member.leads ? Tone::head : Tone::plain},
        {padded(state, kStateWidth, unicode_), tone_of(member, state)},
        {fmt::format(" {} {}", padded(timeline == 0 ? "" : std::to_string(timeline), 4, unicode_, true),
                     padded(lag_text, 8, unicode_, true)),
         Tone::plain}};
    if (!member.trouble.empty()) {
      spans.push_back({"  " + member.trouble, Tone::bad});
    } else if (member.pending_restart) {
      constexpr std::string_view kPending = " restart pending";
      const std::size_t width = rest > kPending.size() ? rest - kPending.size() : 0;
      spans.push_back({"  " + padded(curve(member, width, highest, unicode_), width, unicode_), Tone::faint});
      spans.push_back({std::string(kPending), Tone::warning});
    } else {
      spans.push_back({"  " + curve(member, rest, highest, unicode_), Tone::faint});
    }
    add(std::move(spans), selected);
  }

  void events() {
    if (left() < 3) return;
    add({});
    add({{" EVENTS", Tone::head},
         {model_.listened_to.empty() ? "  no member tells of any (yet)" : "  as " + model_.teller + " tells",
          Tone::faint}});
    const auto room = static_cast<std::size_t>(left());
    const auto& events = model_.events;
    const std::size_t first = events.size() > room ? events.size() - room : 0;
    for (std::size_t i = first; i < events.size(); ++i)
      add({{" " + events[i].time + " ", Tone::faint}, {events[i].text, Tone::plain}});
  }

  void help() {
    for (const char* line :
         {"  up, down, k, j   select a member", "  s                switch over to the selected member",
          "  r                restart its PostgreSQL", "  p                pause the cluster, or resume it",
          "  ?                this help, and away with it", "  q, Ctrl-C        end", "",
          "  s, r and p ask first: y and Enter, whatever else means no.",
          "  Lag: what a member has not replayed of the leader's WAL; the curve has a point every round.",
          "  Role: by the store. State and timeline: as the member itself says."}) {
      if (left() > 0) add({{line, Tone::plain}});
    }
  }

  Span last_line() const {
    if (model_.question) return {" " + model_.question->text + model_.question->typed, Tone::warning};
    if (!model_.busy.empty())
      return {fmt::format(" {}, {} ...", model_.busy, age_text(now_ - model_.busy_since)), Tone::warning};
    if (!model_.message.empty())
      return {" " + model_.message, model_.message_is_bad ? Tone::bad : Tone::good};
    return {" q quit  ? help  j/k select  s switch over to  r restart  p " +
                std::string(model_.pause ? "resume" : "pause"),
            Tone::faint};
  }

  std::vector<ScreenLine> finished() {
    const auto rows = static_cast<std::size_t>(std::max(1, size_.rows));
    lines_.resize(rows - 1);
    add({last_line()});
    return std::move(lines_);
  }

  const TopModel& model_;
  ScreenSize size_;
  Instant now_;
  const std::string& time_;
  bool unicode_;
  std::vector<ScreenLine> lines_;
};

}  // namespace

std::vector<ScreenLine> screen(const TopModel& model, ScreenSize size, Instant now, const std::string& time,
                               bool unicode) {
  return Screen(model, size, now, time, unicode).draw();
}

std::string text_of(const ScreenLine& line) {
  std::string out;
  for (const auto& span : line.spans) out += span.text;
  return out;
}

}  // namespace tanist::ctl
