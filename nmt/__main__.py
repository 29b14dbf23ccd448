"""python -m nmt"""

from nmt.cli.main import run

run()
