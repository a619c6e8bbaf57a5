#include "cli/parse.h"

#include <gtest/gtest.h>

namespace tanist::cli {
namespace {

constexpr std::string_view kColours[] = {"red", "green"};
constexpr std::string_view kOthers[] = {"rot"};
constexpr std::string_view kLoud[] = {"--loud"};

constexpr Option kFile{.names = "-c,--config", .help = "a file", .value = "FILE", .type = Type::file};
constexpr Option kQuiet{.names = "-q,--quiet", .help = "say little", .excludes = kLoud};
constexpr Option kLoudly{.names = "--loud", .help = "say much"};
constexpr Option kColour{
    .names = "--colour", .help = "its colour", .value = "C", .choices = kColours, .also_taken = kOthers};
constexpr Option kSize{
    .names = "-s", .help = "its size", .value = "N", .type = Type::number, .least = 0.5, .most = 10};
constexpr Option kCount{.names = "--count", .help = "how many", .value = "N", .type = Type::integer};
constexpr Option kKey{.names = "--set", .help = "a key", .value = "K=V", .repeated = true};
constexpr Argument kThing{.name = "THING", .help = "what", .required = true};
constexpr Argument kMore{.name = "MORE", .help = "what else", .many = true};

Program program() {
  return {.name = "tool",
          .about = "A tool.",
          .version = "tool 7",
          .options = {kFile, kQuiet, kLoudly},
          .commands = {{.name = "paint",
                        .help = "paint a thing",
                        .arguments = {kThing, kMore},
                        .options = {kColour, kSize, kCount, kKey},
                        .footer = "With care."},
                       {.name = "look", .help = "look at things", .arguments = {kMore}}},
          .footer = "That is all."};
}

TEST(Parse, options_and_arguments_are_given_by_their_declaration) {
  const auto parsed = parse(program(), {"-c", "f", "-q", "paint", "door", "--colour=red", "-s", "2.5",
                                        "--count", "3", "--set", "a=1", "wall", "--set", "b=2", "roof"});
  ASSERT_EQ(parsed.outcome, Parsed::Outcome::run) << parsed.text;
  EXPECT_EQ(parsed.command, "paint");
  const Given& given = parsed.given;
  EXPECT_EQ(given.text(kFile), std::optional<std::string>("f"));
  EXPECT_TRUE(given.has(kQuiet));
  EXPECT_FALSE(given.has(kLoudly));
  EXPECT_EQ(given.text(kColour, "green"), "red");
  EXPECT_EQ(given.number(kSize), std::optional(2.5));
  EXPECT_TRUE(given.has(kCount));
  EXPECT_EQ(given.texts(kKey), (std::vector<std::string>{"a=1", "b=2"}));
  EXPECT_EQ(given.text(kThing), "door");
  EXPECT_EQ(given.texts(kMore), (std::vector<std::string>{"wall", "roof"}));
}

TEST(Parse, of_an_option_that_is_given_twice_the_last_one_counts) {
  const auto parsed =
      parse(program(), {"paint", "door", "--colour", "red", "-s", "1", "--colour", "green", "-s", "2"});
  ASSERT_EQ(parsed.outcome, Parsed::Outcome::run) << parsed.text;
  EXPECT_EQ(parsed.given.text(kColour, ""), "green");
  EXPECT_EQ(parsed.given.number(kSize), std::optional(2.0));
}

TEST(Parse, a_name_may_be_that_of_a_command) {
  const auto parsed = parse(program(), {"paint", "look", "paint"});
  ASSERT_EQ(parsed.outcome, Parsed::Outcome::run) << parsed.text;
  EXPECT_EQ(parsed.command, "paint");
  EXPECT_EQ(parsed.given.text(kThing), "look");
  EXPECT_EQ(parsed.given.texts(kMore), std::vector<std::string>{"paint"});
}

TEST(Parse, what_was_left_out_is_empty) {
  const auto parsed = parse(program(), {"paint", "door"});
  const Given& given = parsed.given;
  EXPECT_FALSE(given.has(kColour));
  EXPECT_EQ(given.text(kColour, "green"), "green");
  EXPECT_EQ(given.text(kFile), std::nullopt);
  EXPECT_EQ(given.number(kSize), std::nullopt);
  EXPECT_TRUE(given.texts(kKey).empty());
  EXPECT_TRUE(given.texts(kMore).empty());
}

TEST(Parse, a_flag_that_is_told_to_be_false_is_not_given) {
  EXPECT_FALSE(parse(program(), {"--quiet=false", "look"}).given.has(kQuiet));
  EXPECT_TRUE(parse(program(), {"--quiet=true", "look"}).given.has(kQuiet));
}

TEST(Parse, what_no_command_of_the_call_declares_is_a_mistake_of_the_program) {
  const auto parsed = parse(program(), {"look"});
  EXPECT_THROW((void)parsed.given.text(kColour), std::out_of_range);
  EXPECT_FALSE(parsed.given.has(kColour)) << "what cannot be given was not";
}

TEST(Parse, wrong_usage_says_why) {
  const auto why = [](std::vector<std::string> arguments) {
    const auto parsed = parse(program(), std::move(arguments));
    return parsed.outcome == Parsed::Outcome::wrong_usage ? parsed.text : "not wrong";
  };
  EXPECT_EQ(why({"nonsense"}), "No such command 'nonsense'.");
  EXPECT_EQ(why({"look", "--nonsense"}), "not expected here: --nonsense");
  EXPECT_EQ(why({"paint"}), "THING is required");
  EXPECT_EQ(why({"paint", "x", "--colour", "blue"}), "--colour: blue not in {red,green,rot}");
  EXPECT_EQ(why({"paint", "x", "--colour", "rot"}), "not wrong");
  EXPECT_EQ(why({"paint", "x", "-s", "11"}), "-s: 11 is not a number from 0.5 to 10");
  EXPECT_EQ(why({"paint", "x", "--count", "many"}), "--count: many is not a valid integer");
  EXPECT_EQ(why({"paint", "x", "--set"}), "--set: 1 required K=V missing");
  EXPECT_EQ(why({"-q", "--loud", "look"}), "--quiet excludes --loud");
  EXPECT_EQ(why({"paint", "x", "--colour", "blue", "--colour", "red"}),
            "--colour: blue not in {red,green,rot}");
}

TEST(Parse, help_and_version_are_told) {
  const auto told = [](std::vector<std::string> arguments) {
    const auto parsed = parse(program(), std::move(arguments));
    return parsed.outcome == Parsed::Outcome::tell ? parsed.text : "not told";
  };
  EXPECT_EQ(told({"--version"}), "tool 7\n");
  EXPECT_EQ(told({"paint", "--version"}), "not told");
  EXPECT_EQ(told({}), told({"--help"}));
  EXPECT_TRUE(told({"-h"}).starts_with("A tool.\nUsage: tool [OPTIONS] [SUBCOMMAND]\n")) << told({"-h"});
  EXPECT_NE(told({"-h"}).find("That is all."), std::string::npos);
  EXPECT_TRUE(
      told({"paint", "--help"}).starts_with("paint a thing\nUsage: tool paint [OPTIONS] THING [MORE...]\n"))
      << told({"paint", "--help"});
  EXPECT_NE(told({"paint", "--help"}).find("With care."), std::string::npos);
}

TEST(Parse, the_first_word_is_the_command_whatever_precedes_it) {
  EXPECT_EQ(first_word(program(), {"-c", "f", "-q", "paint", "door"}), "paint");
  EXPECT_EQ(first_word(program(), {"--config=f", "look"}), "look");
  EXPECT_EQ(first_word(program(), {"-c", "look"}), "");
  EXPECT_EQ(first_word(program(), {"-"}), "-");
}

TEST(Declaration, a_few_words_are_the_help_up_to_its_first_punctuation) {
  EXPECT_EQ(Option({.help = "Set a key; an empty value removes it"}).brief(), "Set a key");
  EXPECT_EQ(Option({.help = "pretty (default)", .in_short = "Format"}).brief(), "Format");
  EXPECT_EQ(Option({.help = "Do not ask"}).brief(), "Do not ask");
}

TEST(Declaration, usage_shows_what_may_be_left_out) {
  EXPECT_EQ(program().commands[0].usage(), "paint THING [MORE...]");
  EXPECT_EQ(long_options(program()),
            (std::vector<std::string>{"--help", "--config", "--quiet", "--loud", "--version"}));
}

}  // namespace
}  // namespace tanist::cli
