# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Bash completion of mvctl: verbs, options, files; VMs, images and nodes as
# the node that is meant tells them (for a second at most).

# Words of a column of what mvctl prints, asked with the options so far.
_mvctl_ask() {
	local column=$1
	shift
	"${COMP_WORDS[0]}" "${_mvctl_common[@]}" --timeout 1 "$@" 2>/dev/null |
		awk -v c="$column" 'NR > 1 { print (c == 0 ? $NF : $c) }'
}

# The verb (or nothing) and the common options before the word at the cursor.
_mvctl_look() {
	local i=1 word
	_mvctl_verb='' _mvctl_common=() _mvctl_count=0
	while ((i < COMP_CWORD)); do
		word=${COMP_WORDS[i]}
		case $word in
		-N | -t | -k | --node | --transport | --key | --mac | --vlan)
			if ((i + 1 < COMP_CWORD)); then
				_mvctl_common+=("$word" "${COMP_WORDS[i + 1]}")
			fi
			((i++))
			;;
		-o | --output | --timeout) ((i++)) ;;
		-*) ;;
		*)
			if [ -z "$_mvctl_verb" ]; then
				_mvctl_verb=$word
			else
				((_mvctl_count++))
			fi
			;;
		esac
		((i++))
	done
}

_mvctl_options() {
	local common='-N -t -k -o --node --transport --key --output --timeout --mac --vlan'

	case $_mvctl_verb in
	'') echo "$common --help --version" ;;
	bundle) echo '-o -l --output --list --node --storage --no-check --help' ;;
	hub | help | version) echo '--help' ;;
	create) echo "-p -c --paused --console --no-wait --help $common" ;;
	destroy | shutdown | start) echo "-w --wait --help $common" ;;
	list) echo "-a --all --help $common" ;;
	sched) echo "-w -c --weight --cap --help $common" ;;
	console) echo "-n -r -1 --no-history --read-only --once --help $common" ;;
	top) echo "-d -n --delay --iterations --help $common" ;;
	dmesg) echo "-f --follow --help $common" ;;
	events) echo "-f -n --follow --new --count --help $common" ;;
	discover) echo "-w --wait --help $common" ;;
	capture) echo "-w -c -s -r --write --count --snap --ring --own --help $common" ;;
	*) echo "--help $common" ;;
	esac
}

_mvctl_verbs() {
	"${COMP_WORDS[0]}" help 2>/dev/null |
		sed -n '/^verbs:/,/^$/s/^  \([a-z-]*\) .*/\1/p'
}

# What the next word of the verb may be.
_mvctl_words() {
	case $_mvctl_verb in
	'') _mvctl_verbs ;;
	help) _mvctl_verbs ;;
	info | vcpu-list | destroy | shutdown | reboot | restart | start | \
		pause | unpause) _mvctl_ask 1 list ;;
	rename | mem-set | vcpu-set | vcpu-pin | sched | network-attach | \
		network-detach | network-list | console | block-attach | \
		block-detach | block-list)
		((_mvctl_count == 0)) && _mvctl_ask 1 list
		;;
	image)
		if ((_mvctl_count == 0)); then
			echo push list remove
		elif [[ " ${COMP_WORDS[*]} " == *' remove '* ]]; then
			_mvctl_ask 0 image list
		fi
		;;
	counters) _mvctl_ask 1 ports ;;
	capture) _mvctl_ask 2 ports ;;
	node) echo poweroff reset ;;
	esac
}

_mvctl_wants_file() {
	case $_mvctl_verb in
	create | bundle | keygen | hub) true ;;
	image) [[ " ${COMP_WORDS[*]} " == *' push '* ]] ;;
	*) false ;;
	esac
}

_mvctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local _mvctl_verb _mvctl_count words=''
	local -a _mvctl_common

	_mvctl_look
	case $prev in
	-k | --key | --write) compopt -o default; return ;;
	-w) [ "$_mvctl_verb" = capture ] && { compopt -o default; return; } ;;
	-N | --node)
		words=$(_mvctl_ask 0 discover)
		;;
	-t | --transport) words='eth: unix:'; compopt -o nospace ;;
	-o | --output)
		[ "$_mvctl_verb" = bundle ] && { compopt -o default; return; }
		words='json text'
		;;
	*)
		if [[ $cur == -* ]]; then
			words=$(_mvctl_options)
		else
			words=$(_mvctl_words)
			_mvctl_wants_file && compopt -o default
		fi
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _mvctl mvctl
