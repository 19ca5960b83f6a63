"""`python -m roofprof.harness.verify`."""

import sys

from roofprof.harness.verify.run import main

if __name__ == "__main__":
    sys.exit(main())
