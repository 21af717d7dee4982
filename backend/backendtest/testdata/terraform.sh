#!/bin/sh
# Stands in for terraform where a plan has to last until a test says so.
case "$1" in
init)
	exit 0 ;;
show)
	echo '{"format_version":"1.2","resource_changes":[]}'
	exit 0 ;;
plan) ;;
*)
	echo "unexpected: $*" >&2
	exit 64 ;;
esac

for arg in "$@"; do
	case "$arg" in
	-var=signals=*) signals=${arg#-var=signals=} ;;
	-out=*) out=${arg#-out=} ;;
	esac
done
if [ -e "$signals/stubborn" ]; then
	trap ': > "$signals/interrupted"' INT
else
	trap ': > "$signals/interrupted"; echo "Interrupt received." >&2; exit 1' INT
fi
echo $$ >> "$signals/running"
while [ ! -e "$signals/go" ]; do
	sleep 0.02
done
echo plan > "$out"
