#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "net/http.h"

/// Reads HTTP/1 messages from bytes as they come. Internal to net/.
namespace tanist::net {

struct ParserLimits {
  std::size_t header_bytes;
  /// 0: none.
  std::size_t body_bytes;
};

struct ParseFailure {
  /// The status a server answers with: 400, 411, 413 or 431.
  int status = 400;
  std::string detail;
};

/// Common to both directions. Feed it the unread bytes; it says how many it took, the rest (never more than a
/// header may have) is to be shown again together with what comes next. Requests with a Transfer-Encoding
/// fail with 411 once their header is there: nothing here takes them.
class MessageParser {
 public:
  virtual ~MessageParser() = default;
  virtual std::expected<std::size_t, ParseFailure> put(std::string_view bytes) = 0;
  /// The peer ended the connection: ends a body without a length; a failure when the message is incomplete.
  virtual std::expected<void, ParseFailure> end_of_input() = 0;
  virtual bool started() const = 0;
  virtual bool header_done() const = 0;
  virtual bool done() const = 0;
  /// The connection may carry another message after this one.
  virtual bool keep_alive() const = 0;
  /// The part of the body that has been read and not been taken yet.
  virtual std::string take_body() = 0;
  virtual Headers take_headers() = 0;
  /// Requests.
  virtual std::string method() const = 0;
  virtual std::string target() const = 0;
  virtual bool expects_continue() const = 0;
  /// HTTP/1.1 or later: takes a body in chunks.
  virtual bool takes_chunks() const = 0;
  /// Responses.
  virtual int status() const = 0;
};

std::unique_ptr<MessageParser> make_request_parser(ParserLimits limits);
/// `no_body`: the answer to a HEAD.
std::unique_ptr<MessageParser> make_response_parser(ParserLimits limits, bool no_body);

}  // namespace tanist::net
