# Runs a bottle's agent, in the bottle, by whatever sh the image has. Where the
# image has tmux, the agent has a session of it that outlives the terminal.
#
#   attach NAME TERM COLORTERM NOTE CONTINUE ARG...  on this terminal
#   spawn  NAME TERM COLORTERM NOTE CONTINUE ARG...  without one; the output goes to ours
#   plain  NAME TERM COLORTERM NOTE CONTINUE ARG...  without a session
#   join   NAME TERM COLORTERM                       on this terminal, to the session there is
#   ask                                              how is the agent? the status says it: 0, it
#                                                    has a session; 2, it has ended; 1, who knows
#
# The exit status is the agent's; one that is not 0 can also mean that the
# session goes on without this terminal. CONTINUE is a line for sh, tried before
# the command; NOTE is said where the image has no tmux.
mode=$1 name=$2 term=$3 color=$4 note=$5 continue=$6

# Runs the agent. It is text, as the shell in the session needs it too.
run='
now() { read -r up _ 2>/dev/null </proc/uptime; echo "${up%%.*}"; }
run() {
	if [ -n "$continue" ]; then
		began=$(now)
		(exec /bin/sh -c "$continue")
		status=$?
		if [ $status -eq 0 ] || [ $status -gt 128 ] || [ $(($(now) - began)) -gt 5 ]; then
			return $status
		fi
		echo "nothing to continue; starting anew" >&2
	fi
	(exec "$@")
}'
eval "$run"

# The shell in the session. What it runs comes in variables, as tmux takes no
# long arguments. Whoever watches the end shows the last screen and ends the
# session; without a watcher it ends itself.
inside=$run'
trap : INT QUIT
session=$BOTTLE_SESSION continue=$BOTTLE_CONTINUE parent=$BOTTLE_PARENT count=$BOTTLE_ARGS i=0
unset BOTTLE_SESSION BOTTLE_CONTINUE BOTTLE_PARENT BOTTLE_ARGS
set --
while [ $((i += 1)) -le $count ]; do
	eval "set -- \"\$@\" \"\$BOTTLE_ARG_$i\"; unset BOTTLE_ARG_$i"
done
: >"$session.status"
run "$@"
echo "$? $TMUX_PANE $parent" >"$session.status"
watchers=$(tmux list-clients -t agent \; wait-for -S ended)
[ -z "$watchers" ] || { tmux detach-client -s agent && sleep 5; }
tmux kill-session -t "$TMUX_PANE"'

# The first place is in no snapshot, but not on every engine made by now.
places="/.bottle/session /tmp/.bottle-session"

# By this variable a backend finds what an exec has left, to end it. The
# session is meant to stay.
mux() { (unset BOTTLE_EXEC; exec tmux -u -S "$session" -f /dev/null "$@"); }

# find finds the session that there is.
find() {
	for session in $places; do
		if mux has-session -t agent 2>/dev/null && [ ! -s "$session.status" ]; then
			return 0
		fi
	done
	return 1
}

# known finds the first of the terminals that the image has a description of.
known() {
	for kind do
		for dir in "${TERMINFO:-}" "${HOME:-}/.terminfo" /etc/terminfo /lib/terminfo /usr/share/terminfo /usr/lib/terminfo; do
			[ ! -e "$dir/${kind%"${kind#?}"}/$kind" ] || return 0
		done
	done
}

use_terminal() {
	case $term-$color in
	*256color*|*-truecolor|*-24bit) known "${term:-xterm}" xterm-256color xterm ;;
	*) known "${term:-xterm}" xterm ;;
	esac
	export TERM="$kind"
	rgb=
	case $color in truecolor|24bit) export COLORTERM="$color"; rgb=",$kind:Tc" ;; esac
}

