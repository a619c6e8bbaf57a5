# fish completion for tanistctl; installed as /usr/share/fish/vendor_completions.d/tanistctl.fish
# Generated from the table in src/ctl/commands/table.cc: see tests/unit/ctl/commands/table_test.cc.

set -l commands list topology history switchover failover restart reload reinit pause resume flush show-config edit-config dsn query version remove top doctor explain replay demote-cluster promote-cluster

# Of the configured cluster; in silence where nothing answers.
function __tanistctl_names
    set -l before
    for word in (commandline -opc)
        contains -- $word list topology history switchover failover restart reload reinit pause resume flush show-config edit-config dsn query version remove top doctor explain replay demote-cluster promote-cluster; and break
        set -a before $word
    end
    timeout 3 $before list -f tsv 2>/dev/null | tail -n +2 | cut -f$argv[1] | sort -u
end

complete -c tanistctl -f
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -s c -l config-file -r -F -d 'Configuration file or directory'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -s d -l dcs-url -l dcs -x -a 'etcd3://' -d 'The store instead of the configured one'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -s k -l insecure -d 'Do not verify certificates of the members\' REST API'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -l strict -d 'Exit code 3 when a member refused or failed'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -l version -d 'Print the version and end'
complete -c tanistctl -s h -l help -d 'Print this help and end'

complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a list -d 'Show the members of clusters'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a topology -d 'Show the members of clusters as a tree'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a history -d 'Show when the primary\'s role passed from one member to another'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a switchover -d 'Give the primary\'s role to another member'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a failover -d 'Make a member the primary'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a restart -d 'Restart PostgreSQL on members'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a reload -d 'Have members read their configuration files again'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a reinit -d 'Have replicas throw away their data directory and copy it anew'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a pause -d 'Leave a cluster to you'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a resume -d 'Take a paused cluster under management again'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a flush -d 'Take back restarts or a switchover that are scheduled'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a show-config -d 'Print the configuration that all members of a cluster share'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a edit-config -d 'Change the configuration that all members of a cluster share'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a dsn -d 'Print how to connect to a member'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a query -d 'Have a member carry out SQL'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a version -d 'Show the version of this tool'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a remove -d 'Delete everything that the store knows of a cluster'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a top -d 'Watch a cluster on the whole screen'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a doctor -d 'Look for what is wrong or unwise with a cluster'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a explain -d 'Show why members do what they do'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a replay -d 'Decide again on what members have recorded'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a demote-cluster -d 'Have a cluster follow another one'
complete -c tanistctl -n "not __fish_seen_subcommand_from $commands" -a promote-cluster -d 'Have a cluster follow nobody any more'

complete -c tanistctl -n "__fish_seen_subcommand_from list" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from list" -s W -d 'Show again every 2 seconds'
complete -c tanistctl -n "__fish_seen_subcommand_from list" -s w -l watch -x -d 'Show again every so many seconds'
complete -c tanistctl -n "__fish_seen_subcommand_from list" -s e -l extended -d 'Also columns that no member has a value for'
complete -c tanistctl -n "__fish_seen_subcommand_from list" -s t -l timestamp -d 'Print the time first'
complete -c tanistctl -n "__fish_seen_subcommand_from list" -s f -l format -x -a 'pretty tsv json yaml' -d 'Output format'

complete -c tanistctl -n "__fish_seen_subcommand_from topology" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from topology" -s W -d 'Show again every 2 seconds'
complete -c tanistctl -n "__fish_seen_subcommand_from topology" -s w -l watch -x -d 'Show again every so many seconds'

complete -c tanistctl -n "__fish_seen_subcommand_from history" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from history" -s f -l format -x -a 'pretty tsv json yaml' -d 'Output format'

complete -c tanistctl -n "__fish_seen_subcommand_from switchover" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from switchover" -l leader -l primary -x -a '(__tanistctl_names 2)' -d 'The present leader'
complete -c tanistctl -n "__fish_seen_subcommand_from switchover" -l candidate -x -a '(__tanistctl_names 2)' -d 'The member that is to lead'
complete -c tanistctl -n "__fish_seen_subcommand_from switchover" -l scheduled -x -d 'When to switch over'
complete -c tanistctl -n "__fish_seen_subcommand_from switchover" -l force -d 'Do not ask'
complete -c tanistctl -n "__fish_seen_subcommand_from switchover" -l wait -d 'Wait until the others follow the new leader'

