# Completes claims and options of "python -m reports" and "pytest --claim", from build/catalogue.json, which
# "make catalogue" writes. Source it in bash, or in zsh after "autoload bashcompinit && bashcompinit":
#
#   source <(.venv/bin/python -m reports completion bash)
#
# It takes the place of other completion of python and pytest in that shell.

# The catalogue has a line for each claim, which its id begins. What a shell would not take as it is, is no id.
_reports_claims() {
    LC_ALL=C grep -o '^{"id":"[A-Za-z0-9._/-]*"' build/catalogue.json 2>/dev/null | cut -d '"' -f 4
}

_reports_options() {
    _reports_claims | cut -d / -f 2 | sort -u
}

_reports() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command="" place known=""
    if [ "$word" = "=" ]; then
        word=""
    elif [ "$before" = "=" ]; then
        before=${COMP_WORDS[COMP_CWORD-2]}
    fi
    for ((place = 1; place < COMP_CWORD; place++)); do
        if [ "${COMP_WORDS[place-1]} ${COMP_WORDS[place]}" = "-m reports" ]; then
            command=${COMP_WORDS[place+1]}
            [ $((place + 1)) -lt "$COMP_CWORD" ] || command="KIND"
        fi
    done
    case $command:$before in
        KIND:*) known="{{ commands }}" ;;
        explain:explain) known="$(_reports_claims; _reports_options)" ;;
        reproduce:reproduce) known="$(_reports_claims)" ;;
        :--claim) known="$(_reports_claims)" ;;
    esac
    COMPREPLY=($(compgen -W "$known" -- "${word#[\"\']}"))
}

complete -o default -F _reports python python3 pytest
