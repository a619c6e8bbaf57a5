#pragma once

#include "api/control_reads.h"
#include "core/document.h"
#include "dcs/model.h"
#include "ha/mailbox.h"
#include "net/http.h"

namespace tanist::api {

/// PATCH and PUT /config (rest-api.md §8.1, §8.2). Nothing is stored that members would refuse. Lives on the
/// api thread.
class ConfigEndpoint {
 public:
  ConfigEndpoint(ha::Mailbox& mailbox, ControlReads& reads, Clock& clock)
      : mailbox_(mailbox), reads_(reads), clock_(clock) {}

  /// `patience` bounds each step: the read and the write.
  Task<net::HttpResponse> patch(net::HttpRequest request, Duration patience);
  Task<net::HttpResponse> put(net::HttpRequest request, Duration patience);

  /// What was written here a moment ago, when that is newer than `version`: a client reads what it has just
  /// changed.
  const Document* newer_than(dcs::Version version) const;

 private:
  Task<net::HttpResponse> store(Document next, dcs::Condition condition, Duration patience,
                                int failure_status);
  /// `unknown` when control does not answer in time: the write may still happen.
  Task<dcs::WriteResult> write(dcs::Record record, dcs::Condition condition, Duration patience);
  Task<bool> changed_since(dcs::Version version, Duration patience);

  ha::Mailbox& mailbox_;
  ControlReads& reads_;
  Clock& clock_;
  dcs::Version written_version_ = 0;
  Instant written_at_{};
  Document written_;
};

/// Why there is nothing to show or to patch; `config` is not valid.
std::string why_no_config(const dcs::Config& config);

}  // namespace tanist::api
