#pragma once

#include <gtest/gtest.h>

#include "unit/ctl/surroundings.h"

namespace tanist::ctl::test {

constexpr const char* kPga = "http://10.1.0.11:8008/patroni";
constexpr const char* kPgb = "http://10.1.0.12:8008/patroni";

/// What a test of a command has: the cluster `shop`, its members, a terminal.
class CommandTest : public ::testing::Test {
 protected:
  /// What a command ends with: empty, or the text of its error. How it ended otherwise is in `ending`.
  template <class Run>
  std::string ended(Run run) {
    screen.out.str("");
    try {
      ending = run();
    } catch (const Failure& failure) {
      return failure.what();
    } catch (const Aborted& aborted) {
      return aborted.what();
    }
    return {};
  }
  void answers(const std::string& lines) {
    screen.in.clear();
    screen.in.str(lines);
  }
  std::string all_said() const { return screen.out.str(); }
  /// What follows the last table.
  std::string said() const {
    const std::string all = screen.out.str();
    const auto table = all.rfind("-+\n");
    return table == std::string::npos ? all : all.substr(table + 3);
  }
  bool warned(const std::string& text) const { return screen.err.str().find(text) != std::string::npos; }
  /// All that was printed, `<table>` in the place of each table.
  std::string dialogue() const {
    std::string out;
    std::istringstream lines(screen.out.str());
    int rules = 0;
    for (std::string line; std::getline(lines, line);) {
      const bool rule = line.starts_with("+") && line.ends_with("-+");
      if (rule && ++rules == 3) {
        out += "<table>\n";
        rules = 0;
      }
      if (!rule && !line.starts_with("|")) out += line + "\n";
    }
    const bool whole = screen.out.str().ends_with("\n");
    if (!whole && !out.empty()) out.pop_back();
    return out;
  }

  FakeStore store;
  FakeApi api;
  FakeTerminal screen;
  Terminal terminal = screen.terminal();
  Ending ending = Ending::done;
};

}  // namespace tanist::ctl::test
