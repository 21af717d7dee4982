#!/bin/sh
# Stands in for terraform where a step has to last until a test says so. What a
# test and a step say to each other is files in the directory of their signals.
# A plan file has that of the apply before its first byte.

last() { for last; do :; done; }

# wait_for_go lasts until the test says go, or an interrupt comes.
wait_for_go() {
	if [ -e "$signals/stubborn" ]; then
		trap ': > "$signals/interrupted"' INT
	else
		trap ': > "$signals/interrupted"; echo "Interrupt received." >&2; exit 1' INT
	fi
	echo $$ >> "$signals/running"
	looks=0
	while [ ! -e "$signals/go" ]; do
		# Each look costs a process, and many steps may wait for long.
		looks=$((looks + 1))
		if [ $looks -lt 25 ]; then sleep 0.02; else sleep 0.2; fi
	done
}

case "$1" in
init)
	mkdir -p .terraform
	echo '{"version": 3, "backend": {"type": "http", "config": {}}}' > .terraform/terraform.tfstate
	for arg in "$@"; do
		case "$arg" in -backend-config=signals=*) signals=${arg#-backend-config=signals=} ;; esac
	done
	if [ -n "$signals" ] && [ -e "$signals/hold" ]; then
		wait_for_go
	fi ;;
show)
	if [ -e made.txt ]; then
		echo '{"format_version":"1.2","resource_changes":[{"address":"fake.a","mode":"managed","type":"fake","name":"a","change":{"actions":["create"],"before":null,"after":{}}}]}'
	else
		echo '{"format_version":"1.2","resource_changes":[]}'
	fi ;;
plan)
	for arg in "$@"; do
		case "$arg" in
		-var=signals=*) signals=${arg#-var=signals=} ;;
		-out=*) out=${arg#-out=} ;;
		esac
	done
	echo "data.fake.this: Reading..."
	echo "password = $LEAK"
	wait_for_go
	if [ -e "$signals/make" ]; then
		echo "made while planning" > made.txt
	fi
	{ echo "$signals/apply"; base64 -d <<-END
		PLAN
	END
	} > "$out" ;;
state) ;; # there is none yet
apply)
	last "$@"
	signals=$(head -n 1 "$last")
	echo "resource: Creating..."
	[ -z "$LEAK" ] || echo "it is $LEAK"
	wait_for_go
	if [ -e made.txt ]; then cat made.txt; fi
	echo "Apply complete!" ;;
*)
	echo "unexpected: $*" >&2
	exit 64 ;;
esac
