#include "log/heartbeat.h"

#include <optional>

namespace tanist::log {
namespace {

bool names_the_owner(const std::string& message) {
  return message.starts_with("Lock owner: ");
}

bool says_no_action(const std::string& message) {
  return message.starts_with("no action. ") || message.starts_with("PAUSE: no action");
}

}  // namespace

void HeartbeatFilter::pass(Line line, const Options& options, std::vector<Line>& out) {
  if (options.level != Level::info) {
    release(out);
    last_heartbeat_.clear();
    out.push_back(std::move(line));
    return;
  }
  std::optional<Line> held;
  if (auto node = held_.extract(line.thread)) held = std::move(node.mapped());

  if (says_no_action(line.message)) {
    auto& last = last_heartbeat_[line.thread];
    if (held && options.deduplicate_heartbeats && last == line.message) return;
    last = line.message;
    out.push_back(std::move(line));
    return;
  }
  if (held) out.push_back(*std::move(held));
  if (names_the_owner(line.message)) {
    held_.emplace(line.thread, std::move(line));
    return;
  }
  last_heartbeat_.erase(line.thread);
  out.push_back(std::move(line));
}

void HeartbeatFilter::release(std::vector<Line>& out) {
  for (auto& [thread, line] : held_) out.push_back(std::move(line));
  held_.clear();
}

}  // namespace tanist::log
