// The coroutine rules that text can show: docs of each are in CONTRIBUTING.

#include <gtest/gtest.h>

#include <cctype>
#include <regex>

#include "unit/tidy/source_tree.h"

namespace tanist::tidy {
namespace {

/// Position of the bracket that closes the one at `open`; npos when there is none.
std::size_t closing(const std::string& code, std::size_t open) {
  static const std::string kOpen = "([{", kClose = ")]}";
  int depth = 0;
  for (std::size_t i = open; i < code.size(); ++i) {
    if (kOpen.contains(code[i])) ++depth;
    if (kClose.contains(code[i]) && --depth == 0) return i;
  }
  return std::string::npos;
}

struct Lambda {
  std::size_t begin;
  std::string captures;
  std::string head;  // parameters, specifiers, return type
  std::size_t body;  // of the opening brace
  std::size_t end;   // of the closing brace
};

/// Whether a `[` here starts a lambda rather than a subscript, an attribute or a structured binding.
bool may_start_lambda(const std::string& code, std::size_t position) {
  if (position + 1 < code.size() && code[position + 1] == '[') return false;
  std::size_t i = position;
  while (i > 0 && std::isspace(static_cast<unsigned char>(code[i - 1]))) --i;
  if (i == 0) return true;
  const char before = code[i - 1];
  if (before == ')' || before == ']' || before == '[' || before == '"') return false;
  if (!std::isalnum(static_cast<unsigned char>(before)) && before != '_') return true;
  std::size_t word = i;
  while (word > 0 && (std::isalnum(static_cast<unsigned char>(code[word - 1])) || code[word - 1] == '_'))
    --word;
  const auto name = code.substr(word, i - word);
  return name == "return" || name == "co_return" || name == "co_await" || name == "co_yield";
}

std::vector<Lambda> lambdas(const std::string& code) {
  std::vector<Lambda> found;
  for (std::size_t i = code.find('['); i != std::string::npos; i = code.find('[', i + 1)) {
    if (!may_start_lambda(code, i)) continue;
    const auto end_of_captures = closing(code, i);
    if (end_of_captures == std::string::npos) continue;
    auto j = end_of_captures + 1;
    while (j < code.size() && code[j] != '{' && code[j] != ';' && code[j] != '=' && code[j] != ',' &&
           code[j] != ')') {
      if (code[j] == '(') j = closing(code, j);
      if (j == std::string::npos) break;
      ++j;
    }
    if (j == std::string::npos || j >= code.size() || code[j] != '{') continue;
    const auto end = closing(code, j);
    if (end == std::string::npos) continue;
    found.push_back({i, code.substr(i + 1, end_of_captures - i - 1),
                     code.substr(end_of_captures + 1, j - end_of_captures - 1), j, end});
  }
  return found;
}

Complaints capturing_coroutines(const std::vector<SourceFile>& files) {
  static const std::regex keyword(R"(\bco_(await|return|yield)\b)");
  Complaints complaints;
  for (const auto& file : files) {
    const auto all = lambdas(file.code);
    for (const auto& lambda : all) {
      if (lambda.captures.find_first_not_of(" \t\n") == std::string::npos) continue;
      std::string body = file.code.substr(lambda.body, lambda.end - lambda.body);
      for (const auto& inner : all) {  // a lambda inside is judged by itself
        if (inner.begin > lambda.body && inner.end < lambda.end) {
          for (auto i = inner.body; i <= inner.end; ++i) body[i - lambda.body] = ' ';
        }
      }
      if (std::regex_search(body, keyword)) {
        complaints.push_back(
            at(file, lambda.begin, "a lambda with captures that is a coroutine: its captures die with it"));
      }
    }
  }
  return complaints;
}

TEST(coroutines, no_lambda_with_captures_is_one) {
  const auto complaints = capturing_coroutines(sources());
  EXPECT_TRUE(complaints.empty()) << told(complaints);
}

TEST(coroutines, a_lambda_with_captures_is_found) {
  for (const char* code :
       {"auto f = [&] { co_return; };", "run([this, x = 1](int y) -> Task<void> { co_await g(y); });",
        "return [=]() mutable -> Task<int> { co_return 1; };"}) {
    EXPECT_EQ(capturing_coroutines({make_file("src/ha/x.cc", code)}).size(), 1u) << code;
  }
}

TEST(coroutines, other_brackets_are_no_lambdas) {
  for (const char* code :
       {"auto f = [](X* x) -> Task<void> { co_await x->go(); };",
        "Task<void> g() { auto [a, b] = f(); co_return; }", "Task<void> g() { if (v[i]) { co_return; } }",
        "[[nodiscard]] Task<int> f() { co_return 1; }",
        "Task<void> g() { for (auto& [k, v] : m) { co_await h(k); } }",
        "auto f = [&] { return [](int x) -> Task<void> { co_return; }; };"}) {
    EXPECT_TRUE(capturing_coroutines({make_file("src/ha/x.cc", code)}).empty()) << code;
  }
}

/// Parameters that a coroutine keeps only by reference, although the caller's value may be gone at the first
/// await.
Complaints dangling_parameters(const std::vector<SourceFile>& files) {
  static const std::regex start(R"(\bTask<[^;{}()=]*>\s+(?:\w+::)*\w+\s*\()");
  static const std::regex risky(
      R"(\bstring_view\b|\bstd::span\b|const\s+std::(string|vector|map|set|optional|function)\b[^,]*&)");
  Complaints complaints;
  for (const auto& file : files) {
    // A transport's buffers stay valid until the call returns, by its contract.
    if (!file.in("src/") || file.in("src/net/transport.")) continue;
    for (std::sregex_iterator it(file.code.begin(), file.code.end(), start), end; it != end; ++it) {
      const auto open = static_cast<std::size_t>(it->position() + it->length() - 1);
      const auto close = closing(file.code, open);
      if (close == std::string::npos) continue;
      const auto parameters = file.code.substr(open, close - open);
      if (std::regex_search(parameters, risky)) {
        complaints.push_back(at(file, open, "a coroutine's parameter that may dangle: take it by value"));
      }
    }
  }
  return complaints;
}

TEST(coroutines, none_takes_a_parameter_that_may_dangle) {
  const auto complaints = dangling_parameters(sources());
  EXPECT_TRUE(complaints.empty()) << told(complaints);
}

TEST(coroutines, a_parameter_that_may_dangle_is_found) {
  EXPECT_EQ(dangling_parameters({make_file("src/ha/x.h", "Task<void> f(const std::string& name);")}).size(),
            1u);
  EXPECT_EQ(dangling_parameters(
                {make_file("src/ha/x.h", "Task<std::expected<int, Error>> f(std::string_view name);")})
                .size(),
            1u);
  EXPECT_TRUE(dangling_parameters({make_file("src/ha/x.h", "Task<void> f(Clock& clock, std::string name);")})
                  .empty());
}

/// `co_await f({A(), 1})` and friends: braced temporaries in an expression that awaits (docs/decisions.md).
/// The other rules of such expressions need types: scripts/lint looks at the syntax tree.
Complaints awaits_of_unnamed(const std::vector<SourceFile>& files) {
  static const std::regex pattern(R"(\bco_await\s+(?!std::move\(|std::forward)[^;]*[({,]\s*\{)");
  Complaints complaints;
  for (const auto& file : files) {
    if (!file.in("src/")) continue;
    for (std::sregex_iterator it(file.code.begin(), file.code.end(), pattern), end; it != end; ++it) {
      complaints.push_back(at(file, static_cast<std::size_t>(it->position()),
                              "name the awaitable first: auto op = f({...}); co_await std::move(op);"));
    }
  }
  return complaints;
}

TEST(coroutines, awaitables_with_braced_arguments_have_a_name) {
  const auto complaints = awaits_of_unnamed(sources());
  EXPECT_TRUE(complaints.empty()) << told(complaints);
  EXPECT_EQ(awaits_of_unnamed({make_file("src/ha/x.cc", "auto r = co_await f({A(), 1});")}).size(), 1u);
  EXPECT_TRUE(awaits_of_unnamed({make_file("src/ha/x.cc", "auto op = f({A(), 1});\nco_await std::move(op);")})
                  .empty());
}

}  // namespace
}  // namespace tanist::tidy
