#include "cli/completion.h"

#include <gtest/gtest.h>

namespace tanist::cli {
namespace {

constexpr std::string_view kPaints[] = {"red", "green"};

/// Of everything a declaration can say.
Program painter() {
  return {.name = "tool",
          .options = {{.names = "-c,--config", .help = "What's read", .value = "FILE", .type = Type::file},
                      {.names = "--url", .help = "where", .value = "URL", .begins = "http://"}},
          .commands = {
              {.name = "paint",
               .help = "Paint it: with care",
               .arguments = {{.name = "THING"}, {.name = "MORE", .many = true}},
               .options = {{.names = "--colour", .help = "which [one]", .value = "C", .choices = kPaints},
                           {.names = "-s,--set", .help = "a key", .value = "K", .repeated = true},
                           {.names = "--secret", .help = "hush", .value = "N", .offered = false}}},
              {.name = "look", .help = "Look"}}};
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Completion, bash_offers_commands_options_and_values) {
  const auto text = bash_completion(painter(), "a table");
  EXPECT_TRUE(has(text, "# Generated from a table.\n")) << text;
  EXPECT_TRUE(has(text, "      -c | --config | --url) ((i++)) ;;\n")) << text;
  EXPECT_TRUE(has(text, "compgen -W 'paint look -c --config --url --help --version' --")) << text;
  EXPECT_TRUE(has(text, "    paint:--colour)\n      mapfile -t COMPREPLY < <(compgen -W 'red green' --"))
      << text;
  EXPECT_TRUE(
      has(text, "    paint)\n      mapfile -t COMPREPLY < <(compgen -W '--colour -s --set --help' --"))
      << text;
}

/// Without commands.
Program brush() {
  return {.name = "brush",
          .also_called = {"pencil"},
          .options = {{.names = "--print", .help = "show it"},
                      {.names = "--dsn", .help = "where", .value = "DSN"},
                      {.names = "--secret", .help = "hush", .offered = false}},
          .arguments = {{.name = "file", .help = "what", .type = Type::file}}};
}

TEST(Completion, a_program_without_commands_takes_options_and_files) {
  const auto bash = bash_completion(brush(), "a table");
  EXPECT_TRUE(has(bash, "compgen -W '--print --dsn --help --version' --")) << bash;
  EXPECT_TRUE(has(bash, "    --dsn)\n      return\n")) << bash;
  EXPECT_TRUE(has(bash, "compgen -f -- \"$cur\"")) << bash;
  EXPECT_TRUE(has(bash, "complete -F _brush brush pencil\n")) << bash;
  const auto zsh = zsh_completion(brush(), "a table");
  EXPECT_TRUE(zsh.starts_with("#compdef brush pencil\n")) << zsh;
  EXPECT_TRUE(has(zsh, "'1:file:_files'")) << zsh;
  const auto fish = fish_completion(brush(), "a table");
  EXPECT_TRUE(has(fish, "complete -c brush -l print -d 'show it'\n")) << fish;
  EXPECT_FALSE(has(bash + zsh + fish, "secret"));
}

TEST(Completion, other_names_of_the_program_complete_as_it_does) {
  auto tool = painter();
  tool.also_called = {"brush"};
  EXPECT_TRUE(has(bash_completion(tool, "a table"), "complete -F _tool tool brush\n"));
  EXPECT_TRUE(zsh_completion(tool, "a table").starts_with("#compdef tool brush\n"));
  EXPECT_TRUE(has(fish_completion_of_other_name(tool, "brush", "a table"), "complete -c brush -w tool\n"));
}

constexpr std::string_view kWords[] = {"up", "down"};

/// Of what a program lists itself.
Program shop() {
  return {.name = "tool",
          .commands = {
              {.name = "move",
               .help = "Move it",
               .arguments = {{.name = "CLUSTER", .names_of = Names::cluster},
                             {.name = "WHAT", .many = true, .names_of = Names::member, .words = kWords}},
               .options = {{.names = "--to", .help = "where", .value = "M", .names_of = Names::member}}}}};
}

TEST(Completion, names_are_asked_of_the_program) {
  const auto bash = bash_completion(shop(), "a table");
  EXPECT_TRUE(has(bash, "\"${before[@]}\" list \"${cluster[@]}\" -f tsv")) << bash;
  EXPECT_TRUE(has(bash, "      move:--to) ((i++)) ;;\n")) << bash;
  EXPECT_TRUE(
      has(bash, "    move:--to)\n      mapfile -t COMPREPLY < <(compgen -W \"$(names 2)\" -- \"$cur\")"))
      << bash;
  EXPECT_TRUE(has(
      bash, "elif ((${#given[@]} == 0)); then\n        mapfile -t COMPREPLY < <(compgen -W \"$(names 1)\""))
      << bash;
  EXPECT_TRUE(has(bash,
                  "elif ((${#given[@]} >= 1)); then\n        mapfile -t COMPREPLY < <(compgen -W "
                  "\"$(names 2) up down\""))
      << bash;
  const auto zsh = zsh_completion(shop(), "a table");
  EXPECT_TRUE(
      has(zsh, "'1:cluster: _tool_names 1' \\\n            '*:what:{ _tool_names 2; compadd up down}'"))
      << zsh;
  EXPECT_TRUE(has(zsh, "'--to[where]:m: _tool_names 2'")) << zsh;
  const auto fish = fish_completion(shop(), "a table");
  EXPECT_TRUE(has(fish, "__fish_seen_subcommand_from move\" -a '(__tool_names 2) up down'\n")) << fish;
  EXPECT_TRUE(has(fish, " -l to -x -a '(__tool_names 2)' -d 'where'\n")) << fish;
  EXPECT_FALSE(has(bash_completion(painter(), "a table"), "-f tsv"));
}

TEST(Completion, bash_completes_no_value_that_it_does_not_know) {
  const auto text = bash_completion(painter(), "a table");
  EXPECT_TRUE(has(text, "    paint:--secret)\n      return\n")) << text;
  EXPECT_TRUE(has(text, "    paint:-s | paint:--set)\n      return\n")) << text;
}

TEST(Completion, zsh_escapes_what_it_would_read_otherwise) {
  const auto text = zsh_completion(painter(), "a table");
  EXPECT_TRUE(text.starts_with("#compdef tool\n")) << text;
  EXPECT_TRUE(has(text, "'(-c --config)'{-c,--config}'[What'\\''s read]:file:_files'")) << text;
  EXPECT_TRUE(has(text, "'--url[where]:url:(http\\://)'")) << text;
  EXPECT_TRUE(has(text, "'--colour[which \\[one\\]]:c:(red green)'")) << text;
  EXPECT_TRUE(has(text, "'*'{-s,--set}'[a key]:k: '")) << text;
  EXPECT_TRUE(has(text, "'1:thing: ' \\\n            '*:more: '")) << text;
  EXPECT_FALSE(has(text, "--secret")) << text;
}

TEST(Completion, fish_offers_options_where_they_belong) {
  const auto text = fish_completion(painter(), "a table");
  EXPECT_TRUE(has(text, "set -l commands paint look\n")) << text;
  EXPECT_TRUE(has(text, " -s c -l config -r -F -d 'What\\'s read'\n")) << text;
  EXPECT_TRUE(
      has(text, "\"__fish_seen_subcommand_from paint\" -l colour -x -a 'red green' -d 'which [one]'\n"))
      << text;
  EXPECT_TRUE(has(text, " -a paint -d 'Paint it'\n")) << text;
  EXPECT_FALSE(has(text, "secret")) << text;
}

}  // namespace
}  // namespace tanist::cli
