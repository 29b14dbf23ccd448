"""python -m nmt"""

from nmt.cli import run

run()
