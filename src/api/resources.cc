#include "api/resources.h"

#include <algorithm>
#include <array>

#include "api/admission.h"
#include "api/config_endpoint.h"
#include "api/control_reads.h"
#include "api/event_feed.h"
#include "api/failsafe_endpoint.h"
#include "api/health.h"
#include "api/journal_endpoint.h"
#include "api/metrics.h"
#include "api/openapi.h"
#include "api/reinitialize_endpoint.h"
#include "api/request_body.h"
#include "api/responses.h"
#include "api/restart_endpoint.h"
#include "api/server.h"
#include "api/status_document.h"
#include "api/switchover_endpoint.h"
#include "async/event.h"
#include "async/wait.h"
#include "core/format.h"
#include "core/text.h"
#include "core/version.h"
#include "dcs/overview.h"
#include "log/log.h"

TANIST_LOGGER("patroni.api");

/// The table of endpoints, and the short ones themselves.
namespace tanist::api {

using net::HttpRequest;
using net::HttpResponse;

namespace {

/// Headers that every answer has anyway; another value of theirs would break it.
bool is_ours(std::string_view name) {
  constexpr std::string_view kOurs[] = {"content-length", "connection", "date",
                                        "content-type",   "server",     "transfer-encoding"};
  return std::ranges::find(kOurs, lower(name)) != std::end(kOurs);
}

}  // namespace

struct Resources::Impl {
  Impl(Executor io, Clock& clock, ha::SnapshotBoard& board, ha::Mailbox& mailbox,
       config::SettingsPtr settings)
      : clock(clock),
        board(board),
        mailbox(mailbox),
        reads(mailbox, clock),
        config(mailbox, reads, clock),
        restart(mailbox, reads, clock),
        reinitialize(mailbox, clock),
        switchover(mailbox, reads, board, clock),
        failsafe(mailbox, clock),
        journal(clock),
        admission(io, clock),
        events(std::make_shared<EventFeed>(clock, board, EventFeed::Limits())) {
    use(settings->restapi);
    auto first = std::make_shared<ha::Snapshot>();
    first->published_at = clock.now();
    first->next_run = first->published_at;
    first->settings = std::move(settings);
    before_first = std::move(first);
  }

  Clock& clock;
  ha::SnapshotBoard& board;
  ha::Mailbox& mailbox;
  ControlReads reads;
  ConfigEndpoint config;
  RestartEndpoint restart;
  ReinitializeEndpoint reinitialize;
  SwitchoverEndpoint switchover;
  FailsafeEndpoint failsafe;
  JournalEndpoint journal;
  Admission admission;
  std::shared_ptr<EventFeed> events;
  /// Requests that are being answered, and set while there is none.
  std::size_t answering = 0;
  Event idle;
  std::string openapi_text;
  /// For every answer with a body of its own.
  std::vector<std::pair<std::string, std::string>> extra_headers;
  /// Stands for the snapshot until control has published one.
  ha::SnapshotPtr before_first;

  /// What a document tells changes with its snapshot, and when time makes that stale, or ends what it knows.
  struct Moment {
    ha::SnapshotPtr snapshot;
    bool stale = false;
    bool view = false;
    bool lease = false;
    bool failsafe = false;
    bool operator==(const Moment&) const = default;
  };
  static Moment moment_of(const ha::SnapshotPtr& s, const MemberStatus& o) {
    return {s, o.stale, o.view != nullptr, o.lease_held, o.failsafe};
  }
  struct Rendered {
    Moment moment;
    std::string text;
  };
  Rendered rendered;
  /// By their form.
  std::array<Rendered, 2> rendered_metrics;

  const std::string& status_text(const ha::SnapshotPtr& s, const MemberStatus& o) {
    const Moment moment = moment_of(s, o);
    if (rendered.moment != moment) rendered = {moment, to_spaced_json(status_document(o))};
    return rendered.text;
  }

  const std::string& lasting_metrics_text(const ha::SnapshotPtr& s, const MemberStatus& o, MetricsForm form) {
    auto& known = rendered_metrics.at(static_cast<std::size_t>(form));
    const Moment moment = moment_of(s, o);
    if (known.moment != moment) known = {moment, lasting_metrics(o, form)};
    return known.text;
  }

  ha::SnapshotPtr snapshot() const {
    auto current = board.get();
    return current && current->settings ? current : before_first;
  }

  struct RenderedCluster {
    ha::SnapshotPtr snapshot;
    std::string text;
  } rendered_cluster;

