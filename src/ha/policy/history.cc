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
  // Two promotions to one number: the last line is another's, and says where the cluster left its WAL
  // wrongly.
  const auto way = own_way(d.view);
  const bool anothers = way && !way->empty() && !history.lines.empty() &&
                        way->back().parent == history.lines.back().parent &&
                        way->back().switch_lsn != history.lines.back().switch_lsn;
  const bool complete = !history.lines.empty() && history.lines.back().parent.value == timeline.value - 1 &&
                        !history.incomplete && !anothers;
  if (!complete) d.add(duty::History{timeline});
}

}  // namespace tanist::ha::policy
