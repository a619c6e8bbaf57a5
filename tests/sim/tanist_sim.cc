#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "chaos.h"
#include "core/format.h"

/// The simulator as a program: many runs with faults that are drawn from a seed, or one of them again.
namespace {

using namespace tanist;

constexpr const char* kHelp =
    "Runs simulated clusters, the real engine on virtual time, through faults that a seed decides, and "
    "looks\n"
    "after every event whether a promise of docs/safety.md is broken. The same seed is the same run.\n"
    "\n"
    "  tanist-sim                                an hour of virtual time with the mixed profile\n"
    "  tanist-sim --hours 200 --profile brutal   more of it, and worse\n"
    "  tanist-sim --seed 4711 --trace            one run, with all that happens in it\n"
    "\n"
    "  --seed N        one run with this seed; with --hours or --count the first of many. Else by the clock\n"
    "  --hours H       as many runs as it takes for so many hours of virtual time\n"
    "  --count N       so many runs\n"
    "  --profile P     mild    few faults, with time to come together again between them\n"
    "                  mixed   faults of hosts, network, disks and the store, operators and administrators\n"
    "                  brutal  two to seven members, bursts of faults, full disks, zones and failsafe mode\n"
    "  --store KIND    etcd, consul, kubernetes or zookeeper; else each seed draws one\n"
    "  --trace         prints each event as it happens\n"
    "  --go-on         does not stop at the first run that fails\n"
    "  --faults N      so many in each run instead of what the profile has\n"
    "\n"
    "For seeds that were found with less, one of:";

struct Profile {
  std::string_view name;
  sim::Draw draw;
  int faults;
};
constexpr Profile kProfiles[] = {
    {"mild", sim::Draw::mild, 25}, {"mixed", sim::Draw::all, 80}, {"brutal", sim::Draw::brutal, 200}};

struct Wanted {
  std::optional<std::uint64_t> seed;
  std::optional<std::uint64_t> count;
  std::optional<double> hours;
  std::optional<int> faults;
  std::optional<sim::Draw> draw;
  Profile profile = kProfiles[1];
  const sim::StoreModel* store = nullptr;
  bool trace = false;
  bool go_on = false;
};

void print_help(std::FILE* to) {
  std::fputs(kHelp, to);
  for (const auto& one : sim::kDrawOptions) std::fprintf(to, " %s", one.option);
  std::fputs("\n", to);
}

/// A number that is all of `text`; nullopt: it is none.
std::optional<double> number(const char* text) {
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (end == text || *end != '\0' || value < 0) return std::nullopt;
  return value;
}
std::optional<std::uint64_t> whole_number(const char* text) {
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text, &end, 10);
  if (end == text || *end != '\0' || *text == '-') return std::nullopt;
  return value;
}

/// Why the command line makes no sense; empty: it does.
std::string read_arguments(int argc, char** argv, Wanted& wanted) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    const auto draws = std::ranges::find(sim::kDrawOptions, option, &sim::DrawOption::option);
    if (option == "--trace" || option == "--verbose") {
      wanted.trace = true;
      continue;
    }
    if (option == "--go-on") {
      wanted.go_on = true;
      continue;
    }
    if (draws != std::end(sim::kDrawOptions)) {
      wanted.draw = draws->draw;
      continue;
    }
    const bool known = option == "--seed" || option == "--hours" || option == "--count" ||
                       option == "--profile" || option == "--store" || option == "--faults";
    if (!known) return fmt::format("unknown option {}", option);
    if (i + 1 == argc) return fmt::format("{} wants a value", option);
    const char* value = argv[++i];
    const std::string wrong = fmt::format("{} {}: ", option, value);
    if (option == "--profile") {
      const auto profile = std::ranges::find(kProfiles, value, &Profile::name);
      if (profile == std::end(kProfiles)) return wrong + "mild, mixed or brutal";
      wanted.profile = *profile;
    } else if (option == "--store") {
      wanted.store = sim::store_model(value);
      if (!wanted.store) return wrong + "etcd, consul, kubernetes or zookeeper";
    } else if (option == "--hours") {
      wanted.hours = number(value);
      if (!wanted.hours) return wrong + "not a number of hours";
    } else {
      const auto whole = whole_number(value);
      if (!whole) return wrong + "not a whole number";
      if (option == "--seed") wanted.seed = *whole;
      if (option == "--count") wanted.count = *whole;
      if (option == "--faults") wanted.faults = static_cast<int>(*whole);
    }
  }
  return {};
}

