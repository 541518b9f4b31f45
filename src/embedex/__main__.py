"""`python -m embedex`."""

import sys

from embedex.cli import main

if __name__ == "__main__":
    sys.exit(main())
