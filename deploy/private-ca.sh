#!/usr/bin/env bash
# Makes two private authorities, the broker's certificate, WardWatch's, one for each client, and passwords: to try
# out deploy/mosquitto.conf. A hospital takes these from its own authority.
#
#   deploy/private-ca.sh DIRECTORY BROKER [CLIENT…]
#
# BROKER is the name or address by which clients reach the broker. Each CLIENT (gateway-icu-1, mon-17, …) becomes a
# certificate whose common name is the user, and a user with a password in DIRECTORY/passwords. DAYS=30 says for
# how long certificates hold (default 365); the authorities hold ten years.
set -euo pipefail
umask 077

usage() { sed -n 's/^# \{0,1\}//; 2,9p' "$0" >&2; exit 2; }
[ $# -ge 2 ] || usage
directory=$1 broker=$2
shift 2
days=${DAYS:-365}
mkdir -p "$directory"
cd "$directory"
[ ! -e ca.key ] || { echo "$directory has an authority already; nothing was changed" >&2; exit 1; }

# Name of the files, common name.
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -sha256 \
        -keyout "$1.key" -out "$1.crt" -subj "/CN=$2" \
        -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
}

# Name of the files, common name, authority, use, alternative name.
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 \
        -keyout "$1.key" -out "$1.csr" -subj "/CN=$2" 2>/dev/null
    printf '%s\n' "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" \
        "extendedKeyUsage=$4" "subjectAltName=$5" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA "$3.crt" -CAkey "$3.key" -CAcreateserial -days "$days" -sha256 \
        -extfile "$1.ext" -out "$1.crt" 2>/dev/null
    rm -f "$1.csr" "$1.ext"
}

case $broker in
*[!0-9.]*) names="DNS:$broker" ;;
*) names="IP:$broker" ;;
esac
[ "$broker" = localhost ] || names="$names,DNS:localhost"
[ "$broker" = 127.0.0.1 ] || names="$names,IP:127.0.0.1"

authority ca "WardWatch trial: broker and clients"
authority service-ca "WardWatch trial: WardWatch alone"
certificate server "$broker" ca serverAuth "$names"
certificate wardwatch wardwatch service-ca clientAuth DNS:wardwatch

: >passwords
for client in "$@"; do
    case $client in
    wardwatch | *[!A-Za-z0-9._-]*) echo "$client cannot be a client: A-Z a-z 0-9 . _ - and not wardwatch" >&2; exit 2 ;;
    esac
    certificate "$client" "$client" ca clientAuth "DNS:$client"
    password=$(openssl rand -hex 16)
    printf '%s\n' "$password" >"$client.password"
    printf '%s:%s\n' "$client" "$password" >>passwords
done
# Mosquitto keeps hashes only.
[ ! -s passwords ] || mosquitto_passwd -U passwords
