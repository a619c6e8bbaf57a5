#include "api/admission.h"

#include <algorithm>

#include "async/wait.h"
#include "log/log.h"

TANIST_LOGGER("patroni.api");

namespace tanist::api {

namespace {

using namespace std::chrono_literals;
namespace ip = boost::asio::ip;

constexpr Duration kLookUpBudget = 10s;
constexpr Duration kLookUpEvery = 60s;
/// A name that has no address yet is waited for by somebody.
constexpr Duration kLookUpAgain = 5s;
/// For the names of members, while a client waits.
constexpr Duration kMemberBudget = 3s;

}  // namespace

Admission::Admission(Executor executor, Clock& clock) : clock_(clock), resolver_(std::move(executor)) {}

void Admission::use(const config::RestApi& rest) {
  rest_ = rest;
  const auto list = read_allowlist(rest.allowlist.value_or(std::vector<std::string>()));
  for (const auto& problem : list.problems) log::error("{}", problem);
  if (rest.allowlist && list.networks.empty() && list.names.empty()) {
    log::error(
        "the allowlist has no usable entry: nobody may use the methods of the REST API that change "
        "something");
  }
  networks_ = list.networks;
  std::map<std::string, Name> names;
  for (const auto& name : list.names) names[name].addresses = std::move(names_[name].addresses);
  names_ = std::move(names);
  changed_.set();
}

Task<void> Admission::collect(std::string host, Addresses* into) {
  auto found = co_await resolver_.resolve(std::move(host), 0);
  if (!found) co_return;
  for (const auto& endpoint : *found) into->push_back(endpoint.address());
}

Task<void> Admission::look_up(std::string name) {
  auto found = co_await with_deadline(clock_, resolver_.resolve(name, 0), clock_.now() + kLookUpBudget);
  const auto entry = names_.find(name);
  if (entry == names_.end()) co_return;
  if (found && *found) {
    entry->second.failure.clear();
    entry->second.addresses.clear();
    for (const auto& endpoint : **found) entry->second.addresses.push_back(endpoint.address());
    co_return;
  }
  std::string failure = found ? found->error() : "no answer in time";
  if (failure != entry->second.failure) log::error("Failed to resolve {}: {}", name, failure);
  entry->second.failure = std::move(failure);
}

Task<void> Admission::resolve_forever() {
  for (;;) {
    changed_.clear();
    std::vector<Task<void>> looking;
    for (const auto& [name, known] : names_) looking.push_back(look_up(name));
    co_await all(std::move(looking));
    const bool missing =
        std::ranges::any_of(names_, [](const auto& n) { return n.second.addresses.empty(); });
    const Duration pause = names_.empty() ? 24h : missing ? kLookUpAgain : kLookUpEvery;
    co_await run_until(clock_, changed_.wait(), clock_.now() + pause);
  }
}

Task<bool> Admission::allowed(std::string client_ip, bool members_too, dcs::ClusterPtr view) {
  boost::system::error_code ec;
  const auto client = ip::make_address(client_ip, ec);
  if (ec) co_return false;
  if (std::ranges::any_of(networks_, [&](const Network& n) { return n.contains(client); })) co_return true;
  for (const auto& [name, known] : names_) {
    if (std::ranges::find(known.addresses, client) != known.addresses.end()) co_return true;
  }
  if (!members_too || !view) co_return false;
  Addresses addresses;
  std::vector<Task<void>> looking;
  for (const auto& [name, member] : view->members) {
    const auto url = net::parse_url(member.api_url);
    if (url) looking.push_back(collect(url->endpoint.host, &addresses));
  }
  co_await run_until(clock_, all(std::move(looking)), clock_.now() + kMemberBudget);
  co_return std::ranges::find(addresses, client) != addresses.end();
}

Task<std::optional<net::HttpResponse>> Admission::check(net::HttpRequest request, dcs::ClusterPtr view,
                                                        From from) {
  const bool members_too = rest_.allowlist_include_members && from == From::list_and_members;
  bool address_allowed = true;
  if (rest_.allowlist || members_too) {
    address_allowed = co_await allowed(request.client_ip, members_too, std::move(view));
  }
  auto refusal = refusal_of(rest_, request, address_allowed);
  if (refusal) {
    log::info("REST API: refused {} {} of {}: {}", request.method, request.path(), request.client_ip,
              refusal->body);
  }
  co_return refusal;
}

}  // namespace tanist::api
