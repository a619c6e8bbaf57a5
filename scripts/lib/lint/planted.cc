// What scripts/lint has to find in expressions that await, and what it has to let pass: each line with a rule
// broken says so, and the lint is itself broken where its findings are not exactly these. Compiled by nobody.

#include <array>
#include <coroutine>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

template <class T>
struct Task {
  struct promise_type {
    T value{};
    Task get_return_object() { return {}; }
    std::suspend_always initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_value(T v) { value = std::move(v); }
    void unhandled_exception() {}
  };
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<>) {}
  T await_resume() { return {}; }
};

struct Pair {
  std::string name;
  int number = 0;
};

struct Made {
  Made(std::string, int) {}
};

Task<std::string> text(int number) {
  co_return std::to_string(number);
}
Task<int> take(Pair) {
  co_return 1;
}
Task<int> take_made(Made) {
  co_return 1;
}
Task<int> take_text(std::string) {
  co_return 1;
}
Task<int> take_list(std::vector<std::string>) {
  co_return 1;
}
template <class F>
Task<int> take_function(F) {
  co_return 1;
}
template <class F>
std::string mapped(std::string value, F) {
  return value;
}
Pair make(int number) {
  return Pair{"x", number};
}

Task<int> bad(bool choice, std::shared_ptr<int> shared, std::string a, std::string b) {
  int sum = co_await take({a, 3});                                      // broken
  sum += co_await take(Pair{a, 3});                                     // broken
  sum += co_await take({});                                             // broken
  sum += co_await take_function([shared] { return *shared; });          // broken
  sum += co_await take_function([t = std::string("x")] { return t; });  // broken
  sum += co_await take_text(choice ? a + b : std::string("none"));      // broken
  sum += co_await take_list({a, b});                                    // broken
  Pair pair{co_await text(1), 1};                                       // broken
  std::vector<std::string> texts{co_await text(1), co_await text(2)};   // broken
  a = mapped(co_await text(2), [shared](std::string s) { return s; });  // broken
  co_return sum + pair.number + static_cast<int>(texts.size());
}

template <class T>
Task<int> bad_in_a_template(T value) {
  co_return co_await take({std::string(value), 3});  // broken
}

Task<int> good(bool choice, std::string a, std::string b) {
  int sum = co_await take(make(3));
  Pair pair{a, 3};
  sum += co_await take(std::move(pair));
  sum += co_await take_made(Made(a, 1));
  sum += co_await take_text(a + b);
  sum += co_await take_list(std::vector<std::string>(2));
  sum += choice ? co_await take_text(a) : co_await take_text(b);
  sum += co_await take_text(std::to_string(choice ? 1 : 2));
  sum += co_await take_function([](int x) { return x; });
  auto named = take({a, 3});
  sum += co_await std::move(named);
  auto function = [&a] { return a; };
  sum += co_await take_function(function);
  const std::string result = co_await text(1);
  Pair later{result, 1};
  std::array<int, 2> numbers{1, 2};
  if (co_await take_text(a) > 0 && !(co_await text(3)).empty()) sum += numbers[0];
  co_return sum + later.number;
}

}  // namespace

int main() {
  bad(true, {}, "a", "b");
  bad_in_a_template("x");
  good(true, "a", "b");
}