  static std::string cluster_text(const ha::Snapshot& s, const dcs::Cluster& cluster) {
    const Document& config = cluster.config.valid ? cluster.config.data : s.settings->dynamic.raw;
    return to_spaced_json(dcs::cluster_document(cluster, config, s.settings->scope));
  }

  HttpResponse status_answer(int status, const ha::SnapshotPtr& s, const MemberStatus& o) {
    return json_body(status, status_text(s, o));
  }

  static HttpResponse verdict_answer(const HttpRequest& request, const Verdict& verdict) {
    const bool bare = verdict.status == 200 || request.method != "GET";
    return bare ? status_only(verdict.status) : text_body(verdict.status, verdict.reason);
  }

  // Health checks: no crossing, no wait.

  static Task<HttpResponse> liveness_answer(std::shared_ptr<Impl> self, HttpRequest request) {
    const auto s = self->snapshot();
    const Instant now = self->clock.now();
    co_return verdict_answer(request, liveness(member_status(*s, now), now));
  }

  static Task<HttpResponse> readiness_answer(std::shared_ptr<Impl> self, HttpRequest request) {
    const auto s = self->snapshot();
    co_return verdict_answer(request, readiness(request.target, member_status(*s, self->clock.now())));
  }

  static Task<HttpResponse> health_answer(std::shared_ptr<Impl> self, HttpRequest request) {
    const auto s = self->snapshot();
    const MemberStatus o = member_status(*s, self->clock.now());
    const int status = health_status(request.target, o);
    co_return request.method == "GET" ? self->status_answer(status, s, o) : status_only(status);
  }

  /// Peers decide on positions they read here: they are to be fresh, but a hung PostgreSQL delays no answer.
  static Task<HttpResponse> patroni_answer(std::shared_ptr<Impl> self, HttpRequest) {
    const auto before = self->snapshot();
    const Instant now = self->clock.now();
    const bool fresh = before->facts.probe && now - before->facts.probe->asked_at <= kProbeMaxAge;
    if (!fresh && before->facts.running()) {
      co_await self->reads.refresh(kProbeMaxAge, now + kRefreshPatience);
    }
    const auto s = self->snapshot();
    const Instant answered = self->clock.now();
    const MemberStatus o = member_status(*s, answered);
    Document document = Document::map();
    // Ages, which no rendered document keeps.
    if (!add_interruption(document, *s, answered)) co_return self->status_answer(200, s, o);
    document = status_document(o);
    add_interruption(document, *s, answered);
    co_return json_body(200, document);
  }

  using ReadResult = ha::order::ReadCluster::Answer;

  /// How long the store may take for one step.
  Duration patience() const { return snapshot()->settings->dynamic.timing.retry_timeout; }

  static Task<ReadResult> load(std::shared_ptr<Impl> self) {
    ReadResult cluster =
        co_await self->reads.cluster(ControlReads::Asker::open, self->clock.now() + self->patience());
    co_return cluster;
  }

  static HttpResponse unreachable(const std::string& why) {
    return text_body(503, "could not read the cluster from the store: " + why);
  }

  /// Patroni reads the store each time (rest-api.md §5). Positions of members wake no cycle, so the view of
  /// the last one would not do; what the watch has kept current does, while control is heard of and the store
  /// answers it. A client that must see all that was written before it asked says so.
  static Task<HttpResponse> cluster_answer(std::shared_ptr<Impl> self, HttpRequest request) {
    const auto now = self->clock.now();
    const auto before = self->snapshot();
    const std::string* wish = request.headers.find("Cache-Control");
    const bool anew = wish != nullptr && lower(*wish).find("no-cache") != std::string::npos;
    if (!anew && before->watched && now - before->published_at <= kCopyMaxAge &&
        member_status(*before, now).view != nullptr) {
      auto& known = self->rendered_cluster;
      if (known.snapshot != before) known = RenderedCluster{before, cluster_text(*before, *before->watched)};
      co_return json_body(200, known.text);
    }
    const ReadResult cluster = co_await load(self);
    if (!cluster) co_return unreachable(cluster.error());
    const auto s = self->snapshot();
    co_return json_body(200, cluster_text(*s, **cluster));
  }

  /// The view while it may be relied on, else a read of the store.
  static Task<ReadResult> view_or_load(std::shared_ptr<Impl> self) {
    const auto s = self->snapshot();
    if (member_status(*s, self->clock.now()).view != nullptr) co_return s->cluster;
    ReadResult cluster = co_await load(self);
    co_return cluster;
  }

