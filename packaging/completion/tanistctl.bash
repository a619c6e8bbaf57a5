# bash completion for tanistctl; installed as /usr/share/bash-completion/completions/tanistctl
# Generated from the table in src/ctl/commands/table.cc: see tests/unit/ctl/commands/table_test.cc.

_tanistctl() {
  local cur prev command i line=${COMP_LINE:0:COMP_POINT}
  local -a words given
  COMPREPLY=()
  # By blanks alone: bash would take a URL apart at its colons.
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  cur=${words[-1]}
  prev=${words[-2]}

  # The first word that is neither an option nor the value of one.
  command=
  for ((i = 1; i < ${#words[@]} - 1; i++)); do
    case ${words[i]} in
      -c | --config-file | -d | --dcs-url | --dcs) ((i++)) ;;
      -*) ;;
      *)
        command=${words[i]}
        break
        ;;
    esac
  done

  if [[ -z $command ]]; then
    case $prev in
      -c | --config-file)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
      -d | --dcs-url | --dcs)
        compopt -o nospace 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -W 'etcd3://' -- "$cur")
        return
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W 'list topology history switchover failover restart reload reinit pause resume flush show-config edit-config dsn query version remove top doctor explain replay demote-cluster promote-cluster -c --config-file -d --dcs-url --dcs -k --insecure --strict --help --version' -- "$cur")
    return
  fi

  # The arguments that are there.
  local -a before=("${words[@]:0:i}")
  given=()
  for ((i = i + 1; i < ${#words[@]} - 1; i++)); do
    case $command:${words[i]} in
      list:--group | list:-w | list:--watch | list:-f | list:--format | topology:--group | topology:-w | topology:--watch | history:--group | history:-f | history:--format | switchover:--group | switchover:--leader | switchover:--primary | switchover:--candidate | switchover:--scheduled | failover:--group | failover:--candidate | restart:--group | restart:-r | restart:--role | restart:--scheduled | restart:--pg-version | restart:--timeout | reload:--group | reload:-r | reload:--role | reinit:--group | pause:--group | resume:--group | flush:--group | flush:-r | flush:--role | show-config:--group | edit-config:--group | edit-config:-s | edit-config:--set | edit-config:-p | edit-config:--pg | edit-config:--apply | edit-config:--replace | dsn:--group | dsn:-r | dsn:--role | dsn:-m | dsn:--member | query:--group | query:-r | query:--role | query:-m | query:--member | query:-c | query:--command | query:-f | query:--file | query:-U | query:--username | query:-d | query:--dbname | query:--format | query:--delimiter | query:-w | query:--watch | version:--group | remove:--group | remove:-f | remove:--format | top:--group | top:-w | top:--watch | doctor:--group | doctor:-f | doctor:--format | explain:--group | explain:--at | explain:--code | explain:-f | explain:--format | replay:--with | replay:-f | replay:--format | demote-cluster:--host | demote-cluster:--port | demote-cluster:--restore-command | demote-cluster:--primary-slot-name | demote-cluster:--timeout | promote-cluster:--timeout) ((i++)) ;;
      *:-*) ;;
      *) given+=("${words[i]}") ;;
    esac
  done

  names() {
    local -a cluster=()
    [[ $1 == 2 && -n ${given[0]} ]] && cluster=("${given[0]}")
    timeout 3 "${before[@]}" list "${cluster[@]}" -f tsv 2>/dev/null | tail -n +2 | cut -f"$1" | sort -u
  }

  case $command:$prev in
    list:--group)
      return
      ;;
    list:-w | list:--watch)
      return
      ;;
    list:-f | list:--format)
      mapfile -t COMPREPLY < <(compgen -W 'pretty tsv json yaml' -- "$cur")
      return
      ;;
    topology:--group)
      return
      ;;
    topology:-w | topology:--watch)
      return
      ;;
    history:--group)
      return
      ;;
    history:-f | history:--format)
      mapfile -t COMPREPLY < <(compgen -W 'pretty tsv json yaml' -- "$cur")
      return
      ;;
    switchover:--group)
      return
      ;;
    switchover:--leader | switchover:--primary)
      mapfile -t COMPREPLY < <(compgen -W "$(names 2)" -- "$cur")
      return
      ;;
    switchover:--candidate)
      mapfile -t COMPREPLY < <(compgen -W "$(names 2)" -- "$cur")
      return
      ;;
    switchover:--scheduled)
      return
      ;;
    failover:--group)
      return
      ;;
    failover:--candidate)
      mapfile -t COMPREPLY < <(compgen -W "$(names 2)" -- "$cur")
      return
      ;;
    restart:--group)
      return
      ;;
    restart:-r | restart:--role)
      mapfile -t COMPREPLY < <(compgen -W 'leader primary standby-leader replica standby any' -- "$cur")
      return
      ;;
    restart:--scheduled)
      return
      ;;
    restart:--pg-version)
      return
      ;;
    restart:--timeout)
      return
      ;;
    reload:--group)
      return
      ;;
    reload:-r | reload:--role)
      mapfile -t COMPREPLY < <(compgen -W 'leader primary standby-leader replica standby any' -- "$cur")
      return
      ;;
    reinit:--group)
      return
      ;;
    pause:--group)
      return
      ;;
    resume:--group)
      return
      ;;
    flush:--group)
      return
      ;;
    flush:-r | flush:--role)
      mapfile -t COMPREPLY < <(compgen -W 'leader primary standby-leader replica standby any' -- "$cur")
      return
      ;;
    show-config:--group)
      return
      ;;
    edit-config:--group)
      return
      ;;
    edit-config:-s | edit-config:--set)
      return
      ;;
    edit-config:-p | edit-config:--pg)
      return
      ;;
    edit-config:--apply)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    edit-config:--replace)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    dsn:--group)
      return
      ;;
    dsn:-r | dsn:--role)
      mapfile -t COMPREPLY < <(compgen -W 'leader primary standby-leader replica standby any' -- "$cur")
      return
      ;;
    dsn:-m | dsn:--member)
      mapfile -t COMPREPLY < <(compgen -W "$(names 2)" -- "$cur")
      return
      ;;
    query:--group)
      return
      ;;
    query:-r | query:--role)
      mapfile -t COMPREPLY < <(compgen -W 'leader primary standby-leader replica standby any' -- "$cur")
      return
      ;;
    query:-m | query:--member)
      mapfile -t COMPREPLY < <(compgen -W "$(names 2)" -- "$cur")
      return
      ;;
    query:-c | query:--command)
      return
      ;;
    query:-f | query:--file)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    query:-U | query:--username)
      return
      ;;
    query:-d | query:--dbname)
      return
      ;;
    query:--format)
      mapfile -t COMPREPLY < <(compgen -W 'pretty tsv json yaml' -- "$cur")
      return
      ;;
    query:--delimiter)
      return
      ;;
    query:-w | query:--watch)
      return
      ;;
    version:--group)
      return
      ;;
    remove:--group)
      return
      ;;
    remove:-f | remove:--format)
      mapfile -t COMPREPLY < <(compgen -W 'pretty tsv json yaml' -- "$cur")
      return
      ;;
    top:--group)
      return
      ;;
    top:-w | top:--watch)
      return
      ;;
    doctor:--group)
      return
      ;;
    doctor:-f | doctor:--format)
      mapfile -t COMPREPLY < <(compgen -W 'pretty tsv json yaml' -- "$cur")
      return
      ;;
    explain:--group)
      return
      ;;
    explain:--at)
      return
      ;;
    explain:--code)
      return
      ;;
    explain:-f | explain:--format)
      mapfile -t COMPREPLY < <(compgen -W 'pretty tsv json yaml' -- "$cur")
      return
      ;;
    replay:--with)
      return
      ;;
    replay:-f | replay:--format)
      mapfile -t COMPREPLY < <(compgen -W 'pretty tsv json yaml' -- "$cur")
      return
      ;;
    demote-cluster:--host)
      return
      ;;
    demote-cluster:--port)
      return
      ;;
    demote-cluster:--restore-command)
      return
      ;;
    demote-cluster:--primary-slot-name)
      return
      ;;
    demote-cluster:--timeout)
      return
      ;;
    promote-cluster:--timeout)
      return
      ;;
  esac
  case $command in
    list)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-W -w --watch -e --extended -t --timestamp -f --format --help' -- "$cur")
      elif ((${#given[@]} >= 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      fi
      ;;
    topology)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-W -w --watch --help' -- "$cur")
      elif ((${#given[@]} >= 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      fi
      ;;
    history)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-f --format --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      fi
      ;;
    switchover)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--leader --primary --candidate --scheduled --force --wait --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      fi
      ;;
    failover)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--candidate --force --wait --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      fi
      ;;
    restart)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-r --role --any --scheduled --pg-version --pending --timeout --force --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      elif ((${#given[@]} >= 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 2)" -- "$cur")
      fi
      ;;
    reload)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-r --role --force --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      elif ((${#given[@]} >= 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 2)" -- "$cur")
      fi
      ;;
    reinit)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--force --from-leader --wait --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      elif ((${#given[@]} >= 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 2)" -- "$cur")
      fi
      ;;
    pause)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--wait --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      fi
      ;;
    resume)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--wait --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      fi
      ;;
    flush)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-r --role --force --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      elif ((${#given[@]} >= 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 2) restart switchover" -- "$cur")
      fi
      ;;
    show-config)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      fi
      ;;
    edit-config)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-q --quiet -s --set -p --pg --apply --replace --force --dry-run --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      fi
      ;;
    dsn)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-r --role -m --member --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      fi
      ;;
    query)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-r --role -m --member -c --command -f --file -U --username --password -d --dbname --format --delimiter -W -w --watch --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      fi
      ;;
    version)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      elif ((${#given[@]} >= 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 2)" -- "$cur")
      fi
      ;;
    remove)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-f --format --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      fi
      ;;
    top)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-w --watch --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      fi
      ;;
    doctor)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-f --format --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      fi
      ;;
    explain)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--at --last-failover --code -f --format --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      elif ((${#given[@]} >= 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 2)" -- "$cur")
      fi
      ;;
    replay)
      mapfile -t COMPREPLY < <(compgen -W '--with --all -f --format --help' -- "$cur")
      ;;
    demote-cluster)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--host --port --restore-command --primary-slot-name --timeout --force --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      fi
      ;;
    promote-cluster)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--timeout --force --help' -- "$cur")
      elif ((${#given[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(names 1)" -- "$cur")
      fi
      ;;
  esac
}

complete -F _tanistctl tanistctl patronictl
