#include "net/message_parser.h"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/string_body.hpp>

#include "net/chunked.h"

namespace tanist::net {

namespace http = boost::beast::http;

namespace {

ParseFailure failure(const boost::system::error_code& ec) {
  int status = 400;
  if (ec == http::error::header_limit) status = 431;
  if (ec == http::error::body_limit) status = 413;
  return {status, ec.message()};
}

ParseFailure failure(ChunkedBody::Trouble trouble) {
  switch (trouble) {
    case ChunkedBody::Trouble::head_too_large: return {431, "chunk header or trailer limit exceeded"};
    case ChunkedBody::Trouble::body_too_large: return failure(http::error::body_limit);
    case ChunkedBody::Trouble::broken: break;
  }
  return failure(http::error::bad_chunk);
}

template <bool kIsRequest>
class Parser final : public MessageParser {
 public:
  Parser(ParserLimits limits, bool no_body)
      : header_bytes_(limits.header_bytes), chunks_({limits.header_bytes, limits.body_bytes}) {
    parser_.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
    if (limits.body_bytes != 0) {
      parser_.body_limit(limits.body_bytes);
    } else {
      parser_.body_limit(boost::none);
    }
    if (no_body) parser_.skip(true);
  }

  std::expected<std::size_t, ParseFailure> put(std::string_view bytes) override {
    std::size_t taken = 0;
    if (!parser_.is_header_done()) {
      auto header = feed(bytes);
      if (!header) return header;
      if (kIsRequest && folded(bytes.substr(0, *header)))
        return std::unexpected(ParseFailure{400, "a line of the header goes on in the next one"});
      // Beast compares each piece with the limit, and forgets what it has taken before.
      header_taken_ += *header;
      if (header_taken_ > header_bytes_) return std::unexpected(failure(http::error::header_limit));
      if (!parser_.is_header_done()) return header;
      if (kIsRequest && parser_.get().find(http::field::transfer_encoding) != parser_.get().end())
        return std::unexpected(
            ParseFailure{411, "a body needs a Content-Length, encodings are not accepted"});
      chunked_ = parser_.chunked() && !parser_.is_done();
      parser_.eager(true);
      taken = *header;
      bytes.remove_prefix(taken);
    }
    // Beast's own parser of chunks asserts that the pieces of a trailer it is shown again have grown by
    // enough: the peer decides on that.
    auto body = chunked_ ? feed_chunks(bytes) : feed(bytes);
    if (body) *body += taken;
    return body;
  }

  std::expected<void, ParseFailure> end_of_input() override {
    if (!parser_.got_some())
      return std::unexpected(ParseFailure{400, "the connection ended before any byte came"});
    if (chunked_ && chunks_.done()) return {};
    boost::system::error_code ec;
    parser_.put_eof(ec);
    if (ec) return std::unexpected(failure(ec));
    return {};
  }

  bool started() const override { return parser_.got_some(); }
  bool header_done() const override { return parser_.is_header_done(); }
  bool done() const override { return chunked_ ? chunks_.done() : parser_.is_done(); }
  bool keep_alive() const override { return parser_.keep_alive(); }

  std::string take_body() override {
    std::string out = std::move(parser_.get().body());
    parser_.get().body().clear();
    return out;
  }

  Headers take_headers() override {
    Headers out;
    for (const auto& field : parser_.get()) {
      out.add(std::string(field.name_string()), std::string(field.value()));
    }
    return out;
  }

  std::string method() const override {
    if constexpr (kIsRequest) return std::string(parser_.get().method_string());
    return {};
  }
  std::string target() const override {
    if constexpr (kIsRequest) return std::string(parser_.get().target());
    return {};
  }
  bool expects_continue() const override {
    const auto& message = parser_.get();
    return http::token_list(message[http::field::expect]).exists("100-continue");
  }
  bool takes_chunks() const override { return parser_.get().version() >= 11; }
  int status() const override {
    if constexpr (!kIsRequest) return static_cast<int>(parser_.get().result_int());
    return 0;
  }

 private:
  std::expected<std::size_t, ParseFailure> feed(std::string_view bytes) {
    if (bytes.empty() || parser_.is_done()) return 0;
    boost::system::error_code ec;
    const std::size_t taken = parser_.put(boost::asio::buffer(bytes), ec);
    if (ec && ec != http::error::need_more) return std::unexpected(failure(ec));
    // Whatever asks for more than a header may have would make its reader keep bytes without end.
    if (taken == 0 && bytes.size() > header_bytes_)
      return std::unexpected(failure(http::error::header_limit));
    return taken;
  }
  std::expected<std::size_t, ParseFailure> feed_chunks(std::string_view bytes) {
    const auto taken = chunks_.put(bytes, parser_.get().body());
    if (!taken) return std::unexpected(failure(taken.error()));
    return *taken;
  }

  /// Whether a line begins with a blank: what stands there belongs to the field above for some, and is a
  /// field of its own, a Content-Length, for others. `bytes`: the next ones of the header.
  bool folded(std::string_view bytes) {
    bool out = false;
    for (const char c : bytes) {
      out = out || (at_line_ && (c == ' ' || c == '\t'));
      at_line_ = c == '\n';
    }
    return out;
  }

  std::size_t header_bytes_;
  std::size_t header_taken_ = 0;
  /// The next byte of the header begins a line.
  bool at_line_ = false;
  ChunkedBody chunks_;
  bool chunked_ = false;
  http::parser<kIsRequest, http::string_body> parser_;
};

}  // namespace

std::unique_ptr<MessageParser> make_request_parser(ParserLimits limits) {
  return std::make_unique<Parser<true>>(limits, false);
}

std::unique_ptr<MessageParser> make_response_parser(ParserLimits limits, bool no_body) {
  return std::make_unique<Parser<false>>(limits, no_body);
}

}  // namespace tanist::net
