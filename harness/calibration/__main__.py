"""`python -m roofprof.harness.calibration`."""

import sys

from roofprof.harness.calibration.run import main

if __name__ == "__main__":
    sys.exit(main())
