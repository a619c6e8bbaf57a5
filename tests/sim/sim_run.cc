#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "chaos.h"
#include "core/format.h"

namespace {

const tanist::sim::DrawOption* draw_option(const char* text) {
  for (const auto& one : tanist::sim::kDrawOptions)
    if (std::strcmp(text, one.option) == 0) return &one;
  return nullptr;
}

}  // namespace

/// sim_run --seed N [--faults N] [--store MODEL] [--verbose] [DRAW]: replays one run of the simulator; DRAW
/// (one of kDrawOptions): as seeds were drawn before there was all that is drawn now, or without operators.
/// sim_run
/// --from N --count N [--faults N]: runs many, stops at the first that fails.
int main(int argc, char** argv) {
  using namespace tanist;
  std::uint64_t seed = 1;
  std::uint64_t count = 1;
  int faults = 60;
  bool verbose = false;
  bool go_on = false;
  auto draw = sim::Draw::all;
  const sim::StoreModel* store = nullptr;
  for (int i = 1; i < argc; ++i) {
    const auto value = [&] { return i + 1 < argc ? std::strtoull(argv[++i], nullptr, 0) : 0; };
    if (std::strcmp(argv[i], "--seed") == 0 || std::strcmp(argv[i], "--from") == 0) {
      seed = value();
    } else if (std::strcmp(argv[i], "--count") == 0) {
      count = value();
    } else if (std::strcmp(argv[i], "--faults") == 0) {
      faults = static_cast<int>(value());
    } else if (std::strcmp(argv[i], "--verbose") == 0) {
      verbose = true;
    } else if (const auto* option = draw_option(argv[i])) {
      draw = option->draw;
    } else if (std::strcmp(argv[i], "--store") == 0 && i + 1 < argc && sim::store_model(argv[i + 1])) {
      store = sim::store_model(argv[++i]);
    } else if (std::strcmp(argv[i], "--go-on") == 0) {
      go_on = true;
    } else {
      std::fprintf(
          stderr,
          "usage: sim_run --seed N [--count N] [--faults N] [--store etcd|consul|kubernetes|zookeeper] "
          "[--verbose] [--go-on] [DRAW]\nDRAW is one of\n");
      for (const auto& one : sim::kDrawOptions) std::fprintf(stderr, "  %s\n", one.option);
      return 2;
    }
  }
  sim::Counts sum;
  int failed = 0;
  double slowest = -1e9;
  double last = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto result = sim::run_seed(seed + i, faults, store, draw, verbose);
    sum.add(result.counts);
    slowest = std::max(slowest, seconds(result.to_primary - result.allowed));
    last = std::max(last, seconds(result.to_converged - result.to_primary));
    if (!result.ok) {
      ++failed;
      if (go_on) {
        std::printf("%s%s\n", result.report.substr(0, result.report.find('\n')).c_str(),
                    result.report.find("half rewound") != std::string::npos ? " (half rewound)" : "");
      } else {
        std::printf("%s", result.report.c_str());
        return 1;
      }
    } else if (count == 1) {
      std::printf("hash %016llx, a primary after %.1f s, converged after %.1f s\n",
                  static_cast<unsigned long long>(result.hash), seconds(result.to_primary),
                  seconds(result.to_converged));
    }
  }
  std::printf(
      "%llu runs, %d failed: %llu faults, %llu messages lost or late, %llu lock changes, %llu promotions, "
      "%llu hand-overs checked, %llu left with the leader's timeline number on other WAL, %llu stand-offs, "
      "%llu decisions, "
      "%llu commits, %.1f h of virtual time\n",
      static_cast<unsigned long long>(count), failed, static_cast<unsigned long long>(sum.faults),
      static_cast<unsigned long long>(sum.messages_lost), static_cast<unsigned long long>(sum.lock_changes),
      static_cast<unsigned long long>(sum.promotions), static_cast<unsigned long long>(sum.handovers),
      static_cast<unsigned long long>(sum.same_numbers), static_cast<unsigned long long>(sum.stand_offs),
      static_cast<unsigned long long>(sum.decisions), static_cast<unsigned long long>(sum.commits),
      seconds(sum.virtual_time) / 3600);
  std::printf(
      "slowest: a primary %+.1f s after ttl + 2 * loop_wait, the last replica %.1f s after the primary\n",
      slowest, last);
  return failed == 0 ? 0 : 1;
}