complete -c tanistctl -n "__fish_seen_subcommand_from failover" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from failover" -l candidate -x -a '(__tanistctl_names 2)' -d 'The member that is to lead'
complete -c tanistctl -n "__fish_seen_subcommand_from failover" -l force -d 'Do not ask'
complete -c tanistctl -n "__fish_seen_subcommand_from failover" -l wait -d 'Wait until the others follow the new leader'

complete -c tanistctl -n "__fish_seen_subcommand_from restart" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from restart" -a '(__tanistctl_names 2)'
complete -c tanistctl -n "__fish_seen_subcommand_from restart" -s r -l role -x -a 'leader primary standby-leader replica standby any' -d 'Only members of a role'
complete -c tanistctl -n "__fish_seen_subcommand_from restart" -l any -d 'One of the chosen members'
complete -c tanistctl -n "__fish_seen_subcommand_from restart" -l scheduled -x -d 'When to restart'
complete -c tanistctl -n "__fish_seen_subcommand_from restart" -l pg-version -x -d 'Only where PostgreSQL is older than this'
complete -c tanistctl -n "__fish_seen_subcommand_from restart" -l pending -d 'Only members that wait for a restart to apply their parameters'
complete -c tanistctl -n "__fish_seen_subcommand_from restart" -l timeout -x -d 'How long the start may take'
complete -c tanistctl -n "__fish_seen_subcommand_from restart" -l force -d 'Do not ask'

complete -c tanistctl -n "__fish_seen_subcommand_from reload" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from reload" -a '(__tanistctl_names 2)'
complete -c tanistctl -n "__fish_seen_subcommand_from reload" -s r -l role -x -a 'leader primary standby-leader replica standby any' -d 'Only members of a role'
complete -c tanistctl -n "__fish_seen_subcommand_from reload" -l force -d 'Do not ask'

complete -c tanistctl -n "__fish_seen_subcommand_from reinit" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from reinit" -a '(__tanistctl_names 2)'
complete -c tanistctl -n "__fish_seen_subcommand_from reinit" -l force -d 'Do not ask'
complete -c tanistctl -n "__fish_seen_subcommand_from reinit" -l from-leader -d 'Copy from the leader'
complete -c tanistctl -n "__fish_seen_subcommand_from reinit" -l wait -d 'Wait until the copies are there and run'

complete -c tanistctl -n "__fish_seen_subcommand_from pause" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from pause" -l wait -d 'Wait until all members say so'

complete -c tanistctl -n "__fish_seen_subcommand_from resume" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from resume" -l wait -d 'Wait until all members say so'

complete -c tanistctl -n "__fish_seen_subcommand_from flush" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from flush" -a '(__tanistctl_names 2) restart switchover'
complete -c tanistctl -n "__fish_seen_subcommand_from flush" -s r -l role -x -a 'leader primary standby-leader replica standby any' -d 'Only members of a role'
complete -c tanistctl -n "__fish_seen_subcommand_from flush" -l force -d 'Do not ask'

complete -c tanistctl -n "__fish_seen_subcommand_from show-config" -a '(__tanistctl_names 1)'

complete -c tanistctl -n "__fish_seen_subcommand_from edit-config" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from edit-config" -s q -l quiet -d 'Do not show the difference'
complete -c tanistctl -n "__fish_seen_subcommand_from edit-config" -s s -l set -x -d 'Set a key'
complete -c tanistctl -n "__fish_seen_subcommand_from edit-config" -s p -l pg -x -d 'Set a PostgreSQL parameter'
complete -c tanistctl -n "__fish_seen_subcommand_from edit-config" -l apply -r -F -d 'Merge a YAML file into it'
complete -c tanistctl -n "__fish_seen_subcommand_from edit-config" -l replace -r -F -d 'Put a YAML file in its place'
complete -c tanistctl -n "__fish_seen_subcommand_from edit-config" -l force -d 'Do not ask'
complete -c tanistctl -n "__fish_seen_subcommand_from edit-config" -l dry-run -d 'Show the difference'

complete -c tanistctl -n "__fish_seen_subcommand_from dsn" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from dsn" -s r -l role -x -a 'leader primary standby-leader replica standby any' -d 'The first member of a role'
complete -c tanistctl -n "__fish_seen_subcommand_from dsn" -s m -l member -x -a '(__tanistctl_names 2)' -d 'This member'

