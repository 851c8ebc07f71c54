# Read by other scripts: . Scripts/need.sh

# need COMMAND PACKAGE: installs a Debian package unless the command is there.
need() {
    command -v "$1" >/dev/null && return 0
    if ! command -v apt-get >/dev/null; then
        echo "$0: $1 is missing, and there is no apt-get to install $2 with; install it by hand" >&2
        return 1
    fi
    local root=()
    if ((EUID != 0)); then
        if ! command -v sudo >/dev/null; then
            echo "$0: $1 is missing; as root: apt-get install $2" >&2
            return 1
        fi
        root=(sudo)
    fi
    # The lists of a fresh machine are empty or old; an update that fails may still leave enough.
    ${root[@]+"${root[@]}"} apt-get update -qq || true
    ${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}
