"""``python -m reports``"""

import gc
import sys

from reports.cli.main import main

if __name__ == "__main__":
    gc.disable()  # all that is read is drawn before this ends, so there is nothing to collect
    sys.exit(main())