# create begins a session for ARG..., attached or with its output going to ours,
# and comes back when that has ended or was left.
create() (
	# One that has ended may not be gone yet.
	[ ! -s "$session.status" ] || mux kill-session -t agent 2>/dev/null
	rm -f "$session.status" "$session.alone"
	n=0
	for arg do
		n=$((n + 1))
		export "BOTTLE_ARG_$n=$arg"
	done
	export BOTTLE_SESSION="$session" BOTTLE_CONTINUE="$continue" BOTTLE_ARGS=$n BOTTLE_PARENT=
	if [ "$mode" = spawn ]; then
		BOTTLE_PARENT=$PPID # keeps the status of a run
		# Not cat, which leaves it to the kernel when to pass on what.
		set -- -d -x 200 -y 50 -s agent /bin/sh -c "$inside" \; \
			pipe-pane -t agent "tee >>/proc/$$/fd/1; rm -f $session.log" \; wait-for ended
		: >"$session.log"
	else
		set -- -A -D -s agent /bin/sh -c "$inside"
	fi
	use_terminal
	known tmux-256color screen-256color screen
	windows='#{?#{==:#{session_windows},1},,#I:#W }'
	# The last of these give the agent what it has without tmux: Escape at
	# once, the mouse, the clipboard, notifications, Shift-Enter.
	mux start-server \; \
		set -gq history-limit 50000 \; set -gq default-terminal "$kind" \; \
		set -gq status-style dim \; set -gq status-left-length 60 \; \
		set -gq status-left " bottle $name " \; set -gq status-right " detach: Ctrl-B D " \; \
		set -gq window-status-format "$windows" \; set -gq window-status-current-format "$windows" \; \
		bind D detach-client \; \
		set -sq escape-time 10 \; set -gq mouse on \; set -sq focus-events on \; \
		set -sq set-clipboard on \; set -gq allow-passthrough on \; set -sq extended-keys on \; \
		set -asq terminal-features 'xterm*:extkeys' \; set -asq terminal-overrides "$rgb" \; \
		new-session "$@" >/dev/null 2>&1
)

join() (
	use_terminal
	mux set -asq terminal-overrides "$rgb" \; attach-session -d -t agent >/dev/null 2>&1
)

# finish ends as the session has. It returns if none ever began.
finish() {
	[ -e "$session.status" ] || return 0
	[ -s "$session.status" ] || exit 129 # it goes on, or was killed
	read -r status pane parent <"$session.status"
	if [ "$mode" = spawn ]; then
		gone "$session.log" # all is in the log
	else
		screen=$(mux capture-pane -p -e -t "$pane" \; kill-session -t "$pane" 2>/dev/null)
		[ -z "$screen" ] || printf '%s\033[0m\n' "$screen"
		[ -z "$parent" ] || gone "/proc/$parent" # our end may be the bottle's
	fi
	exit "$status"
}

# alone runs the agent in the background without a session, and leaves its
# status for those who ask.
alone() {
	for session in $places; do
		[ ! -e "$session.status" ] || rm -f "$session.status"
		(: >"$session.alone") 2>/dev/null && break
	done
	run "$@"
	status=$?
	echo $status 2>/dev/null >"$session.alone"
	exit $status
}

# gone waits until the path is gone, for a while.
gone() {
	for i in 1 2 3 4 5 6 7 8 9 10; do
		[ -e "$1" ] || return 0
		sleep 0.1
	done
}

case $mode in
ask)
	! find || exit 0
	for session in $places; do
		if [ -s "$session.alone" ]; then
			exit 2
		elif [ -e "$session.status" ] && command -v tmux >/dev/null 2>&1; then
			exit 2 # ended, or was killed with its session
		fi
	done
	exit 1
	;;
join)
	find || exit 129
	join
	finish
	exit 129
	;;
esac
shift 6
if [ "$mode" != plain ] && command -v tmux >/dev/null 2>&1; then
	for session in $places; do
		[ ! -w "${session%/*}" ] || break
	done
	for try in 1 2; do # the last session's server may be on its way out
		create "$@"
		finish
	done
fi
[ "$mode" = plain ] || [ -z "$note" ] || echo "$note" >&2
[ "$mode" != spawn ] || alone "$@"
[ -n "$continue" ] || exec "$@"
trap : INT QUIT # they are for the agent
run "$@"
