#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>

#include "async/wait.h"
#include "net/resolver.h"
#include "postgres/local/context.h"

/// For tests of one part of the local server: what parts share, without any other part, and without
/// PostgreSQL.
namespace tanist::postgres {

class PartTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/tanist-part-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    auto settings = std::make_shared<config::Settings>();
    settings->name = "one";
    settings->state_dir = root_ + "/state";
    settings->postgresql.data_dir = root_ + "/data";
    settings->postgresql.tools.bin_dir = root_ + "/bin";
    settings->postgresql.pgpass = root_ + "/pgpass";
    for (const char* directory : {"/state", "/data", "/bin"})
      std::filesystem::create_directory(root_ + directory);
    settings_ = settings;
    context_.settings = settings_;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  /// The body ends before the context does.
  void run(Task<void> body) {
    test_.spawn("test", std::move(body));
    io_.run();
  }
  Instant in(Duration d) const { return clock_.now() + d; }
  /// A program of that content in a directory of `root_`.
  void write_program(const std::string& path, const std::string& script) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << "#!/bin/sh\n" << script << "\n";
    ::chmod((root_ + path).c_str(), 0755);
  }
  std::string content(const std::string& path) const {
    std::ifstream in(root_ + path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  boost::asio::io_context io_;
  SystemClock clock_;
  DiskThread disk_{clock_};
  Context context_{io_.get_executor(), clock_, disk_};
  TaskScope test_{io_.get_executor()};
  std::shared_ptr<config::Settings> settings_;
  std::string root_;
};

}  // namespace tanist::postgres
