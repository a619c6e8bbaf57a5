#include "ctl/explain/failover.h"

#include <algorithm>
#include <utility>

#include "core/format.h"

namespace tanist::ctl::explain {
namespace {

using namespace std::chrono_literals;

/// An entry, and whose it is.
struct Seen {
  const Known* of = nullptr;
  const Entry* entry = nullptr;

  WallTime when() const { return entry->when; }
  std::string code() const { return entry->said("reason.code"); }
  std::string intent() const { return entry->said("intent.kind"); }
  const Document* at(const char* path) const {
    return entry->view() == nullptr ? nullptr : entry->view()->find_path(path);
  }
  std::string text(const char* path) const {
    const Document* value = at(path);
    return value != nullptr && !value->is_null() ? value->text() : std::string();
  }
  bool promotes() const { return intent() == "promote" && code() != "promotion_told_again"; }
  bool streams() const {
    const Document* checks = entry->decision() == nullptr ? nullptr : entry->decision()->find("checks");
    if (checks == nullptr || !checks->is_list()) return false;
    return std::ranges::any_of(checks->as_list(), [](const Document& check) {
      const Document* rule = check.find("rule");
      const Document* passed = check.find("passed");
      return rule != nullptr && rule->text() == "streams" && passed != nullptr && passed->truthy();
    });
  }
  /// A moment of the view, which was before the entry was written.
  std::optional<WallTime> moment(const char* path) const {
    const Document* then = at(path);
    const Document* now = at("now");
    if (then == nullptr || now == nullptr || !then->is_int() || !now->is_int()) return std::nullopt;
    return when() - std::chrono::floor<std::chrono::microseconds>(Duration(now->as_int() - then->as_int()));
  }
};

std::vector<Seen> in_order(const std::vector<Known>& known) {
  std::vector<Seen> all;
  for (const auto& each : known) {
    for (const auto& entry : each.entries)
      if (entry.decision() != nullptr) all.push_back({&each, &entry});
  }
  // Those of one member stand in their order already.
  std::ranges::sort(all, {}, [](const Seen& seen) { return std::pair(seen.when(), seen.entry); });
  return all;
}

/// A leader that has nothing to worry about.
bool is_calm(const Seen& seen) {
  constexpr std::string_view kCalm[] = {"no_action_leader",      "acquired_as_leader", "initialized",
                                        "promoted_by_acquiring", "promoted_had_lock",  "promotion_goes_on"};
  return std::ranges::find(kCalm, seen.code()) != std::end(kCalm);
}

struct Sign {
  WallTime when;
  std::string what;
};

/// Takes the story apart.
class Story {
 public:
  explicit Story(const std::vector<Known>& known) : all_(in_order(known)) {}

  std::optional<Failover> tell() {
    const auto promotes = std::ranges::find_if(all_.rbegin(), all_.rend(), &Seen::promotes);
    if (promotes == all_.rend()) return std::nullopt;
    promotion_ = static_cast<std::size_t>(all_.rend() - promotes) - 1;
    out_.to = all_[promotion_].of->member.name;
    find_former();
    find_race();
    find_sign();
    tell_phases();
    tell_steps();
    return std::move(out_);
  }

 private:
  WallTime promoted() const { return all_[promotion_].when(); }

  /// Who led before, by the view on which the promotion, or the race before it, was decided.
  void find_former() {
    for (std::size_t i = promotion_ + 1; i-- > 0 && out_.from.empty();) {
      if (all_[i].of->member.name != out_.to) continue;
      for (const char* path : {"store.last_with_leader.leader.name", "store.cluster.leader.name"}) {
        const std::string name = all_[i].text(path);
        if (name != out_.to && !name.empty()) out_.from = name;
        if (!out_.from.empty()) break;
      }
    }
  }

  /// Since when nobody had the key, and since when the winner has it.
  void find_race() {
    won_ = promoted();
    free_ = won_;
    WallTime held{};
    for (std::size_t i = 0; i < promotion_; ++i)
      if (all_[i].text("lock") == "mine" && all_[i].of->member.name != out_.to) held = all_[i].when();
    for (std::size_t i = promotion_; i-- > 0;) {
      const Seen& seen = all_[i];
      if (seen.when() < held) break;
      const bool free = seen.text("lock") == "free";
      const bool hurries = seen.intent() == "acquire" || free;
      if (!hurries || seen.of->member.name == out_.from) continue;
      free_ = seen.when();
      first_free_ = &seen;
    }
  }

  /// What was the first to show that something was wrong, or was asked for.
  void find_sign() {
    std::optional<Sign> sign;
    const auto earlier = [&](WallTime when, std::string what) {
      if (when <= free_ && (!sign || when < sign->when)) sign = Sign{when, std::move(what)};
    };
    // The former leader, from its last calm decision on.
    const Seen* first = nullptr;
    for (std::size_t i = promotion_; i-- > 0;) {
      const Seen& seen = all_[i];
      if (seen.of->member.name != out_.from || seen.when() > free_) continue;
      if (is_calm(seen)) break;
      first = &seen;
    }
    if (first != nullptr) {
      former_ = first;
      earlier(first->when(), fmt::format("{} decided: {}", out_.from, first->code()));
      const bool dead = first->text("postgres.facts.process") == "none";
      if (const auto since = first->moment("postgres.facts.process_since"); dead && since)
        earlier(*since, fmt::format("{}: PostgreSQL was gone", out_.from));
      if (first->code().starts_with("request_")) out_.kind = "switchover";
    }
    // Those who lost its stream of WAL.
    for (std::size_t i = 0; i <= promotion_; ++i) {
      const Seen& seen = all_[i];
      if (seen.when() < free_ || seen.text("postgres.role") != "replica") continue;
      if (const auto since = seen.moment("memory.rejoin.not_streaming_since"))
        earlier(*since, fmt::format("{}: nothing was streamed any more", seen.of->member.name));
    }
    sign_ = sign;
    if (out_.kind.empty())
      out_.kind =
          all_[promotion_].at("store.cluster.failover.candidate") != nullptr ? "switchover" : "failover";
  }

