#include "api/resources.h"

#include <algorithm>
#include <array>

#include "api/config_endpoint.h"
#include "api/control_link.h"
#include "api/gate.h"
#include "api/health.h"
#include "api/pages.h"
#include "api/restart_endpoint.h"
#include "api/server.h"
#include "api/status.h"
#include "core/format.h"
#include "core/log.h"
#include "core/text.h"
#include "dcs/overview.h"

TANIST_LOGGER("patroni.api");

namespace tanist::api {

using net::HttpRequest;
using net::HttpResponse;

namespace {

struct Route {
  std::string_view method;
  std::string_view segment;
};

/// Handlers that Patroni has and this version has not.
constexpr Route kLater[] = {
    {"GET", "metrics"},       {"POST", "failsafe"}, {"POST", "sigterm"},
    {"POST", "reinitialize"}, {"POST", "failover"}, {"POST", "switchover"},
    {"POST", "citus"},        {"POST", "mpp"},      {"DELETE", "switchover"},
};

/// What changes something, and is served.
constexpr Route kWrites[] = {
    {"PATCH", "config"}, {"PUT", "config"}, {"POST", "reload"}, {"POST", "restart"}, {"DELETE", "restart"},
};

template <std::size_t N>
bool is_one_of(const Route (&routes)[N], std::string_view method, std::string_view segment) {
  return std::ranges::any_of(routes,
                             [&](const Route& r) { return r.method == method && r.segment == segment; });
}

/// Headers that every answer has anyway; another value of theirs would break it.
bool is_ours(std::string_view name) {
  constexpr std::string_view kOurs[] = {"content-length", "connection", "date",
                                        "content-type",   "server",     "transfer-encoding"};
  return std::ranges::find(kOurs, lower(name)) != std::end(kOurs);
}

std::string_view first_segment(std::string_view target) {
  std::string_view path = target.substr(0, target.find('?'));
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  return path.substr(0, path.find('/'));
}

}  // namespace

struct Resources::Impl {
  Impl(Executor io, Clock& clock, ha::SnapshotBoard& board, config::SettingsPtr settings, ControlPort control)
      : clock(clock),
        board(board),
        control(io, clock, std::move(control)),
        config(this->control, clock),
        restart(this->control, clock),
        gate(io, clock) {
    use(settings->restapi);
    auto first = std::make_shared<ha::Snapshot>();
    first->published_at = clock.now();
    first->next_run = first->published_at;
    first->settings = std::move(settings);
    before_first = std::move(first);
  }

  Clock& clock;
  ha::SnapshotBoard& board;
  ControlLink control;
  ConfigEndpoint config;
  RestartEndpoint restart;
  Gate gate;
  /// For every answer with a body of its own.
  std::vector<std::pair<std::string, std::string>> extra_headers;
  /// Stands for the snapshot until control has published one.
  ha::SnapshotPtr before_first;

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

  /// Peers decide on positions they read here: they are to be fresh, but a hung PostgreSQL delays no answer.
  static Task<HttpResponse> patroni_answer(std::shared_ptr<Impl> self) {
    const auto before = self->snapshot();
    const Instant now = self->clock.now();
    const bool fresh = before->facts.probe && now - before->facts.probe->asked_at <= kProbeMaxAge;
    if (!fresh && before->facts.running() && self->control.can_refresh()) {
      auto refreshing = self->control.refresh(kProbeMaxAge, now + kRefreshPatience);
      co_await std::move(refreshing);
    }
    const auto s = self->snapshot();
    co_return self->status_answer(200, s, observe(*s, self->clock.now()));
  }

  using ReadResult = ControlLink::ReadResult;

  /// How long the store may take for one step.
  Duration patience() const { return snapshot()->settings->dynamic.timing.retry_timeout; }

