#include "net/message_parser.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace tanist::net {
namespace {

/// What came of a message fed in pieces.
struct Fed {
  std::optional<int> failed;
  bool done = false;
  std::string body;
  /// Bytes the parser asked to be shown again, at most.
  std::size_t kept = 0;
  bool operator==(const Fed& other) const {
    return failed == other.failed && done == other.done && body == other.body;
  }
};
void PrintTo(const Fed& fed, std::ostream* out) {
  *out << "failed " << fed.failed.value_or(0) << ", done " << fed.done << ", body '" << fed.body << "'";
}

Fed feed(MessageParser& parser, const std::vector<std::string_view>& pieces) {
  Fed out;
  std::string unread;
  for (const auto piece : pieces) {
    unread += piece;
    while (!unread.empty() && !parser.done()) {
      const auto taken = parser.put(unread);
      if (!taken) {
        out.failed = taken.error().status;
        return out;
      }
      unread.erase(0, *taken);
      out.body += parser.take_body();
      if (*taken == 0) break;
    }
    out.kept = std::max(out.kept, unread.size());
  }
  out.done = parser.done();
  return out;
}

constexpr ParserLimits kLimits{1024, 64};

Fed response(const std::vector<std::string_view>& pieces) {
  return feed(*make_response_parser(kLimits, false), pieces);
}
Fed request(const std::vector<std::string_view>& pieces) {
  return feed(*make_request_parser(kLimits), pieces);
}

const std::string kAnswer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const std::string kQuestion = "PATCH /config HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

struct Body {
  std::string bytes;
  std::string text;
};
const std::vector<Body> kBodies{
    {"0\r\n\r\n", ""},
    {"00;x=y\r\n\r\n", ""},
    {"0\r\nDigest: abc\r\nX:\r\n\r\n", ""},
    {"5\r\nhello\r\n0\r\n\r\n", "hello"},
    {"5;ext=\"a b\"\r\nhello\r\nA \r\n0123456789\r\n0\r\nX: y\r\n\r\n", "hello0123456789"},
};

TEST(MessageParser, chunked_answers_are_read_however_they_are_cut) {
  for (const auto& [bytes, text] : kBodies) {
    const std::string message = kAnswer + bytes;
    const std::string_view all = message;
    const Fed whole = response({all});
    ASSERT_EQ(whole, (Fed{{}, true, text})) << bytes;
    for (std::size_t i = 0; i <= all.size(); ++i)
      for (std::size_t j = i; j <= all.size(); ++j)
        ASSERT_EQ(response({all.substr(0, i), all.substr(i, j - i), all.substr(j)}), whole) << i << " " << j;
    std::vector<std::string_view> bytewise;
    for (std::size_t i = 0; i < all.size(); ++i) bytewise.push_back(all.substr(i, 1));
    ASSERT_EQ(response(bytewise), whole);
  }
}

TEST(MessageParser, chunked_requests_are_refused_however_they_are_cut) {
  for (const auto& [bytes, text] : kBodies) {
    const std::string message = kQuestion + bytes;
    const std::string_view all = message;
    for (std::size_t i = 0; i <= all.size(); ++i)
      for (std::size_t j = i; j <= all.size(); ++j)
        ASSERT_EQ(request({all.substr(0, i), all.substr(i, j - i), all.substr(j)}), (Fed{411, false, ""}));
  }
}

TEST(MessageParser, an_unfinished_chunked_answer_is_not_taken_for_a_whole_one) {
  for (const auto& [bytes, text] : kBodies) {
    const std::string message = kAnswer + bytes;
    for (std::size_t i = 1; i <= message.size(); ++i) {
      const auto parser = make_response_parser(kLimits, false);
      const Fed fed = feed(*parser, {std::string_view(message).substr(0, i)});
      EXPECT_EQ(fed.done, i == message.size());
      EXPECT_EQ(parser->end_of_input().has_value(), i == message.size()) << i;
    }
  }
}

TEST(MessageParser, what_is_no_chunk_fails) {
  for (const std::string bytes : {"\r\n", "x\r\n", ";a\r\n", "5\nhello\n0\n\n", "5\r\nhello0\r\n\r\n",
                                  "0\r\nX: y\n\r\n", "5\r\nhello\r\r0\r\n\r\n", "0\r\n\r\r", "0\rx", "-1\r\n",
                                  "0x1\r\na\r\n0\r\n\r\n", "10000000000000000\r\n"})
    EXPECT_EQ(response({kAnswer + bytes}).failed, 400) << bytes;
}

TEST(MessageParser, nothing_a_peer_sends_is_kept_without_a_limit) {
  EXPECT_EQ(response({kAnswer + "41\r\n"}).failed, 413);
  EXPECT_EQ(response({kAnswer + "40\r\n" + std::string(64, 'x') + "\r\n1\r\n"}).failed, 413);
  EXPECT_EQ(response({kAnswer + "ffffffffffffffff\r\n"}).failed, 400);
  const std::string a_lot(2000, 'x');
  EXPECT_EQ(response({kAnswer + "5;" + a_lot}).failed, 431);
  EXPECT_EQ(response({kAnswer + "0\r\nX: " + a_lot}).failed, 431);
  const std::string field = "X: yyyyyyyy\r\n";
  std::vector<std::string_view> fields{kAnswer, "0\r\n"};
  for (int i = 0; i < 100; ++i) fields.emplace_back(field);
  EXPECT_EQ(response(fields).failed, 431);

  // A header that comes field by field is no smaller than one that comes at once.
  std::vector<std::string_view> header{"GET / HTTP/1.1\r\n"};
  for (int i = 0; i < 100; ++i) header.emplace_back(field);
  const Fed fed = request(header);
  EXPECT_EQ(fed.failed, 431);
  EXPECT_LE(fed.kept, kLimits.header_bytes);
}

/// Where two that read one stream might see different requests in it, there is none.
TEST(MessageParser, requests_that_could_be_read_in_two_ways_fail) {
  const auto failed = [](const std::string& fields, const std::string& line = "POST /config HTTP/1.1\r\n") {
    const std::string all = line + fields + "\r\nhello";
    const Fed whole = request({all});
    for (std::size_t i = 1; i < all.size(); ++i) {
      const Fed cut = request({std::string_view(all).substr(0, i), std::string_view(all).substr(i)});
      EXPECT_EQ(cut.failed, whole.failed) << i << " of " << all;
    }
    return whole.failed.value_or(0);
  };
  EXPECT_EQ(failed("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400);
  EXPECT_EQ(failed("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400);
  EXPECT_EQ(failed("Transfer-Encoding: chunked\r\n"), 411);
  EXPECT_EQ(failed("Transfer-Encoding: identity\r\n"), 411);
  EXPECT_EQ(failed("Transfer-Encoding: xchunked\r\n"), 411);
  EXPECT_EQ(failed("transfer-ENCODING:\tchunked\r\n"), 411);
  EXPECT_EQ(failed("Transfer-Encoding : chunked\r\n"), 400);
  EXPECT_EQ(failed("Content-Length: 5\r\nContent-Length: 6\r\n"), 400);
  EXPECT_EQ(failed("Content-Length: 5, 6\r\n"), 400);
  EXPECT_EQ(failed("Content-Length: 5\r\n 0\r\n"), 400) << "obs-fold";
  EXPECT_EQ(failed("X: y\r\n\tContent-Length: 5\r\n"), 400);
  EXPECT_EQ(failed(" Content-Length: 5\r\n"), 400) << "a blank behind the request line";
  EXPECT_EQ(failed("Content-Length : 5\r\n"), 400);
  for (const char* length : {"-5", "+5", "0x5", "5x", "", "5 5", "18446744073709551621", "5.0"})
    EXPECT_EQ(failed("Content-Length: " + std::string(length) + "\r\n"), 400) << length;
  EXPECT_EQ(failed("Content-Length: 5\nX: y\r\n"), 400) << "a bare LF";
  EXPECT_EQ(failed("X: a\rContent-Length: 5\r\n"), 400) << "a bare CR";
  EXPECT_EQ(failed("X\r\n"), 400);
  EXPECT_EQ(failed(": y\r\n"), 400);
  EXPECT_EQ(failed(std::string("X: a\0b\r\n", 8)), 400);
  for (const char* line :
       {"GET / HTTP/1.1 \r\n", "GET  / HTTP/1.1\r\n", "GET / HTTP/2.0\r\n", "GET / http/1.1\r\n", "GET /\r\n",
        "PRI * HTTP/2.0\r\n", "GET /a b HTTP/1.1\r\n", "G\tT / HTTP/1.1\r\n"})
    EXPECT_EQ(failed("X: y\r\n", line), 400) << line;
}

TEST(MessageParser, bodies_with_a_length_are_read_however_they_are_cut) {
  const std::string message = "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
  const std::string_view all = message;
  for (std::size_t i = 0; i <= all.size(); ++i)
    for (std::size_t j = i; j <= all.size(); ++j)
      ASSERT_EQ(request({all.substr(0, i), all.substr(i, j - i), all.substr(j)}), (Fed{{}, true, "hello"}));
  const auto head = make_response_parser(kLimits, true);
  EXPECT_EQ(feed(*head, {kAnswer}), (Fed{{}, true, ""})) << "the answer to a HEAD has no body";
}

}  // namespace
}  // namespace tanist::net
