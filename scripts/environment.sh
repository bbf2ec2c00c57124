# Sourced by the other scripts, at the root of the repository: makes .venv fit requirements files.

# Print a command that runs Python 3.11 or later. Each candidate is run, not only looked up: shims
# of version managers stand on the PATH for versions that are not installed.
find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3.14 python3 python; do
    [[ -n "$candidate" ]] || continue
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
      >/dev/null 2>&1; then
      echo "$candidate"
      return 0
    fi
  done
  return 1
}

# prepare_environment FILE: install FILE into .venv unless exactly that was done before.
prepare_environment() {
  local file=$1 python wanted stamp=".venv/.installed-$1"
  if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    if ! python=$(find_python); then
      echo "Python 3.11 or later is needed, with its venv module, and none was found on the PATH." >&2
      echo "Install it (Debian: apt-get install python3 python3-venv), or name one: PYTHON=/path/to/python3.12 $0" >&2
      return 1
    fi
    echo "Making .venv with $("$python" --version)" >&2
    # --clear: what is left of an environment whose Python was removed cannot be mended.
    "$python" -m venv --clear .venv
  fi
  # Requirements name each other, so all of them count, and so does the Python they were built for.
  wanted=$(cat requirements*.txt <(.venv/bin/python --version) | cksum)
  if [[ -f "$stamp" && "$(cat "$stamp")" == "$wanted" ]]; then
    return 0
  fi
  echo "Installing $file into .venv (once; a minute or two)" >&2
  # uv is several times faster; pip does where uv cannot be had.
  if .venv/bin/python -m uv --version >/dev/null 2>&1 ||
    .venv/bin/python -m pip install --quiet --disable-pip-version-check uv >&2; then
    if ! .venv/bin/python -m uv pip install --quiet --python .venv/bin/python -r "$file" >&2; then
      .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$file" >&2
    fi
  else
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$file" >&2
  fi
  echo "$wanted" >"$stamp"
}
