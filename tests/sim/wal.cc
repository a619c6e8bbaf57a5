#include "postgres.h"

#include <algorithm>

namespace tanist::sim {

int Wal::begin(std::string system_id) {
  branches_.push_back({-1, Lsn{0}, Timeline{1}, std::move(system_id)});
  return static_cast<int>(branches_.size()) - 1;
}

int Wal::fork(Position from) {
  const Branch& parent = branch(from.branch);
  branches_.push_back({from.branch, from.lsn, Timeline{parent.timeline.value + 1}, parent.system_id});
  return static_cast<int>(branches_.size()) - 1;
}

Position Wal::common(Position a, Position b) const {
  // The chain of a, with how far a follows each of its branches.
  std::vector<Position> chain;
  for (Position p = a; p.branch >= 0;) {
    chain.push_back(p);
    const Branch& branch_of = branch(p.branch);
    p = {branch_of.parent, std::min(p.lsn, branch_of.start)};
  }
  for (Position p = b; p.branch >= 0;) {
    for (const Position& mine : chain)
      if (mine.branch == p.branch) return {p.branch, std::min(mine.lsn, p.lsn)};
    const Branch& branch_of = branch(p.branch);
    p = {branch_of.parent, std::min(p.lsn, branch_of.start)};
  }
  return {};
}

bool Wal::contains(Position whole, Position part) const {
  if (part.branch < 0) return true;
  if (whole.branch < 0) return false;
  const Position shared = common(whole, part);
  return shared.branch >= 0 && shared.lsn >= part.lsn;
}

bool Wal::has_twin(int chain, int branch_id) const {
  const Branch& own = branch(branch_id);
  if (own.parent < 0) return false;
  for (int at = chain; at >= 0; at = branch(at).parent)
    if (at != branch_id && branch(at).parent == own.parent && branch(at).start == own.start) return true;
  return false;
}

std::vector<HistoryLine> Wal::history(int id) const {
  std::vector<HistoryLine> lines;
  for (int at = id; branch(at).parent >= 0; at = branch(at).parent) {
    HistoryLine line;
    line.parent = branch(branch(at).parent).timeline;
    line.switch_lsn = branch(at).start;
    line.reason = "no recovery target specified";
    lines.push_back(std::move(line));
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

}  // namespace tanist::sim
