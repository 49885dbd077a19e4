"""``python -m pcgnn.cli``."""

import sys

from pcgnn.cli import main

sys.exit(main())
