#pragma once

#include <string>
#include <string_view>

#include "api/member_status.h"

/// GET /metrics (rest-api.md §6). Pure.
namespace tanist::api {

/// The form of an answer: what Prometheus has always read, and what it asks for since.
enum class MetricsForm { prometheus, openmetrics };

/// What a client that sends this `Accept` header wants; OpenMetrics only where it is named.
MetricsForm metrics_form(std::string_view accept);
/// Its Content-Type.
const char* metrics_type(MetricsForm form);

/// What stays as it is for as long as a status document does: everything under Patroni's names, and most of
/// Tanist's own.
std::string lasting_metrics(const MemberStatus& status, MetricsForm form);
/// What is different at each moment, by the clock of the answer, and the end of the text.
std::string momentary_metrics(const MemberStatus& status, Instant now, MetricsForm form);

}  // namespace tanist::api
