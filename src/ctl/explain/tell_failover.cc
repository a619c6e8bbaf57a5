#include <algorithm>

#include "core/format.h"
#include "ctl/explain/failover.h"
#include "ctl/explain/tell.h"

/// How a failover is written.
namespace tanist::ctl::explain {
namespace {

double in_milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::optional<double> took(const Phase& phase) {
  if (!phase.ended) return std::nullopt;
  return in_milliseconds(*phase.ended - phase.begun);
}

/// The former leader has no member key any more: nobody can ask it.
bool is_lost(const Failover& failover, const std::vector<Known>& known) {
  if (failover.from.empty()) return false;
  return std::ranges::none_of(known, [&](const Known& each) { return each.member.name == failover.from; });
}
constexpr const char* kLost = "it has no member key";

std::string took_text(const Phase& phase) {
  const auto milliseconds = took(phase);
  if (!milliseconds) return "goes on";
  return fmt::format("{}{:.0f} ms", phase.at_most ? "<= " : "", *milliseconds);
}

std::string phase_line(const Phase& phase, WallTime now) {
  return fmt::format("{:<12} {}  {:>12}  {}\n", phase.name, clock_text(phase.begun, now), took_text(phase),
                     phase.what);
}

Document document_of(const Phase& phase) {
  Document out = Document::map({{"Phase", phase.name}, {"Begun", iso8601(phase.begun)}});
  if (phase.ended) out.set("Ended", iso8601(*phase.ended));
  if (const auto milliseconds = took(phase)) out.set("Milliseconds", *milliseconds);
  if (phase.at_most) out.set("At most", true);
  out.set("What", phase.what);
  return out;
}

}  // namespace

std::string told(const Failover& failover, const std::vector<Known>& known, WallTime now, bool coloured) {
  std::string out = toned(fmt::format("{} from {} to {}", failover.kind,
                                      failover.from.empty() ? "?" : failover.from, failover.to),
                          Tone::strong, coloured);
  if (failover.timeline != 0) out += fmt::format(", timeline {}", failover.timeline);
  out += "\n\n";
  for (const auto& phase : failover.phases) out += phase_line(phase, now);
  if (failover.without_primary) out += phase_line(*failover.without_primary, now);
  out += '\n';
  std::size_t width = 0;
  for (const auto& step : failover.steps) width = std::max(width, step.member.size());
  for (const auto& step : failover.steps) {
    const std::string text = step.text.substr(0, step.text.find('\n'));
    out += fmt::format("{}  {:<{}}  {}{}[{}]{}\n", clock_text(step.when, now), step.member, width, text,
                       text.empty() ? "" : " ", step.code, step.intent == "none" ? "" : " -> " + step.intent);
  }
  out += '\n';
  for (const auto& each : known) {
    if (each.has_journal()) {
      out += fmt::format("clock of {}: {:+.1f} ms (give or take {:.1f})\n", each.member.name,
                         in_milliseconds(each.clock.ahead), in_milliseconds(each.clock.error));
    } else {
      out += fmt::format("{} is missing: {}\n", each.member.name, each.trouble);
    }
  }
  if (is_lost(failover, known)) out += fmt::format("{} is missing: {}\n", failover.from, kLost);
  return out;
}

Document document_of(const Failover& failover, const std::vector<Known>& known) {
  Document phases = Document::list();
  for (const auto& phase : failover.phases) phases.push_back(document_of(phase));
  Document steps = Document::list();
  for (const auto& step : failover.steps)
    steps.push_back(Document::map({{"At", iso8601(step.when)},
                                   {"Member", step.member},
                                   {"Code", step.code},
                                   {"Text", step.text},
                                   {"Intent", step.intent}}));
  Document clocks = Document::list();
  for (const auto& each : known) {
    Document clock = Document::map({{"Member", each.member.name}});
    if (each.has_journal()) {
      clock.set("Ahead ms", in_milliseconds(each.clock.ahead));
      clock.set("Error ms", in_milliseconds(each.clock.error));
    } else {
      clock.set("Trouble", each.trouble);
    }
    clocks.push_back(std::move(clock));
  }
  if (is_lost(failover, known))
    clocks.push_back(Document::map({{"Member", failover.from}, {"Trouble", kLost}}));
  Document out = Document::map({{"Kind", failover.kind}, {"From", failover.from}, {"To", failover.to}});
  if (failover.timeline != 0) out.set("Timeline", failover.timeline);
  out.set("Phases", std::move(phases));
  if (failover.without_primary) out.set("Without a primary", document_of(*failover.without_primary));
  out.set("Decisions", std::move(steps));
  out.set("Clocks", std::move(clocks));
  return out;
}

}  // namespace tanist::ctl::explain
