import sys

from funcx_endpoint.cli import main

sys.exit(main())
