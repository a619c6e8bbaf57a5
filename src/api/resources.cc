#include "api/resources.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>

#include "api/health.h"
#include "api/pages.h"
#include "api/server.h"
#include "api/status.h"
#include "core/event.h"
#include "core/format.h"
#include "core/log.h"
#include "core/wait.h"
#include "dcs/overview.h"

namespace tanist::api {

namespace asio = boost::asio;
using net::HttpRequest;
using net::HttpResponse;

namespace {

/// What control answered, once it has; lives on the api thread.
struct Answer {
  Event arrived;
  std::expected<dcs::ClusterPtr, std::string> cluster = std::unexpected(std::string("no answer in time"));
};

struct Route {
  std::string_view method;
  std::string_view segment;
};

/// Handlers that Patroni has and this version has not.
constexpr Route kLater[] = {
    {"GET", "metrics"},    {"PATCH", "config"},      {"PUT", "config"},   {"POST", "reload"},
    {"POST", "failsafe"},  {"POST", "sigterm"},      {"POST", "restart"}, {"POST", "reinitialize"},
    {"POST", "failover"},  {"POST", "switchover"},   {"POST", "citus"},   {"POST", "mpp"},
    {"DELETE", "restart"}, {"DELETE", "switchover"},
};

bool is_later(std::string_view method, std::string_view segment) {
  return std::ranges::any_of(kLater,
                             [&](const Route& r) { return r.method == method && r.segment == segment; });
}

std::string_view first_segment(std::string_view target) {
  std::string_view path = target.substr(0, target.find('?'));
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  return path.substr(0, path.find('/'));
}

}  // namespace

struct Resources::Impl {
  Impl(Executor io, Clock& clock, ha::SnapshotBoard& board, config::SettingsPtr settings, ControlPort control)
      : io(std::move(io)), clock(clock), board(board), control(std::move(control)) {
    auto first = std::make_shared<ha::Snapshot>();
    first->published_at = clock.now();
    first->next_run = first->published_at;
    first->settings = std::move(settings);
    before_first = std::move(first);
  }

  Executor io;
  Clock& clock;
  ha::SnapshotBoard& board;
  ControlPort control;
  /// Stands for the snapshot until control has published one.
  ha::SnapshotPtr before_first;
  /// The refresh under way, shared by all who wait for one.
  std::shared_ptr<Answer> refreshing;
  std::size_t loading = 0;

  /// A document changes with its snapshot, and when time makes the snapshot stale or drops its view.
  struct Rendered {
    ha::SnapshotPtr snapshot;
    bool stale = false;
    bool view = false;
    std::string text;
  } rendered;

  ha::SnapshotPtr snapshot() const {
    auto current = board.get();
    return current && current->settings ? current : before_first;
  }

  const std::string& status_text(const ha::SnapshotPtr& s, const Observed& o) {
    const bool view = o.view != nullptr;
    if (rendered.snapshot != s || rendered.stale != o.stale || rendered.view != view) {
      rendered = Rendered{s, o.stale, view, to_spaced_json(status_document(o))};
    }
    return rendered.text;
  }

  HttpResponse status_answer(int status, const ha::SnapshotPtr& s, const Observed& o) {
    return json_body(status, status_text(s, o));
  }

  HttpResponse verdict_answer(const Verdict& verdict) {
    return verdict.status == 200 ? status_only(200) : text_body(verdict.status, verdict.reason);
  }

  /// GET without a resource, HEAD and OPTIONS: no crossing, no wait.
  HttpResponse health_answer(const HttpRequest& request, std::string_view segment) {
    const auto s = snapshot();
    const Instant now = clock.now();
    const Observed o = observe(*s, now);
    const bool bare = request.method != "GET";
    if (segment == "liveness" || segment == "readiness") {
      const Verdict verdict = segment == "liveness" ? liveness(o, now) : readiness(request.target, o);
      return bare ? status_only(verdict.status) : verdict_answer(verdict);
    }
    const int status = health_status(request.target, o);
    return bare ? status_only(status) : status_answer(status, s, o);
  }

  void ask_refresh(Instant deadline) {
    auto answer = std::make_shared<Answer>();
    refreshing = answer;
    control.refresh(kProbeMaxAge, deadline,
                    [io = io, answer] { asio::post(io, [answer] { answer->arrived.set(); }); });
  }

  static Task<void> wait_for(std::shared_ptr<Answer> answer) {
    auto wait = answer->arrived.wait();
    co_await std::move(wait);
  }

  /// Peers decide on positions they read here: they are to be fresh, but a hung PostgreSQL delays no answer.
  static Task<HttpResponse> patroni_answer(std::shared_ptr<Impl> self) {
    const auto before = self->snapshot();
    const Instant now = self->clock.now();
    const bool fresh = before->facts.probe && now - before->facts.probe->asked_at <= kProbeMaxAge;
    if (!fresh && before->facts.running() && self->control.refresh) {
      const Instant deadline = now + kRefreshPatience;
      if (!self->refreshing) self->ask_refresh(deadline);
      auto answer = self->refreshing;
      auto wait = wait_for(answer);
      auto bounded = run_until(self->clock, std::move(wait), deadline);
      co_await std::move(bounded);
      if (self->refreshing == answer) self->refreshing.reset();
    }
    const auto s = self->snapshot();
    co_return self->status_answer(200, s, observe(*s, self->clock.now()));
  }

