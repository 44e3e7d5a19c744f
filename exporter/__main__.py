"""`python -m exporter` is `printcam-exporter`."""

import sys

from exporter.cli import main

sys.exit(main())
