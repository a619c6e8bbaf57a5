#include "ha/policy/history.h"

#include "ha/policy/questions.h"

namespace tanist::ha::policy {

void update_history(Draft& d) {
  const Timeline timeline = own_timeline(d.view);
  const auto& history = d.cluster.history;
  if (!timeline) return;
  if (timeline.value == 1) {
    if (!history.lines.empty()) d.add(duty::History{timeline});
    return;
  }
  const bool complete = !history.lines.empty() && history.lines.back().parent.value == timeline.value - 1 &&
                        !history.incomplete;
  if (!complete) d.add(duty::History{timeline});
}

}  // namespace tanist::ha::policy