struct Totals {
  sim::Counts counts;
  std::uint64_t runs = 0;
  std::uint64_t failed = 0;
  double slowest_primary = -1e9;
  double slowest_replica = 0;
};

void print(const Totals& all, double took) {
  const auto& sum = all.counts;
  fmt::print(
      "{} runs, {} failed: {} faults, {} messages lost or late, {} lock changes, {} promotions, {} "
      "hand-overs checked, "
      "{} left with the leader's timeline number on other WAL, {} stand-offs, {} decisions, {} commits, "
      "{:.1f} h of virtual time\n",
      all.runs, all.failed, sum.faults, sum.messages_lost, sum.lock_changes, sum.promotions, sum.handovers,
      sum.same_numbers, sum.stand_offs, sum.decisions, sum.commits, seconds(sum.virtual_time) / 3600);
  fmt::print(
      "slowest: a primary {:+.1f} s after ttl + 2 * loop_wait, the last replica {:.1f} s after the primary\n",
      all.slowest_primary, all.slowest_replica);
  fmt::print("{:.0f} faults/s, {:.0f} s of virtual time in a second\n",
             static_cast<double>(sum.faults) / took, seconds(sum.virtual_time) / took);
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    if (std::string_view(argv[i]) == "--help" || std::string_view(argv[i]) == "-h") {
      print_help(stdout);
      return 0;
    }
  Wanted wanted;
  if (const std::string wrong = read_arguments(argc, argv, wanted); !wrong.empty()) {
    fmt::print(stderr, "tanist-sim: {}\nHINT: tanist-sim --help\n", wrong);
    return 2;
  }
  using Clock = std::chrono::steady_clock;
  const auto began = Clock::now();
  const bool one = wanted.seed && !wanted.count && !wanted.hours;
  const auto by_clock = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch() /
                                                   std::chrono::milliseconds(1));
  const std::uint64_t first = wanted.seed.value_or(by_clock);
  const std::uint64_t most = one ? 1 : wanted.count.value_or(~std::uint64_t{0});
  const double hours = wanted.hours.value_or(wanted.count || one ? 1e18 : 1.0);
  const sim::Draw draw = wanted.draw.value_or(wanted.profile.draw);
  const int faults = wanted.faults.value_or(wanted.profile.faults);
  if (!one) fmt::print("seeds from {}, {} faults in each run\n", first, faults);
  std::fflush(stdout);

  Totals all;
  while (all.runs < most && seconds(all.counts.virtual_time) < hours * 3600) {
    const auto result = sim::run_seed(first + all.runs++, faults, wanted.store, draw, wanted.trace);
    all.counts.add(result.counts);
    all.slowest_primary = std::max(all.slowest_primary, seconds(result.to_primary - result.allowed));
    all.slowest_replica = std::max(all.slowest_replica, seconds(result.to_converged - result.to_primary));
    if (result.ok) {
      if (one)
        fmt::print("hash {:016x}, a primary after {:.1f} s, converged after {:.1f} s\n", result.hash,
                   seconds(result.to_primary), seconds(result.to_converged));
      continue;
    }
    ++all.failed;
    if (!wanted.go_on) {
      fmt::print("{}", result.report);
      break;
    }
    fmt::print("{}\n", result.report.substr(0, result.report.find('\n')));
    std::fflush(stdout);
  }
  print(all, std::chrono::duration<double>(Clock::now() - began).count());
  return all.failed == 0 ? 0 : 1;
}
