# fish completion for tanist; installed as /usr/share/fish/vendor_completions.d/tanist.fish
# Generated from src/apps/tanist_line.h: see tests/unit/apps/tanist_line_test.cc.

complete -c tanist -l validate-config -d 'Check the configuration and this host'
complete -c tanist -l generate-sample-config -d 'Write a configuration to begin with'
complete -c tanist -l generate-config -d 'Write the configuration of a PostgreSQL that runs'
complete -c tanist -l dsn -x -d 'The running PostgreSQL'
complete -c tanist -s i -l ignore-listen-port -d 'Ports to listen on may be in use'
complete -c tanist -s p -l print -d 'Print the configuration that was checked'
complete -c tanist -l show-secrets -d 'Show passwords'
complete -c tanist -l json -d 'What was found as JSON'
complete -c tanist -l offline -d 'Ask nothing of the network'
complete -c tanist -l version -d 'Print the version and end'
complete -c tanist -s h -l help -d 'Print this help and end'
