#!/bin/sh
# Arguments that begin with a dash, or that are no command, are curl's.
case "${1-}" in
-* | *://*) set -- curl "$@" ;;
*) command -v "$1" >/dev/null 2>&1 || set -- curl "$@" ;;
esac
exec "$@"
