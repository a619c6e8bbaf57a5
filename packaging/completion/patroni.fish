# fish completion for patroni, another name of tanist; installed as /usr/share/fish/vendor_completions.d/patroni.fish
# Generated from src/apps/tanist_line.h: see tests/unit/apps/tanist_line_test.cc.

complete -c patroni -w tanist
