#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "ctl/top/screen.h"

namespace tanist::ctl {

/// The terminal as a screen (ncurses): taken over when it is made, given back as it was when it is destroyed.
class Display {
 public:
  /// Throws Failure where the terminal cannot be used so. `colours`: it may show some.
  explicit Display(bool colours);
  ~Display();
  Display(const Display&) = delete;
  Display& operator=(const Display&) = delete;

  ScreenSize size() const;
  bool unicode() const;
  /// Its window may have another size from now on.
  void resized();
  void show(const std::vector<ScreenLine>& lines);
  /// The next key that was pressed, without waiting; nullopt: there is none, or one that means nothing here.
  struct Read {
    bool any = false;
    std::optional<TopPress> press;
  };
  Read read();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tanist::ctl
