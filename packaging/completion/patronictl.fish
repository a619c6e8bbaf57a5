# fish completion for patronictl, another name of tanistctl; installed as /usr/share/fish/vendor_completions.d/patronictl.fish
# Generated from the table in src/ctl/commands/table.cc: see tests/unit/ctl/commands/table_test.cc.

complete -c patronictl -w tanistctl
