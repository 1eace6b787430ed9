#!/bin/sh
# Runs WardWatch in a container that is started again on failure, and passes on to it what the container is sent.
#
# 75 means that another instance has taken over our client id: started again, two would throw each other out for
# ever. So it ends as 0, which `restart: on-failure` leaves alone. Every other status stays what it is.
set -u

child=
for signal in TERM INT HUP; do
    # shellcheck disable=SC2064 # the signal of this round
    trap "[ -z \"\$child\" ] || kill -s $signal \"\$child\" 2>/dev/null" "$signal"
done

wardwatch "$@" &
child=$!
# A signal ends `wait` early; the child goes on until it has drained.
wait "$child"
status=$?
while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    status=$?
done
[ "$status" -ne 75 ] || {
    echo "wardwatch: not started again, since another instance has taken over; end one of the two" >&2
    status=0
}
exit "$status"
