"""`python -m residua_bridge.highlights`: writes the block and the picture of the README in the folder it runs in."""

import sys
from pathlib import Path

from residua_bridge.highlights.readme import write_all
from residua_network import ResiduaError

BAD_INPUT = 2


def main(arguments: list[str]) -> int:
    """The exit status: 0, or 2 after one line that says what is wrong."""
    try:
        if arguments:
            raise ResiduaError(f"highlights: expected no arguments, got {' '.join(arguments)}")
        for path in write_all(Path()):
            print(path)
    except (ResiduaError, OSError) as error:
        print(f"residua highlights: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
