#!/usr/bin/env bash
# Checks everything: format, lints, documentation, and every test, those on a real Mosquitto included.
#
#   tests/run.sh                  what every change must pass
#   tests/run.sh --long [SEED…]   and what takes long: the tests marked `ignored`, millions of inputs, the attacks as
#                                 an attacker would make them, and the chaos program's long form, five minutes for
#                                 each seed (without any: 1, 2 and 3)
#
# Needs Rust. What else is missing it installs on Debian and Ubuntu, as root or with sudo; elsewhere it
# says what to install. It needs no terminal, and no broker that runs already: the tests start their own.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Rust's own place, and where Mosquitto is though a user's PATH may not say so.
PATH="$PATH:$HOME/.cargo/bin:/usr/local/sbin:/usr/sbin:/opt/homebrew/sbin"

say() { printf '\n==> %s\n' "$*"; }
stop() { printf 'tests/run.sh: %s\n' "$*" >&2; exit 2; }
has() { command -v "$1" >/dev/null; }

# The Debian packages of the programs that are missing.
missing_packages() {
    has cc || echo gcc libc6-dev
    has mosquitto || echo mosquitto
    has mosquitto_pub && has mosquitto_sub || echo mosquitto-clients
    has openssl || echo openssl
}

# As root, or as whoever may become root; without a terminal nobody can be asked for a password.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif [ -t 2 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

install_what_is_missing() {
    local packages
    packages=$(missing_packages | tr '\n' ' ')
    [ -n "$packages" ] || return 0
    has apt-get || stop "please install a C compiler, Mosquitto 2 and its clients (mosquitto_pub, mosquitto_sub);" \
        "as Debian packages they are: $packages"
    [ "$(id -u)" -eq 0 ] || has sudo || stop "please install as root: apt-get install $packages"
    say "installing $packages"
    # Without the lists of today those of yesterday may do.
    as_root apt-get update -qq || true
    # shellcheck disable=SC2086 # one word a package
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages ||
        stop "please install as root: apt-get install $packages"
}

check_rust() {
    has cargo || stop "please install Rust 1.94 or newer, with rustup"
    if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
        has rustup || stop "please install rustfmt and clippy for this Rust"
        rustup component add rustfmt clippy
    fi
}

long=no
seeds=()
for flag in "$@"; do
    case $flag in
    --long) long=yes ;;
    *[!0-9]* | '') stop "there is no $flag; the one flag is --long, with seeds of the chaos program after it" ;;
    *) seeds+=("$flag") ;;
    esac
done
[ "$long" = yes ] || [ ${#seeds[@]} -eq 0 ] || stop "seeds go with --long"
[ ${#seeds[@]} -gt 0 ] || seeds=(1 2 3)

install_what_is_missing
check_rust

say "format"
cargo fmt --all --check

say "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

say "the service alone, as the container image and the package build it"
cargo clippy --lib --bins --no-default-features --locked -- -D warnings

say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

say "tests"
cargo test --workspace --locked --no-fail-fast

if [ "$long" = yes ]; then
    say "long tests"
    cargo test --workspace --locked --no-fail-fast --tests -- --ignored --nocapture

    say "millions of inputs"
    WARDWATCH_FUZZ=long cargo test --locked --test fuzz -- --nocapture

    say "attacks, as an attacker would"
    WARDWATCH_ATTACKS=long cargo test --locked --test attacks -- --nocapture

    for seed in "${seeds[@]}"; do
        say "chaos, seed $seed"
        WARDWATCH_CHAOS=long WARDWATCH_CHAOS_SEED=$seed cargo test --locked --test chaos -- --nocapture
    done

    say "Debian package"
    if ! has dpkg-deb; then
        echo "there is no dpkg-deb here: no package is built"
    else
        has cargo-deb || cargo install --locked cargo-deb
        package=$(cargo deb --locked --quiet -- | tail -n 1)
        dpkg-deb --contents "$package"
        unpacked=$(mktemp -d)
        dpkg-deb --extract "$package" "$unpacked"
        "$unpacked/usr/bin/wardwatch" check --config "$unpacked/etc/wardwatch/wardwatch.toml" >/dev/null
        ! "$unpacked/usr/bin/wardwatch" demo --help >/dev/null 2>&1 || stop "the package holds the demonstration"
        rm -rf "$unpacked"
    fi
fi
