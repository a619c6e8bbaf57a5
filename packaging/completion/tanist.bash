# bash completion for tanist; installed as /usr/share/bash-completion/completions/tanist
# Generated from src/apps/tanist_line.h: see tests/unit/apps/tanist_line_test.cc.

_tanist() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  case $prev in
    --dsn)
      return
      ;;
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '--validate-config --generate-sample-config --generate-config --dsn -i --ignore-listen-port -p --print --show-secrets --json --offline --help --version' -- "$cur")
  else
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  fi
}

complete -F _tanist tanist patroni
