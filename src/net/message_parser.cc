#include "net/message_parser.h"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/string_body.hpp>

#include "core/format.h"

namespace tanist::net {

namespace http = boost::beast::http;

namespace {

ParseFailure failure(const boost::system::error_code& ec) {
  int status = 400;
  if (ec == http::error::header_limit) status = 431;
  if (ec == http::error::body_limit) status = 413;
  return {status, ec.message()};
}

template <bool kIsRequest>
class Parser final : public MessageParser {
 public:
  Parser(ParserLimits limits, bool no_body) {
    parser_.eager(true);
    parser_.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
    if (limits.body_bytes != 0) {
      parser_.body_limit(limits.body_bytes);
    } else {
      parser_.body_limit(boost::none);
    }
    if (no_body) parser_.skip(true);
  }

  std::expected<std::size_t, ParseFailure> put(std::string_view bytes) override {
    if (bytes.empty()) return 0;
    boost::system::error_code ec;
    const std::size_t taken = parser_.put(boost::asio::buffer(bytes), ec);
    if (ec && ec != http::error::need_more) return std::unexpected(failure(ec));
    return taken;
  }

  std::expected<void, ParseFailure> end_of_input() override {
    if (!parser_.got_some())
      return std::unexpected(ParseFailure{400, "the connection ended before any byte came"});
    boost::system::error_code ec;
    parser_.put_eof(ec);
    if (ec) return std::unexpected(failure(ec));
    return {};
  }

  bool started() const override { return parser_.got_some(); }
  bool header_done() const override { return parser_.is_header_done(); }
  bool done() const override { return parser_.is_done(); }
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
  int status() const override {
    if constexpr (!kIsRequest) return static_cast<int>(parser_.get().result_int());
    return 0;
  }

 private:
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