complete -c tanistctl -n "__fish_seen_subcommand_from query" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from query" -s r -l role -x -a 'leader primary standby-leader replica standby any' -d 'The first member of a role'
complete -c tanistctl -n "__fish_seen_subcommand_from query" -s m -l member -x -a '(__tanistctl_names 2)' -d 'This member'
complete -c tanistctl -n "__fish_seen_subcommand_from query" -s c -l command -x -d 'The SQL'
complete -c tanistctl -n "__fish_seen_subcommand_from query" -s f -l file -r -F -d 'A file with the SQL'
complete -c tanistctl -n "__fish_seen_subcommand_from query" -s U -l username -x -d 'User of the database'
complete -c tanistctl -n "__fish_seen_subcommand_from query" -l password -d 'Ask for the user\'s password'
complete -c tanistctl -n "__fish_seen_subcommand_from query" -s d -l dbname -x -d 'Database to connect to'
complete -c tanistctl -n "__fish_seen_subcommand_from query" -l format -x -a 'pretty tsv json yaml' -d 'Output format'
complete -c tanistctl -n "__fish_seen_subcommand_from query" -l delimiter -x -d 'Between the values of tsv'
complete -c tanistctl -n "__fish_seen_subcommand_from query" -s W -d 'Show again every 2 seconds'
complete -c tanistctl -n "__fish_seen_subcommand_from query" -s w -l watch -x -d 'Show again every so many seconds'

complete -c tanistctl -n "__fish_seen_subcommand_from version" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from version" -a '(__tanistctl_names 2)'

complete -c tanistctl -n "__fish_seen_subcommand_from remove" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from remove" -s f -l format -x -a 'pretty tsv json yaml' -d 'Output format'

complete -c tanistctl -n "__fish_seen_subcommand_from top" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from top" -s w -l watch -x -d 'Seconds between two looks'

complete -c tanistctl -n "__fish_seen_subcommand_from doctor" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from doctor" -s f -l format -x -a 'pretty tsv json yaml' -d 'Output format'

complete -c tanistctl -n "__fish_seen_subcommand_from explain" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from explain" -a '(__tanistctl_names 2)'
complete -c tanistctl -n "__fish_seen_subcommand_from explain" -l at -x -d 'What was decided at that time'
complete -c tanistctl -n "__fish_seen_subcommand_from explain" -l last-failover -d 'How the lead passed on last'
complete -c tanistctl -n "__fish_seen_subcommand_from explain" -l code -x -d 'What a reason or rule means'
complete -c tanistctl -n "__fish_seen_subcommand_from explain" -s f -l format -x -a 'pretty tsv json yaml' -d 'Output format'

complete -c tanistctl -n "__fish_seen_subcommand_from replay" -l with -x -d 'Decide with another value of a setting'
complete -c tanistctl -n "__fish_seen_subcommand_from replay" -l all -d 'Show the decisions that do not differ'
complete -c tanistctl -n "__fish_seen_subcommand_from replay" -s f -l format -x -a 'pretty tsv json yaml' -d 'Output format'

complete -c tanistctl -n "__fish_seen_subcommand_from demote-cluster" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from demote-cluster" -l host -x -d 'Address of the other cluster'
complete -c tanistctl -n "__fish_seen_subcommand_from demote-cluster" -l port -x -d 'Port of the other cluster'
complete -c tanistctl -n "__fish_seen_subcommand_from demote-cluster" -l restore-command -x -d 'How WAL is had from the archive of the other cluster'
complete -c tanistctl -n "__fish_seen_subcommand_from demote-cluster" -l primary-slot-name -x -d 'The slot on the other side that is streamed through'
complete -c tanistctl -n "__fish_seen_subcommand_from demote-cluster" -l timeout -x -d 'How long the end is waited for'
complete -c tanistctl -n "__fish_seen_subcommand_from demote-cluster" -l force -d 'Do not ask'

complete -c tanistctl -n "__fish_seen_subcommand_from promote-cluster" -a '(__tanistctl_names 1)'
complete -c tanistctl -n "__fish_seen_subcommand_from promote-cluster" -l timeout -x -d 'How long the end is waited for'
complete -c tanistctl -n "__fish_seen_subcommand_from promote-cluster" -l force -d 'Do not ask'
