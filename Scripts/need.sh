# Read by other scripts: . Scripts/need.sh

# The traits that everything is built and tested with. One list, since with another one everything is built anew.
all_traits=Hummingbird,Redis,SQLite,MySQL,PostgreSQL

# need COMMAND PACKAGE: installs a Debian package unless the command is there.
need() {
    command -v "$1" >/dev/null && return 0
    install_package "$1" "$2"
    # A package may complain, such as that it cannot start what is to run in the background, and be there nevertheless.
    command -v "$1" >/dev/null
}

# need_library NAME PACKAGE: the same for a C library with its headers, by the name that pkg-config knows it by, as Swift does.
need_library() {
    need pkg-config pkg-config || return 1
    pkg-config --exists "$1" && return 0
    install_package "the library $1" "$2"
    pkg-config --exists "$1"
}

# has_libraries, need_libraries: what the traits SQLite, MySQL and PostgreSQL link.
has_libraries() {
    local names=(libmariadb libpq)
    [[ $(uname) == Darwin ]] || names+=(sqlite3)
    command -v pkg-config >/dev/null && pkg-config --exists "${names[@]}"
}

need_libraries() {
    if [[ $(uname) == Darwin ]]; then
        # SQLite is part of the system.
        need_library libmariadb mariadb-connector-c && need_library libpq libpq
    else
        need_library sqlite3 libsqlite3-dev && need_library libmariadb libmariadb-dev && need_library libpq libpq-dev
    fi
}

# install_package WHAT PACKAGE
install_package() {
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
