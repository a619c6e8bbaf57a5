# bash completion for tanistctl; installed as /usr/share/bash-completion/completions/tanistctl
# Generated from the table in src/ctl/commands/table.cc: see tests/unit/ctl/commands/table_test.cc.

_tanistctl() {
  local cur prev command i
  COMPREPLY=()
  cur=${COMP_WORDS[COMP_CWORD]}
  prev=${COMP_WORDS[COMP_CWORD - 1]}

  # The first word that is neither an option nor the value of one.
  command=
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      -c | --config-file | -d | --dcs-url | --dcs) ((i++)) ;;
      -*) ;;
      *)
        command=${COMP_WORDS[i]}
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
    mapfile -t COMPREPLY < <(compgen -W 'list topology show-config edit-config reload -c --config-file -d --dcs-url --dcs -k --insecure --help --version' -- "$cur")
    return
  fi

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
    reload:--group)
      return
      ;;
    reload:-r | reload:--role)
      mapfile -t COMPREPLY < <(compgen -W 'leader primary standby-leader replica standby any' -- "$cur")
      return
      ;;
  esac
  case $command in
    list) mapfile -t COMPREPLY < <(compgen -W '-W -w --watch -e --extended -t --timestamp -f --format --help' -- "$cur") ;;
    topology) mapfile -t COMPREPLY < <(compgen -W '-W -w --watch --help' -- "$cur") ;;
    show-config) mapfile -t COMPREPLY < <(compgen -W '--help' -- "$cur") ;;
    edit-config) mapfile -t COMPREPLY < <(compgen -W '-q --quiet -s --set -p --pg --apply --replace --force --help' -- "$cur") ;;
    reload) mapfile -t COMPREPLY < <(compgen -W '-r --role --force --help' -- "$cur") ;;
  esac
}

complete -F _tanistctl tanistctl
