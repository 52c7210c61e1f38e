"""`python -m minivae` is the command `minivae`."""

import sys

from minivae.cli import main

sys.exit(main())