  static Task<HttpResponse> history_answer(std::shared_ptr<Impl> self, HttpRequest) {
    const ReadResult cluster = co_await view_or_load(self);
    if (!cluster) co_return unreachable(cluster.error());
    co_return json_body(200, dcs::history_document((*cluster)->history));
  }

  static Task<HttpResponse> config_answer(std::shared_ptr<Impl> self, HttpRequest) {
    const ReadResult cluster = co_await view_or_load(self);
    if (!cluster) co_return unreachable(cluster.error());
    if (const Document* newer = self->config.newer_than((*cluster)->config)) co_return json_body(200, *newer);
    if (!(*cluster)->config.valid) co_return error_page(502, why_no_config((*cluster)->config));
    co_return json_body(200, (*cluster)->config.data);
  }

  static Task<HttpResponse> metrics_answer(std::shared_ptr<Impl> self, HttpRequest request) {
    const auto s = self->snapshot();
    const Instant now = self->clock.now();
    const MemberStatus o = member_status(*s, now);
    const std::string* accept = request.headers.find("Accept");
    const MetricsForm form = accept != nullptr ? metrics_form(*accept) : MetricsForm::prometheus;
    HttpResponse out;
    out.headers.add("Content-Type", metrics_type(form));
    out.body = self->lasting_metrics_text(s, o, form) + momentary_metrics(o, now, form);
    co_return out;
  }

  static Task<HttpResponse> events_answer(std::shared_ptr<Impl> self, HttpRequest request) {
    co_return self->events->open(request);
  }

  static Task<HttpResponse> openapi_answer(std::shared_ptr<Impl> self, HttpRequest) {
    co_return json_body(200, self->openapi_text);
  }

  static Task<HttpResponse> failsafe_answer(std::shared_ptr<Impl> self, HttpRequest) {
    const auto s = self->snapshot();
    Document members = Document::map();
    // What was written just now is in the copy of the watch alone.
    if (const auto cluster = s->watched ? s->watched : s->cluster) {
      if (!cluster->failsafe) co_return error_page(502, "failsafe mode is not active");
      for (const auto& [name, url] : *cluster->failsafe) members.set(name, url);
    }
    co_return json_body(200, members);
  }

  static Task<HttpResponse> post_failsafe(std::shared_ptr<Impl> self, HttpRequest request) {
    return self->failsafe.post(std::move(request), self->snapshot());
  }

  /// Patroni ends itself by it on Windows alone; here nothing is ended either.
  static Task<HttpResponse> post_sigterm(std::shared_ptr<Impl>, HttpRequest) {
    co_return text_body(202, "shutdown scheduled");
  }

  /// As of a member without Citus: an event of a worker is heard and concerns nobody.
  static Task<HttpResponse> post_mpp(std::shared_ptr<Impl>, HttpRequest request) {
    const auto event = required_object(request);
    if (!event) co_return event.error();
    co_return text_body(200, "OK");
  }

  static Task<HttpResponse> patch_config(std::shared_ptr<Impl> self, HttpRequest request) {
    return self->config.patch(std::move(request), self->patience());
  }

  static Task<HttpResponse> put_config(std::shared_ptr<Impl> self, HttpRequest request) {
    return self->config.put(std::move(request), self->patience());
  }

  static Task<HttpResponse> post_reload(std::shared_ptr<Impl> self, HttpRequest) {
    const auto told = self->mailbox.tell(ha::order::Reload{});
    if (!told) co_return text_body(503, told.error().why);
    co_return text_body(202, "reload scheduled");
  }

  static Task<HttpResponse> post_restart(std::shared_ptr<Impl> self, HttpRequest request) {
    return self->restart.post(std::move(request), self->snapshot(), self->patience());
  }

  static Task<HttpResponse> delete_restart(std::shared_ptr<Impl> self, HttpRequest) {
    return self->restart.drop(self->patience());
  }

  static Task<HttpResponse> post_reinitialize(std::shared_ptr<Impl> self, HttpRequest request) {
    return self->reinitialize.post(std::move(request));
  }

  static Task<HttpResponse> post_switchover(std::shared_ptr<Impl> self, HttpRequest request) {
    return self->switchover.post(std::move(request), false, self->snapshot(), self->patience());
  }

  static Task<HttpResponse> post_failover(std::shared_ptr<Impl> self, HttpRequest request) {
    return self->switchover.post(std::move(request), true, self->snapshot(), self->patience());
  }

