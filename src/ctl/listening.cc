#include "ctl/listening.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <map>

#include "async/event.h"
#include "async/task_scope.h"
#include "async/wait.h"
#include "core/text.h"

namespace tanist::ctl {

namespace {

using namespace std::chrono_literals;

constexpr Duration kBeginListening = 2s;
/// Members give a sign of life every 15 s.
constexpr Duration kSilencePatience = 35s;
/// Until members that were not reached are tried again.
constexpr Duration kTryAgain = 2s;
/// What happens together is told within that.
constexpr Duration kGather = 100ms;

bool is_event_stream(const net::HttpStream& stream) {
  const std::string* type = stream.headers().find("Content-Type");
  return stream.status() == 200 && type != nullptr && lower(*type).starts_with("text/event-stream");
}

/// Of a snapshot: whoever has taken over the address of a member that is gone is no member.
bool is_of(const MemberEvent& event, const std::string& cluster) {
  const Document* scope = event.data.find("scope");
  return event.type != "snapshot" || (scope != nullptr && scope->text() == cluster);
}

}  // namespace

Task<Silence> listen_to(net::HttpClient* client, Clock* clock, MemberAccess access, std::string api_url,
                        std::string cluster, std::function<void(const MemberEvent&)> told) {
  const auto url = net::parse_url(api_url);
  if (!url) co_return Silence::not_served;
  net::HttpRequest request = access.request({.endpoint = "events"}, *url);
  auto stream = co_await client->stream(url->endpoint, std::move(request), clock->now() + kBeginListening);
  if (!stream || stream->status() == 503) {
    // A member of Patroni answers unknown paths as health checks: with 503 and a document.
    const std::string* type = stream ? stream->headers().find("Content-Type") : nullptr;
    co_return type != nullptr && type->starts_with("application/json") ? Silence::not_served
                                                                       : Silence::unreachable;
  }
  if (!is_event_stream(*stream)) co_return Silence::not_served;
  EventParser parser;
  for (;;) {
    auto bytes = co_await stream->read_some(clock->now() + kSilencePatience);
    if (!bytes || bytes->empty()) co_return Silence::ended;
    for (const auto& event : parser.put(*bytes)) {
      if (!is_of(event, cluster)) co_return Silence::unreachable;
      told(event);
    }
    if (parser.broken()) co_return Silence::not_served;
  }
}

namespace {

/// Listens to one member of each cluster, whichever serves events.
class HttpListening final : public Listening {
 public:
  explicit HttpListening(MemberAccess access) : access_(std::move(access)) {}
  ~HttpListening() override {
    TaskScope last(io_.get_executor());
    last.spawn("stop listening", scope_.close());
    io_.restart();
    io_.run();
  }
  HttpListening(const HttpListening&) = delete;
  HttpListening& operator=(const HttpListening&) = delete;

  void use(const std::string& cluster, std::vector<std::string> api_urls) override {
    const bool known = urls_.contains(cluster);
    urls_[cluster] = std::move(api_urls);
    if (!known) scope_.spawn("listen to " + cluster, follow(this, cluster));
  }

  bool wait_until(Instant until) override {
    scope_.spawn("wait for a change", wait(this, until));
    io_.restart();
    io_.run();
    const bool changed = changed_.is_set();
    changed_.clear();
    return changed;
  }

 private:
  static Task<void> wait(HttpListening* self, Instant until) {
    co_await tanist::wait_until(self->clock_, self->changed_, until);
    self->io_.stop();
  }

  static Task<void> follow(HttpListening* self, std::string cluster) {
    for (;;) {
      // A copy: the next look may bring other members.
      const std::vector<std::string> urls = self->urls_[cluster];
      for (const auto& url : urls) {
        if (self->deaf_.contains(url)) continue;
        auto listening = listen_to(&self->client_, &self->clock_, self->access_, url, cluster,
                                   [self](const MemberEvent& event) {
                                     if (event.type != "snapshot") self->changed_.set();
                                   });
        const Silence why = co_await std::move(listening);
        if (why == Silence::not_served) self->deaf_.insert(url);
        // It may have taken news with it.
        if (why == Silence::ended) self->changed_.set();
      }
      co_await self->clock_.sleep_for(kTryAgain);
    }
  }

  MemberAccess access_;
  boost::asio::io_context io_{1};
  SystemClock clock_;
  net::HttpClient client_{io_.get_executor(), clock_, access_.client_options()};
  TaskScope scope_{io_.get_executor()};
  std::map<std::string, std::vector<std::string>> urls_;
  std::set<std::string> deaf_;
  Event changed_;
};

}  // namespace

std::unique_ptr<Listening> listen_over_http(MemberAccess access) {
  return std::make_unique<HttpListening>(std::move(access));
}

Changes::Changes(MemberApi* api, const Terminal& terminal)
    : terminal_(terminal), listening_(api != nullptr ? api->listen() : nullptr) {}

void Changes::seen(const std::string& name, const dcs::Cluster& cluster) {
  if (!listening_) return;
  std::vector<std::string> urls;
  for (const auto& [member_name, member] : cluster.members) {
    if (member.api_url.empty()) continue;
    // The leader last: of its end others tell.
    const bool leads = member_name == cluster.leader_name();
    urls.insert(leads ? urls.end() : urls.begin(), member.api_url);
  }
  listening_->use(name, std::move(urls));
}

bool Changes::wait(Instant until) {
  if (!listening_) return terminal_.sleep_until(until);
  if (!listening_->wait_until(until)) return true;
  return terminal_.sleep_until(std::min(until, terminal_.now() + kGather));
}

}  // namespace tanist::ctl