  static Task<ReadResult> load(std::shared_ptr<Impl> self) {
    auto loading = self->control.load(ControlLink::Asker::open, self->clock.now() + self->patience());
    ReadResult cluster = co_await std::move(loading);
    co_return cluster;
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
    if (const Document* newer = self->config.newer_than((*cluster)->config.version))
      co_return json_body(200, *newer);
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

  HttpResponse reload_answer() {
    if (!control.reload()) return text_body(503, "the daemon has not started yet");
    return text_body(202, "reload scheduled");
  }

  void use(const config::RestApi& rest) {
    gate.use(rest);
    auto headers = rest.http_extra_headers;
    if (!rest.tls.cert_file.empty()) {
      for (const auto& [name, value] : rest.https_extra_headers) headers[name] = value;
    }
    extra_headers.clear();
    for (const auto& [name, value] : headers) {
      const bool line = !name.empty() && name.find_first_of(" :\r\n") == std::string::npos &&
                        value.find_first_of("\r\n") == std::string::npos;
      if (line && !is_ours(name)) {
        extra_headers.emplace_back(name, value);
      } else {
        log::error("REST API: the extra header '{}' is skipped: {}", name,
                   line ? "it is set with every answer" : "it is no header field");
      }
    }
  }

  /// Status-only answers and error pages go without.
  void add_extra_headers(HttpResponse& response) const {
    const std::string* type = response.headers.find("Content-Type");
    if (type == nullptr || *type == kErrorPageType) return;
    for (const auto& [name, value] : extra_headers) response.headers.set(name, value);
  }

  HttpResponse unsupported(const HttpRequest& request, std::string_view segment) const {
    if (is_one_of(kLater, request.method, segment)) {
      return error_page(
          501, fmt::format("Server does not support this operation: {} /{} is not available in Tanist {}.",
                           request.method, segment, TANIST_VERSION));
    }
    return error_page(501, fmt::format("Unsupported method ('{}'). Server does not support this operation.",
                                       request.method));
  }

  /// One of kWrites.
  static Task<HttpResponse> change(std::shared_ptr<Impl> self, HttpRequest request) {
    const std::string_view segment = first_segment(request.target);
    if (segment == "reload") co_return self->reload_answer();
    const Duration patience = self->patience();
    auto answering =
        segment == "restart"
            ? (request.method == "POST" ? self->restart.post(std::move(request), self->snapshot(), patience)
                                        : self->restart.drop(patience))
        : request.method == "PATCH" ? self->config.patch(std::move(request), patience)
                                    : self->config.put(std::move(request), patience);
    auto response = co_await std::move(answering);
    co_return response;
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
    if (is_one_of(kWrites, request.method, segment)) {
      auto changing = change(self, std::move(request));
      auto response = co_await std::move(changing);
      co_return response;
    }
    if (is_one_of(kLater, request.method, segment)) co_return self->unsupported(request, segment);
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

void Resources::use(const config::RestApi& rest) {
  impl_->use(rest);
}

Task<void> Resources::live() {
  return impl_->gate.resolve_forever();
}

Task<std::optional<HttpResponse>> Resources::admit(HttpRequest request) {
  auto impl = impl_;
  const std::string_view segment = first_segment(request.target);
  const bool known =
      is_one_of(kLater, request.method, segment) || is_one_of(kWrites, request.method, segment);
  // What does not exist is told to everybody.
  if (!known) co_return std::nullopt;
  auto checking = impl->gate.check(std::move(request), impl->snapshot()->cluster);
  auto refusal = co_await std::move(checking);
  if (refusal) impl->add_extra_headers(*refusal);
  co_return refusal;
}

Task<HttpResponse> Resources::answer(HttpRequest request) {
  auto impl = impl_;
  const bool told = log::enabled(log::Level::debug);
  const Instant begun = told ? impl->clock.now() : Instant{};
  const std::string line =
      told ? fmt::format("{} - - \"{} {} HTTP/1.1\"", request.client_ip, request.method, request.target)
           : std::string();
  auto routing = Impl::route(impl, std::move(request));
  auto response = co_await std::move(routing);
  impl->add_extra_headers(response);
  if (told) {
    log::debug("API thread: {} {} - latency: {:.3f} ms", line, response.status,
               seconds(impl->clock.now() - begun) * 1000);
  }
  co_return response;
}

}  // namespace tanist::api
