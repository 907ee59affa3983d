"""``python -m foundations``: the command line."""

from foundations.cli.main import main

if __name__ == "__main__":
    main()