  void add(std::string name, WallTime begun, std::optional<WallTime> ended, std::string what,
           bool at_most = false) {
    if (ended && *ended < begun) ended = begun;
    out_.phases.push_back({.name = std::move(name),
                           .begun = begun,
                           .ended = ended,
                           .what = std::move(what),
                           .at_most = at_most});
  }

  /// Until when the old primary may have taken writes.
  WallTime last_write() const {
    for (const auto& seen : all_) {
      if (seen.of->member.name != out_.from) continue;
      const auto ended = seen.moment("postgres.writes_ended");
      if (ended && *ended <= promoted() && former_ != nullptr && *ended >= former_->when() - 1s)
        return *ended;
    }
    return sign_ ? sign_->when : free_;
  }

  void tell_phases() {
    const WallTime sign = sign_ ? sign_->when : free_;
    // A lease that ran out was renewed `ttl` before for the last time: by then all was well.
    const bool ran_out = former_ == nullptr && first_free_ != nullptr;
    const Document* ttl = ran_out ? first_free_->at("settings.dynamic.timing.ttl") : nullptr;
    if (ttl != nullptr && ttl->is_int()) {
      const auto renewed = free_ - std::chrono::floor<std::chrono::microseconds>(Duration(ttl->as_int()));
      const std::string by = out_.from.empty() ? "the leader" : out_.from;
      add("detection", std::min(renewed, sign), sign,
          fmt::format("{} renewed its lease for the last time; {}", by,
                      sign_ ? sign_->what : "nobody noticed more"),
          true);
    } else if (former_ != nullptr) {
      add("detection", sign, former_->when(),
          sign < former_->when() ? fmt::format("{}; {} decided: {}", sign_->what, out_.from, former_->code())
                                 : sign_->what);
    }
    const WallTime noticed = former_ != nullptr ? former_->when() : sign;
    add("lease end", noticed, free_,
        first_free_ != nullptr ? fmt::format("{} saw the leader key free", first_free_->of->member.name)
                               : "the leader key passed on");
    add("race", free_, won_, fmt::format("{} had it", out_.to));
    tell_promotion();
    tell_rejoins();
  }

  void tell_promotion() {
    std::optional<WallTime> writable;
    for (std::size_t i = promotion_; i < all_.size() && !writable; ++i) {
      if (all_[i].of->member.name != out_.to) continue;
      const auto began = all_[i].moment("postgres.writes_began");
      if (began && *began >= promoted() - 1s) writable = *began;
      if (const Document* timeline = all_[i].at("postgres.facts.probe.timeline"); writable && timeline)
        out_.timeline = timeline->as_int();
    }
    add("promotion", won_, writable, fmt::format("PostgreSQL of {} accepted writes", out_.to));
    const WallTime last = last_write();
    out_.without_primary =
        Phase{.name = "first write",
              .begun = last,
              .ended = writable,
              .what = fmt::format("from the last write that {} can have taken to the first of {}",
                                  out_.from.empty() ? "the old primary" : out_.from, out_.to),
              .at_most = former_ == nullptr};
    writable_ = writable.value_or(promoted());
  }

  /// Everybody else streams from the new primary again; the old one last, mostly.
  void tell_rejoins() {
    std::vector<std::string> names;
    for (const auto& seen : all_) {
      const std::string& name = seen.of->member.name;
      const bool told = std::ranges::find(names, name) != names.end();
      if (told || name == out_.to || seen.when() < promoted() || !seen.streams()) continue;
      if (seen.text("store.cluster.leader.name") != out_.to) continue;
      names.push_back(name);
      add("rejoin", writable_, seen.when(), fmt::format("{} streamed from {}", name, out_.to));
    }
    const bool back = std::ranges::find(names, out_.from) != names.end();
    if (!back && !out_.from.empty() && out_.from != out_.to)
      add("rejoin", writable_, std::nullopt,
          fmt::format("{} does not stream from {} yet", out_.from, out_.to));
  }

  void tell_steps() {
    WallTime begun = sign_ ? sign_->when : free_;
    WallTime ended = promoted();
    for (const auto& phase : out_.phases) {
      begun = std::min(begun, phase.begun);
      ended = std::max(ended, phase.ended.value_or(ended));
    }
    for (const auto& seen : all_) {
      if (seen.when() < begun || seen.when() > ended) continue;
      out_.steps.push_back({.when = seen.when(),
                            .member = seen.of->member.name,
                            .code = seen.code(),
                            .text = seen.entry->said("reason.text"),
                            .intent = seen.intent()});
    }
  }

  std::vector<Seen> all_;
  /// Of the decision to promote, in all_.
  std::size_t promotion_ = 0;
  WallTime free_;
  WallTime won_;
  WallTime writable_;
  const Seen* first_free_ = nullptr;
  /// The first decision of the former leader that was not calm; nullptr: it was silent.
  const Seen* former_ = nullptr;
  std::optional<Sign> sign_;
  Failover out_;
};

}  // namespace

std::optional<WallTime> last_promotion(const std::vector<Known>& known) {
  std::optional<WallTime> out;
  for (const auto& seen : in_order(known))
    if (seen.promotes()) out = seen.when();
  return out;
}

std::optional<Failover> last_failover(const std::vector<Known>& known) {
  return Story(known).tell();
}

}  // namespace tanist::ctl::explain
