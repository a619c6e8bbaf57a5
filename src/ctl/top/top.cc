#include "ctl/top/top.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <map>

#include "async/event.h"
#include "async/task_scope.h"
#include "async/wait.h"
#include "core/format.h"
#include "ctl/listening.h"
#include "ctl/member_selection.h"
#include "ctl/schedule.h"
#include "ctl/timing.h"
#include "ctl/top/display.h"
#include "ctl/top/model.h"
#include "ctl/top/screen.h"
#include "json/parse.h"
#include "process/signals.h"

namespace tanist::ctl {

namespace asio = boost::asio;

namespace {

using namespace std::chrono_literals;

constexpr Duration kLookAtStore = 4s;
constexpr Duration kLookAtMember = 2s;
constexpr Duration kListenAgain = 2s;
/// What happens together is looked at once.
constexpr Duration kTogether = 100ms;
constexpr Duration kPauseTakes = 30s;
/// As `restart` has it: the checkpoint and the end of clients take their time.
constexpr Duration kRestartTakes = 1h;
/// Readable, and no key: the terminal has gone.
constexpr int kNothingToRead = 20;
constexpr const char* kGapOfWrites = "Tanist-Write-Gap-Ms";

using MemberAnswer = std::expected<net::HttpResponse, NoAnswer>;

std::string said_of_itself(const Document& status, const char* path) {
  const Document* value = status.find_path(path);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

class Top {
 public:
  Top(const TopCommand& command, ClusterStore& store, MemberAccess access, const Terminal& terminal)
      : command_(command),
        access_(std::move(access)),
        signals_(io_.get_executor(), {SIGINT, SIGTERM, SIGHUP, SIGWINCH}),
        client_(io_.get_executor(), clock_, access_.client_options()),
        scope_(io_.get_executor()),
        store_(store.open(io_.get_executor(), clock_, command.cluster)),
        display_(terminal.colours) {
    model_.cluster = command.cluster;
    model_.store = store.product();
  }

  /// The signal that ended it; 0: a key did. Throws Failure.
  int run() {
    TaskScope outer(io_.get_executor());
    outer.spawn("top", live(this));
    io_.run();
    if (!failure_.empty()) throw Failure(failure_);
    return ended_by_;
  }

 private:
  static Task<void> live(Top* self) {
    self->start("keys", self->keys());
    self->start("signals", self->signals());
    self->start("store", self->look_at_store());
    self->start("members", self->look_at_members());
    self->start("screen", self->draw());
    co_await self->over_.wait();
    co_await self->scope_.close();
  }

  void start(std::string name, Task<void> task) {
    scope_.spawn(std::move(name), guarded(this, std::move(task)));
  }

  /// Whatever goes wrong, the terminal is given back before it is told.
  static Task<void> guarded(Top* self, Task<void> task) {
    try {
      co_await std::move(task);
    } catch (const boost::system::system_error& e) {
      if (e.code() == asio::error::operation_aborted) throw;
      self->fail(e.what());
    } catch (const std::exception& e) {
      self->fail(e.what());
    }
  }

  void fail(const std::string& why) {
    failure_ = why;
    over_.set();
  }

  void changed() { dirty_.set(); }
  std::string time() const { return local_time(clock_.wall_now()).substr(11); }

  Task<void> draw() {
    for (;;) {
      dirty_.clear();
      display_.show(screen(model_, display_.size(), clock_.now(), time(), display_.unicode()));
      // The clock and the ages go on where nothing else does.
      co_await wait_until(clock_, dirty_, clock_.now() + 1s);
    }
  }

  Task<void> signals() {
    for (;;) {
      const int number = co_await signals_.next();
      if (number == SIGWINCH) {
        display_.resized();
        changed();
        continue;
      }
      // Ctrl-C is the other way to say q.
      if (number != SIGINT) ended_by_ = number;
      over_.set();
    }
  }

  Task<void> keys() {
    asio::posix::stream_descriptor input(io_.get_executor());
    const int copy = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) co_return fail("cannot read from the terminal");
    input.assign(copy);
    for (int in_vain = 0; in_vain < kNothingToRead;) {
      co_await input.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
      ++in_vain;
      for (auto key = display_.read(); key.any; key = display_.read()) {
        in_vain = 0;
        if (!key.press) continue;
        const TopOutcome outcome = press(model_, *key.press);
        if (outcome.quit) co_return over_.set();
        if (outcome.wish) begin(*outcome.wish);
      }
      changed();
    }
    over_.set();
  }

  Task<void> look_at_store() {
    for (;;) {
      const Instant begun = clock_.now();
      looking_.clear();
      co_await read_store();
      look_at_members_.set();
      changed();
      if (!co_await wait_until(clock_, looking_, begun + command_.every)) continue;
      co_await clock_.sleep_for(kTogether);
    }
  }

  Task<void> read_store() {
    std::string trouble = "no answer in time";
    try {
      auto read = co_await with_deadline(clock_, store_->load(clock_.now() + kLookAtStore),
                                         clock_.now() + kLookAtStore + 1s);
      if (read && *read) {
        take_cluster(model_, ***read, clock_.now());
        last_seen_ = **read;
        listen();
        co_return;
      }
      if (read) trouble = read->error().detail;
    } catch (const dcs::FatalStoreError& e) {
      trouble = e.what();
    }
    model_.store_trouble = trouble;
  }

  /// To members that are new.
  void listen() {
    for (const auto& member : model_.members) {
      if (member.api_url.empty() || listening_.contains(member.name)) continue;
      listening_[member.name] = true;
      start("listen to " + member.name, listen_to_member(member.name));
    }
  }

  Task<void> listen_to_member(std::string name) {
    for (;;) {
      const TopMember* member = model_.find(name);
      if (member == nullptr) break;
      auto listening = listen_to(&client_, &clock_, access_, member->api_url, command_.cluster,
                                 [this, name](const MemberEvent& event) {
                                   take_event(model_, name, event, clock_.now(), time());
                                   looking_.set();
                                   changed();
                                 });
      const Silence why = co_await std::move(listening);
      take_end(model_, name);
      changed();
      // It has other things to tell, or nothing at all; who knows, it may be replaced by one that does.
      const int times = why == Silence::not_served ? 30 : 1;
      co_await clock_.sleep_for(times * kListenAgain);
    }
    listening_.erase(name);
  }

  Task<void> look_at_members() {
    for (;;) {
      const Instant begun = clock_.now();
      look_at_members_.clear();
      std::vector<Task<void>> asked;
      for (const auto& member : model_.members)
        if (!member.api_url.empty()) asked.push_back(look_at(member.name, member.api_url));
      co_await all(std::move(asked));
      if (begun >= next_point_) {
        take_lags(model_);
        next_point_ = begun + command_.every / 2;
      }
      changed();
      co_await wait_until(clock_, look_at_members_, begun + command_.every);
    }
  }

  Task<void> look_at(std::string name, std::string api_url) {
    const MemberCall call{.patience = kLookAtMember};
    const MemberAnswer answer = co_await ask_member(&client_, &clock_, access_, api_url, call);
    if (!answer) co_return take_silence(model_, name, answer.error().why);
    auto status = parse_json(answer->body);
    if (!status || !status->is_map())
      co_return take_silence(model_, name, fmt::format("status {} and no JSON object", answer->status));
    if (const auto other = stranger(*status, name)) co_return take_silence(model_, name, *other);
    take_answer(model_, name, *std::move(status));
  }

  /// Who answers in the place of the member; nullopt: itself.
  std::optional<std::string> stranger(const Document& status, const std::string& name) const {
    const std::string scope = said_of_itself(status, "patroni.scope");
    const std::string is = said_of_itself(status, "patroni.name");
    if ((scope.empty() || scope == command_.cluster) && (is.empty() || is == name)) return std::nullopt;
    return fmt::format("member {} of cluster {} answers at its address", is.empty() ? "?" : is, scope);
  }

  void begin(const TopWish& wish) {
    model_.busy = wish_text(wish);
    model_.busy_since = clock_.now();
    model_.message.clear();
    start(model_.busy, carry_out(wish));
    changed();
  }

  void ended(const TopWish& wish, bool well, const std::string& how) {
    model_.busy.clear();
    model_.message = fmt::format("{} {}: {}", time(), wish_text(wish), how);
    model_.message_is_bad = !well;
    looking_.set();
    changed();
  }

  Task<void> carry_out(TopWish wish) {
    switch (wish.kind) {
      case TopWish::Kind::switchover: return switch_over(std::move(wish));
      case TopWish::Kind::restart: return restart(std::move(wish));
      case TopWish::Kind::pause:
      case TopWish::Kind::resume: break;
    }
    return pause(std::move(wish));
  }

  /// Of a member that says who it is first; the error is ready to be shown.
  Task<std::expected<net::HttpResponse, std::string>> ask(std::string name, MemberCall call) {
    const TopMember* member = model_.find(name);
    if (member == nullptr || member->api_url.empty())
      co_return std::unexpected(name + " has published no api_url");
    const std::string api_url = member->api_url;
    co_await look_at(name, api_url);
    member = model_.find(name);
    if (member == nullptr) co_return std::unexpected(name + " has left");
    if (!member->trouble.empty())
      co_return std::unexpected(fmt::format("nothing was asked of {}: {}", name, member->trouble));
    const MemberAnswer answer = co_await ask_member(&client_, &clock_, access_, api_url, std::move(call));
    if (answer) co_return *answer;
    co_return std::unexpected(fmt::format(
        "{}{}", answer.error().sent ? "no answer, it may happen all the same: " : "", answer.error().why));
  }

  Task<void> switch_over(TopWish wish) {
    MemberCall call{.method = "POST",
                    .endpoint = "switchover",
                    .body = Document::map({{"leader", wish.leader}, {"candidate", wish.member}}),
                    .patience = switchover_patience(*last_seen_, command_.local)};
    const auto answer = co_await ask(wish.leader, std::move(call));
    if (!answer) co_return ended(wish, false, answer.error());
    const bool well = answer->status == 200;
    const std::string* gap = answer->headers.find(kGapOfWrites);
    ended(wish, well,
          well ? fmt::format("done{}",
                             gap != nullptr ? fmt::format(", nobody could write for {} ms", *gap) : "")
               : fmt::format("{}, status {}", answer->body, answer->status));
  }

  Task<void> restart(TopWish wish) {
    MemberCall call{.method = "POST",
                    .endpoint = "restart",
                    .body = Document::map(),
                    .patience = start_timeout(*last_seen_) + kRestartTakes};
    const auto answer = co_await ask(wish.member, std::move(call));
    if (!answer) co_return ended(wish, false, answer.error());
    ended(wish, answer->status == 200,
          answer->status == 200 ? "done" : fmt::format("{}, status {}", answer->body, answer->status));
  }

  Task<void> pause(TopWish wish) {
    const bool on = wish.kind == TopWish::Kind::pause;
    std::string why = "no member can be reached";
    for (const auto& name : leader_first(*last_seen_)) {
      MemberCall call{.method = "PATCH",
                      .endpoint = "config",
                      .body = Document::map({{"pause", on ? Document(true) : Document()}}),
                      .patience = kPauseTakes};
      const auto answer = co_await ask(name, std::move(call));
      if (!answer) {
        why = answer.error();
        continue;
      }
      co_return ended(
          wish, answer->status == 200,
          answer->status == 200 ? "done" : fmt::format("{}, status {}", answer->body, answer->status));
    }
    ended(wish, false, why);
  }

  const TopCommand& command_;
  MemberAccess access_;
  asio::io_context io_{1};
  SystemClock clock_;
  process::Signals signals_;
  net::HttpClient client_;
  TaskScope scope_;
  std::unique_ptr<dcs::Access> store_;
  TopModel model_;
  dcs::ClusterPtr last_seen_ = std::make_shared<dcs::Cluster>();
  /// Members that somebody listens to, or tries to.
  std::map<std::string, bool> listening_;
  Instant next_point_{};
  Event over_;
  Event dirty_;
  /// The store is to be looked at now, and the members.
  Event looking_;
  Event look_at_members_;
  int ended_by_ = 0;
  std::string failure_;
  /// Last made, first gone: errors are told on the terminal as it was.
  Display display_;
};

}  // namespace

void run_top(const TopCommand& command, ClusterStore& store, MemberAccess access, const Terminal& terminal) {
  if (!terminal.in_is_terminal || !terminal.out_is_terminal)
    throw Failure("top needs a terminal to show a screen on and to read keys from\nHINT: use `list -W`");
  int signal = 0;
  {
    Top top(command, store, std::move(access), terminal);
    signal = top.run();
  }
  if (signal == 0) return;
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

}  // namespace tanist::ctl
