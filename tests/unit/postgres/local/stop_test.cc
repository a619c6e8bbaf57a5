#include "unit/postgres/server_fixture.h"

/// A stop that takes long.
namespace tanist::postgres {
namespace {

Task<void> stop_slowly(Node* primary, Node* standby) {
  Result booted = co_await primary->bootstrap();
  REQUIRE_OK(booted);
  Result opened = co_await standby->server->open(standby->settings);
  REQUIRE_OK(opened);
  ReplicaRequest request;
  request.source = primary->upstream();
  request.basebackup_only = true;
  auto copying = standby->server->create_replica(request, {}, standby->in(60s));
  Result copied = co_await std::move(copying);
  REQUIRE_OK(copied);
  Result started = co_await standby->start_replica(primary->upstream());
  REQUIRE_OK(started);
  auto streaming =
      standby->until([](const Facts& f) { return f.probe && f.probe->receiver_state == "streaming"; });
  const bool streams = co_await std::move(streaming);
  REQUIRE(streams);
  pid_t checkpointer = 0;
  for (const pid_t child : process::children(primary->server->facts().postmaster_pid))
    if (process::title(child).find("checkpointer") != std::string::npos) checkpointer = child;
  REQUIRE(checkpointer != 0);
  std::string lines;
  log::redirect([&](log::Level, const std::string& line) { lines += line + "\n"; });
  // Its last checkpoint takes longer than senders that feed nobody are waited for.
  ::kill(checkpointer, SIGSTOP);
  primary->server->signal_stop(StopMode::fast);
  co_await primary->clock.sleep_for(7s);
  ::kill(checkpointer, SIGCONT);
  auto down = primary->server->wait_down(primary->in(20s));
  const bool ended = co_await std::move(down);
  log::redirect({});
  EXPECT_TRUE(ended);
  EXPECT_EQ(lines.find("ending WAL sender"), std::string::npos) << lines;
}

TEST_F(ServerTest, a_sender_that_feeds_a_standby_is_not_ended_where_titles_do_not_tell_so) {
  auto s = settings("one");
  s.postgresql.parameters["update_process_title"] = "off";
  Node primary(io_.get_executor(), clock_, disk_, s);
  Node standby(io_.get_executor(), clock_, disk_, settings("two"));
  run(then_end(stop_slowly(&primary, &standby), {&standby, &primary}));
}

}  // namespace
}  // namespace tanist::postgres
