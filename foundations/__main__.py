"""``python -m foundations``: the command line."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the working directory, which `foundations` does not import from either

from foundations.cli.main import main

if __name__ == "__main__":
    main()