  using ReadResult = std::expected<dcs::ClusterPtr, std::string>;

  static Task<ReadResult> load(std::shared_ptr<Impl> self) {
    if (!self->control.load) co_return std::unexpected(std::string("the daemon has not started yet"));
    if (self->loading >= kMaxConcurrentLoads)
      co_return std::unexpected(std::string("too many requests at once"));
    struct Counted {
      std::size_t& count;
      explicit Counted(std::size_t& c) : count(c) { ++count; }
      ~Counted() { --count; }
    } counted(self->loading);
    const Instant deadline = self->clock.now() + self->snapshot()->settings->dynamic.timing.retry_timeout;
    auto answer = std::make_shared<Answer>();
    self->control.load(deadline, [io = self->io, answer](ReadResult result) {
      asio::post(io, [answer, result = std::move(result)]() mutable {
        answer->cluster = std::move(result);
        answer->arrived.set();
      });
    });
    auto wait = wait_for(answer);
    auto bounded = run_until(self->clock, std::move(wait), deadline);
    co_await std::move(bounded);
    co_return answer->cluster;
  }

  static HttpResponse unreachable(const std::string& why) {
    return text_body(503, "could not read the cluster from the store: " + why);
  }

  static Task<HttpResponse> cluster_answer(std::shared_ptr<Impl> self) {
    auto loading = load(self);
    const ReadResult cluster = co_await std::move(loading);
    if (!cluster) co_return unreachable(cluster.error());
    const auto s = self->snapshot();
    const Document& config = (*cluster)->config.valid ? (*cluster)->config.data : s->settings->dynamic.raw;
    co_return json_body(200, dcs::cluster_document(**cluster, config, s->settings->scope));
  }

  /// The view while it may be relied on, else a read of the store.
  static Task<ReadResult> view_or_load(std::shared_ptr<Impl> self) {
    const auto s = self->snapshot();
    if (observe(*s, self->clock.now()).view != nullptr) co_return s->cluster;
    auto loading = load(self);
    ReadResult cluster = co_await std::move(loading);
    co_return cluster;
  }

  static Task<HttpResponse> stored_answer(std::shared_ptr<Impl> self, bool history) {
    auto reading = view_or_load(self);
    const ReadResult cluster = co_await std::move(reading);
    if (!cluster) co_return unreachable(cluster.error());
    if (history) co_return json_body(200, dcs::history_document((*cluster)->history));
    if (!(*cluster)->config.valid)
      co_return error_page(502, "there is no dynamic configuration in the store");
    co_return json_body(200, (*cluster)->config.data);
  }

  HttpResponse failsafe_answer() const {
    const auto s = snapshot();
    Document members = Document::map();
    if (s->cluster) {
      if (!s->cluster->failsafe) return error_page(502, "failsafe mode is not active");
      for (const auto& [name, url] : *s->cluster->failsafe) members.set(name, url);
    }
    return json_body(200, members);
  }

  HttpResponse unsupported(const HttpRequest& request, std::string_view segment) const {
    if (is_later(request.method, segment)) {
      return error_page(
          501, fmt::format("Server does not support this operation: {} /{} is not available in Tanist {}.",
                           request.method, segment, TANIST_VERSION));
    }
    return error_page(501, fmt::format("Unsupported method ('{}'). Server does not support this operation.",
                                       request.method));
  }

  static Task<HttpResponse> route(std::shared_ptr<Impl> self, HttpRequest request) {
    const std::string_view segment = first_segment(request.target);
    const bool get = request.method == "GET";
    if (get && segment == "patroni") {
      auto answering = patroni_answer(self);
      auto response = co_await std::move(answering);
      co_return response;
    }
    if (get && segment == "cluster") {
      auto answering = cluster_answer(self);
      auto response = co_await std::move(answering);
      co_return response;
    }
    if (get && (segment == "history" || segment == "config")) {
      auto answering = stored_answer(self, segment == "history");
      auto response = co_await std::move(answering);
      co_return response;
    }
    if (get && segment == "failsafe") co_return self->failsafe_answer();
    if (is_later(request.method, segment)) co_return self->unsupported(request, segment);
    if (get || request.method == "HEAD" || request.method == "OPTIONS") {
      co_return self->health_answer(request, segment);
    }
    co_return self->unsupported(request, segment);
  }
};

Resources::Resources(Executor io, Clock& clock, ha::SnapshotBoard& board, config::SettingsPtr settings,
                     ControlPort control)
    : impl_(std::make_shared<Impl>(std::move(io), clock, board, std::move(settings), std::move(control))) {}
Resources::~Resources() = default;

Task<HttpResponse> Resources::answer(HttpRequest request) {
  auto impl = impl_;
  if (!log::enabled(log::Level::debug)) {
    auto routing = Impl::route(impl, std::move(request));
    auto response = co_await std::move(routing);
    co_return response;
  }
  const Instant begun = impl->clock.now();
  const std::string line =
      fmt::format("{} - - \"{} {} HTTP/1.1\"", request.client_ip, request.method, request.target);
  auto routing = Impl::route(impl, std::move(request));
  auto response = co_await std::move(routing);
  log::debug("API thread: {} {} - latency: {:.3f} ms", line, response.status,
             seconds(impl->clock.now() - begun) * 1000);
  co_return response;
}

}  // namespace tanist::api
