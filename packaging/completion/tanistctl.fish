# fish completion for tanistctl; installed as /usr/share/fish/vendor_completions.d/tanistctl.fish
# Generated from the table in src/ctl/commands/table.cc: see tests/unit/ctl/commands/table_test.cc.

set -l commands list topology show-config edit-config reload

complete -c tanistctl -f
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -s c -l config-file -r -F -d 'Configuration file or directory'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -s d -l dcs-url -l dcs -x -a 'etcd3://' -d 'The store instead of the configured one'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -s k -l insecure -d 'Do not verify certificates of the members\' REST API'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -l version -d 'Print the version and end'
complete -c tanistctl -s h -l help -d 'Print this help and end'

complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a list -d 'Show the members of clusters'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a topology -d 'Show the members of clusters as a tree'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a show-config -d 'Print the configuration that all members of a cluster share'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a edit-config -d 'Change the configuration that all members of a cluster share'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a reload -d 'Have members read their configuration files again'

complete -c tanistctl -n "__fish_seen_subcommand_from list" -s W -d 'Show again every 2 seconds'
complete -c tanistctl -n "__fish_seen_subcommand_from list" -s w -l watch -x -d 'Show again every so many seconds'
complete -c tanistctl -n "__fish_seen_subcommand_from list" -s e -l extended -d 'Also columns that no member has a value for'
complete -c tanistctl -n "__fish_seen_subcommand_from list" -s t -l timestamp -d 'Print the time first'
complete -c tanistctl -n "__fish_seen_subcommand_from list" -s f -l format -x -a 'pretty tsv json yaml' -d 'Output format'

complete -c tanistctl -n "__fish_seen_subcommand_from topology" -s W -d 'Show again every 2 seconds'
complete -c tanistctl -n "__fish_seen_subcommand_from topology" -s w -l watch -x -d 'Show again every so many seconds'

complete -c tanistctl -n "__fish_seen_subcommand_from edit-config" -s q -l quiet -d 'Do not show the difference'
complete -c tanistctl -n "__fish_seen_subcommand_from edit-config" -s s -l set -x -d 'Set a key'
complete -c tanistctl -n "__fish_seen_subcommand_from edit-config" -s p -l pg -x -d 'Set a PostgreSQL parameter'
complete -c tanistctl -n "__fish_seen_subcommand_from edit-config" -l apply -r -F -d 'Merge a YAML file into it'
complete -c tanistctl -n "__fish_seen_subcommand_from edit-config" -l replace -r -F -d 'Put a YAML file in its place'
complete -c tanistctl -n "__fish_seen_subcommand_from edit-config" -l force -d 'Do not ask'

complete -c tanistctl -n "__fish_seen_subcommand_from reload" -s r -l role -x -a 'leader primary standby-leader replica standby any' -d 'Only members of a role'
complete -c tanistctl -n "__fish_seen_subcommand_from reload" -l force -d 'Do not ask'
