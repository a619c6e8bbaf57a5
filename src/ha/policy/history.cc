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
  const auto complete = [&](const HistoryLine& last) {
    if (history.incomplete || last.parent.value != timeline.value - 1) return false;
    // Two promotions to one number: the last line is another's. It says where the cluster left its WAL
    // wrongly, or, where both left at the same point, who went on from there.
    if (!last.new_leader.empty() && last.new_leader != d.me()) return false;
    const auto way = own_way(d.view);
    return !way || way->empty() || way->back().parent != last.parent ||
           way->back().switch_lsn == last.switch_lsn;
  };
  if (history.lines.empty() || !complete(history.lines.back())) d.add(duty::History{timeline});
}

}  // namespace tanist::ha::policy
