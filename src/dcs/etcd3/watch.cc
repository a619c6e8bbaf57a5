#include "dcs/etcd3/watch.h"
#include "json/parse.h"

#include "async/wait.h"
#include "log/log.h"

TANIST_LOGGER("patroni.dcs.etcd3");

namespace tanist::dcs::etcd3 {

using namespace std::chrono_literals;

namespace {
constexpr Duration kPauseAfterFailure = 1s;
/// A watch that has nothing to say is asked for again after this; nothing is lost by it.
constexpr Duration kReadSlice = std::chrono::hours(1);

void merge(Store::Change& into, Store::Change more) {
  into.leader_changed = into.leader_changed || more.leader_changed;
  into.wakes = into.wakes || more.wakes;
}
}  // namespace

Watch::Watch(Client& client, Clock& clock, std::string prefix, std::string own_name, Listener listener)
    : client_(client),
      clock_(clock),
      prefix_(std::move(prefix)),
      own_name_(std::move(own_name)),
      listener_(std::move(listener)) {}

void Watch::restart() {
  restart_.set();
}

Task<bool> Watch::wait_ready(Instant deadline) {
  while (!ready_ && clock_.now() < deadline) {
    co_await run_until(clock_, became_ready_.wait(), deadline);
  }
  co_return ready_;
}

Task<void> Watch::run() {
  for (;;) {
    restart_.clear();
    const Instant begun = clock_.now();
    const int winner = co_await race(follow(), restart_.wait());
    const bool was_ready = std::exchange(ready_, false);
    became_ready_.clear();
    if (winner == 1) trouble_ = "the node in use changed or did not answer";
    if (was_ready) log::debug("the watch on {} ended: {}", prefix_, trouble_);
    // A stream that stood is rebuilt at once, one that never came up after a pause.
    if (was_ready && clock_.now() - begun > kPauseAfterFailure) continue;
    const Duration wait = was_ready || winner == 1 ? 50ms : kPauseAfterFailure;
    co_await clock_.sleep_for(wait);
  }
}

Task<void> Watch::follow() {
  written_meanwhile_.clear();
  Tree fresh;
  std::int64_t revision = 0;
  auto failure = co_await build(&fresh, &revision);
  if (failure) {
    trouble_ = std::move(*failure);
    co_return;
  }
  auto opened = co_await client_.open_watch(watch_body(prefix_, revision + 1), clock_.now() + patience_);
  if (!opened) {
    trouble_ = std::move(opened.error().detail);
    co_return;
  }
  net::HttpStream stream = std::move(*opened);
  trouble_ = co_await listen(&stream, std::move(fresh), revision);
}

Task<std::optional<std::string>> Watch::build(Tree* tree, std::int64_t* revision) {
  auto answer = co_await client_.call("/kv/range", range_body(prefix_), clock_.now() + patience_, is_range());
  if (!answer) co_return std::move(answer.error().detail);
  *tree = tree_of(answer->body, prefix_);
  *revision = answer->header.revision;
  co_return std::nullopt;
}

Task<std::string> Watch::listen(net::HttpStream* stream, Tree fresh, std::int64_t revision) {
  DocumentSplitter splitter;
  bool created = false;
  const Instant created_by = clock_.now() + patience_;
  for (;;) {
    auto reading = stream->read_some(created ? clock_.now() + kReadSlice : created_by);
    auto bytes = co_await std::move(reading);
    if (!bytes && created && bytes.error().kind == net::HttpErrorKind::timeout) continue;
    if (!bytes) co_return std::move(bytes.error().detail);
    if (bytes->empty()) co_return "the server ended the watch";
    auto documents = splitter.feed(*bytes);
    if (!documents) co_return "the watch brought what is no JSON";
    for (const auto& text : *documents) {
      const auto parsed = parse_json(text);
      if (!parsed) co_return "the watch brought broken JSON: " + parsed.error();
      const WatchMessage message = read_watch(*parsed);
      if (!message.failure.empty()) co_return message.failure;
      if (auto why = client_.disbelief(message.header, "the watch"); !why.empty()) co_return why;
      if (message.created && !std::exchange(created, true)) install(std::move(fresh), revision);
      if (message.events.empty()) continue;
      follow_events(message.events);
    }
  }
}

void Watch::follow_events(const std::vector<WatchEvent>& events) {
  Store::Change change;
  for (const auto& [deleted, at] : events) {
    if (!at.key.starts_with(prefix_)) continue;
    const std::string key = at.key.substr(prefix_.size());
    const std::optional<KeyValue> kv = deleted ? std::nullopt : std::optional<KeyValue>(at.kv);
    merge(change, apply(key, kv, at.kv.version, expected(key, kv)));
    // Not the revision of the header: a long backlog comes in several messages that all name its end.
    streamed_ = std::max(streamed_, at.kv.version);
  }
  tell(change);
}

void Watch::install(Tree fresh, std::int64_t revision) {
  Store::Change change;
  for (const auto& [key, before] : tree_) {
    const auto after = fresh.find(key);
    merge(change, judge(key, &before, after != fresh.end() ? &after->second : nullptr));
  }
  for (const auto& [key, after] : fresh) {
    if (!tree_.contains(key)) merge(change, judge(key, nullptr, &after));
  }
  tree_ = std::move(fresh);
  graves_.clear();
  streamed_ = revision;
  ++generation_;
  // What was written while the copy was read is not undone by it.
  for (const auto& [key, kv, at] : written_meanwhile_) {
    if (at > revision) remember(key, kv, at);
  }
  written_meanwhile_.clear();
  ready_ = true;
  trouble_.clear();
  became_ready_.set();
  tell(change);
}

/// Which changes wake (dcs.md §3): those a cycle can act on, never those of members, which would set off each
/// other.
Store::Change Watch::judge(const std::string& key, const KeyValue* before, const KeyValue* after) const {
  Store::Change out;
  const bool same_value = before != nullptr && after != nullptr && before->value == after->value;
  if (same_value || (before == nullptr && after == nullptr)) return out;
  if (key == key::kLeader) {
    out.leader_changed = out.wakes = true;
  } else if (key == key::kStatus || key == key::kLegacyOptime) {
    const auto leader = tree_.find(key::kLeader);
    out.wakes = after != nullptr && (leader == tree_.end() || leader->second.value != own_name_);
  } else {
    out.wakes = key == key::kConfig || key == key::kFailover || key == key::kSync ||
                key == key::kInitialize || key == key::kBootstrapNote;
  }
  return out;
}

Store::Change Watch::apply(const std::string& key, const std::optional<KeyValue>& kv, std::int64_t revision,
                           bool silent) {
  const auto grave = graves_.find(key);
  if (grave != graves_.end()) {
    if (revision < grave->second) return {};
    graves_.erase(grave);
  }
  const auto at = tree_.find(key);
  const bool present = at != tree_.end();
  if (present && at->second.version > revision) return {};
  if (present && at->second.version == revision) silent = true;
  const std::optional<KeyValue> before = present ? std::optional<KeyValue>(at->second) : std::nullopt;
  if (kv) {
    tree_.insert_or_assign(key, *kv);
  } else if (present) {
    tree_.erase(at);
  }
  ++generation_;
  if (silent) return {};
  return judge(key, before ? &*before : nullptr, kv ? &*kv : nullptr);
}

void Watch::remember(const std::string& key, const std::optional<KeyValue>& kv, std::int64_t revision) {
  (void)apply(key, kv, revision, true);
  if (!kv) graves_[key] = revision;
}

void Watch::wrote(const std::string& key, std::optional<KeyValue> kv, std::int64_t revision) {
  // Late answers tell of what the stream has left behind: the key may be gone or another's by now.
  if (ready_ && revision <= streamed_) return;
  remember(key, kv, revision);
  if (!ready_) written_meanwhile_.push_back({key, std::move(kv), revision});
}

void Watch::found(const std::string& key, std::optional<KeyValue> kv, std::int64_t revision) {
  if (!ready_ || revision <= streamed_) return;
  const auto at = tree_.find(key);
  if (!kv) {
    if (at == tree_.end() || at->second.version > revision) return;
    const auto change = apply(key, kv, revision, false);
    graves_[key] = revision;
    tell(change);
  } else if (at == tree_.end() || at->second.version < kv->version) {
    const auto version = kv->version;
    tell(apply(key, kv, version, false));
  }
}

void Watch::tell(Store::Change change) {
  if ((change.leader_changed || change.wakes) && listener_) listener_(change);
}

bool Watch::expected(const std::string& key, const std::optional<KeyValue>& kv) const {
  const auto [begin, end] = expected_.equal_range(key);
  for (auto at = begin; at != end; ++at) {
    if (at->second.has_value() == kv.has_value() && (!kv || *at->second == kv->value)) return true;
  }
  return false;
}

Watch::Expectation::Expectation(Watch& watch, std::string key, std::optional<std::string> value)
    : watch_(&watch), key_(std::move(key)), value_(std::move(value)) {
  watch_->expected_.emplace(key_, value_);
}

Watch::Expectation::Expectation(Expectation&& other) noexcept
    : watch_(std::exchange(other.watch_, nullptr)),
      key_(std::move(other.key_)),
      value_(std::move(other.value_)) {}

Watch::Expectation::~Expectation() {
  if (watch_ == nullptr) return;
  const auto [begin, end] = watch_->expected_.equal_range(key_);
  for (auto at = begin; at != end; ++at) {
    if (at->second == value_) {
      watch_->expected_.erase(at);
      return;
    }
  }
}

}  // namespace tanist::dcs::etcd3