  static Task<HttpResponse> delete_switchover(std::shared_ptr<Impl> self, HttpRequest) {
    return self->switchover.drop(self->patience());
  }

  static Task<HttpResponse> journal_answer(std::shared_ptr<Impl> self, HttpRequest request) {
    return self->journal.get(std::move(request), self->snapshot());
  }

  /// Whether who asks may; nullopt: he may.
  static Task<std::optional<HttpResponse>> admit(std::shared_ptr<Impl> impl, HttpRequest request);

  void use(const config::RestApi& rest) {
    admission.use(rest);
    openapi_text = to_spaced_json(openapi(!rest.authentication.username.empty()));
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
};

std::span<const Resources::Route> Resources::routes() {
  using enum Access;
  static constexpr Route kAll[] = {
      {"GET", "liveness", open, &Impl::liveness_answer,
       "200 while the daemon decides, 503 where it hangs: for whoever would restart it", true},
      {"GET", "readiness", open, &Impl::readiness_answer,
       "200 on the leader, and on a replica that streams and is not too far behind (`?lag=10MB`, "
       "`?mode=write`)",
       true},
      {"GET", "patroni", open, &Impl::patroni_answer,
       "the status document: state, role, positions, timeline, replication; `tanist_diverged` where the WAL "
       "of a "
       "replica has left the leader's, `tanist_delayed` where it replays late on purpose and leads only when "
       "it is told to, `tanist_clients_held` where clients are kept out after a crash, `tanist_timelines`: "
       "at "
       "which position it left each of the last ten, `tanist_branch`: which of all timelines of that number "
       "it "
       "is on, `tanist_logical_slots`: the logical slots that go with "
       "the "
       "lead, or that a replica could go on with, `tanist_slots_at_risk`: replication slots that hold back "
       "too "
       "much WAL, or have lost some, `tanist_guardian`: `armed`, `ready` or `missing`, "
       "`tanist_watchdog`: whether the device counts down, and what is wrong with it"},
      {"GET", "cluster", open, &Impl::cluster_answer,
       "the members that the store knows, with role, state and lag; what is scheduled. From the copy of the "
       "store that this member keeps current; `Cache-Control: no-cache` has the store itself read"},
      {"GET", "history", open, &Impl::history_answer,
       "the timelines of the cluster: where each of them began, why, and who led"},
      {"GET", "config", open, &Impl::config_answer, "the configuration that all members share"},
      {"GET", "failsafe", open, &Impl::failsafe_answer, "the members that failsafe mode counts on"},
      {"GET", "metrics", open, &Impl::metrics_answer,
       "for Prometheus, in its text form or, where `Accept` asks for it, as OpenMetrics (below)"},
      {"GET", "events", open, &Impl::events_answer,
       "what changes, as it happens: server-sent events (below), resumed by `Last-Event-ID`"},
      {"GET", "openapi.json", open, &Impl::openapi_answer,
       "this API for machines: OpenAPI 3.1, with the schema of every body and answer"},
      {"GET", "journal", guarded, &Impl::journal_answer,
       "why it decided as it did: the last decision, and the last hundred before it that differ (`?limit=`, "
       "`?since=`, `?until=`), each with all that it was made on; `tanistctl explain` reads it"},
      {"PATCH", "config", guarded, &Impl::patch_config,
       "merges a JSON object into the dynamic configuration (`null` removes a key) and answers with the "
       "whole"},
      {"PUT", "config", guarded, &Impl::put_config, "puts a JSON object in its place"},
      {"POST", "reload", guarded, &Impl::post_reload,
       "reads the configuration files again, as SIGHUP does: 202 `reload scheduled`"},
      {"POST", "restart", guarded, &Impl::post_restart,
       "restarts PostgreSQL of this member and answers when it accepts connections again; with `schedule` at "
       "a "
       "time"},
      {"DELETE", "restart", guarded, &Impl::delete_restart, "withdraws the scheduled restart"},
      {"POST", "reinitialize", guarded, &Impl::post_reinitialize,
       "replaces the data directory of this replica by a new copy; `force` ends what it is busy with, "
       "`from_leader` copies the leader itself. Answers when the old data goes, or says why it stays"},
      {"POST", "switchover", guarded, &Impl::post_switchover,
       "hands the lead over to `candidate`, or to the best replica, and answers when it accepts writes; with "
       "`scheduled_at` at a time"},
      {"DELETE", "switchover", guarded, &Impl::delete_switchover, "withdraws the scheduled switchover"},
      {"POST", "failover", guarded, &Impl::post_failover,
       "the same to `candidate`, also where nobody leads and where it lacks what others have"},
      {"POST", "failsafe", guarded_by_list, &Impl::post_failsafe,
       "what a primary asks that has lost the store: to be let lead on for `ttl`. 200 `Accepted` is a "
       "promise, kept "
       "on disk, not to take the leader key meanwhile"},
      {"POST", "sigterm", guarded, &Impl::post_sigterm,
       "nothing: 202 `shutdown scheduled`, as Patroni on Linux"},
      {"POST", "citus", guarded, &Impl::post_mpp,
       "events of Citus workers, which concern nobody here: 200 `OK`"},
      {"POST", "mpp", guarded, &Impl::post_mpp, "the same under its newer name"},
      {"GET", "", open, &Impl::health_answer, "a health check", true},
  };
  return kAll;
}

const Resources::Route* Resources::route_of(std::string_view method, std::string_view target) {
  const std::string_view segment = first_segment(target);
  const bool bare = method == "HEAD" || method == "OPTIONS";
  for (const auto& route : routes()) {
    const bool answers = method == route.method || (bare && route.health_check);
    if (answers && (segment == route.segment || route.segment.empty())) return &route;
  }
  return nullptr;
}

Resources::Resources(Executor io, Clock& clock, ha::SnapshotBoard& board, ha::Mailbox& mailbox,
                     config::SettingsPtr settings)
    : impl_(std::make_shared<Impl>(std::move(io), clock, board, mailbox, std::move(settings))) {}
Resources::~Resources() = default;

void Resources::use(const config::RestApi& rest) {
  impl_->use(rest);
}

Task<void> Resources::live() {
  auto impl = impl_;
  std::vector<Task<void>> both;
  both.push_back(impl->admission.resolve_forever());
  both.push_back(impl->events->follow());
  co_await all(std::move(both));
}

void Resources::close() {
  impl_->events->close();
}

Task<std::optional<HttpResponse>> Resources::admit(HttpRequest request) {
  return Impl::admit(impl_, std::move(request));
}

Task<std::optional<HttpResponse>> Resources::Impl::admit(std::shared_ptr<Impl> impl, HttpRequest request) {
  const Route* route = route_of(request.method, request.target);
  // What does not exist is told to everybody.
  if (route == nullptr || route->access == Access::open) co_return std::nullopt;
  const auto from =
      route->access == Access::guarded ? Admission::From::list_and_members : Admission::From::list;
  auto refusal = co_await impl->admission.check(std::move(request), impl->snapshot()->cluster, from);
  if (refusal) impl->add_extra_headers(*refusal);
  co_return refusal;
}

Task<void> Resources::idle() {
  auto impl = impl_;
  if (impl->answering != 0) co_await impl->idle.wait();
  co_await impl->events->alone();
}

Task<HttpResponse> Resources::answer(HttpRequest request) {
  auto impl = impl_;
  struct Answering {
    Impl* impl;
    explicit Answering(Impl* i) : impl(i) {
      ++impl->answering;
      impl->idle.clear();
    }
    ~Answering() {
      if (--impl->answering == 0) impl->idle.set();
    }
  } answering(impl.get());
  const bool told = log::enabled(log::Level::debug);
  const Instant begun = told ? impl->clock.now() : Instant{};
  const std::string line =
      told ? fmt::format("{} - - \"{} {} HTTP/1.1\"", request.client_ip, request.method, request.target)
           : std::string();
  const Route* route = route_of(request.method, request.target);
  HttpResponse response;
  if (route == nullptr) {
    response = error_page(
        501,
        fmt::format("Unsupported method ('{}'). Server does not support this operation.", request.method));
    response.reason = fmt::format("Unsupported method ('{}')", request.method);
  } else {
    // Of what changes something the server has asked before it took the body.
    std::optional<HttpResponse> refusal;
    if (route->access != Access::open && request.method == "GET")
      refusal = co_await Impl::admit(impl, request);
    if (refusal) {
      response = *std::move(refusal);
    } else {
      response = co_await route->handler(impl, std::move(request));
    }
  }
  impl->add_extra_headers(response);
  if (told) {
    log::debug("API thread: {} {} - latency: {:.3f} ms", line, response.status,
               seconds(impl->clock.now() - begun) * 1000);
  }
  co_return response;
}

}  // namespace tanist::api
