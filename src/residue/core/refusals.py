"""What the operating system refuses, in one sentence with the mend."""

from __future__ import annotations

import errno
import os
from pathlib import Path

MENDS = {
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EDQUOT: ("your quota is used up", "free some space"),
    errno.EFBIG: ("the file is larger than the system allows here", "raise the limit"),
    errno.EROFS: ("it lies on a read-only disk", "mount it for writing or set another 'out'"),
    errno.EACCES: ("you may not open it", "give yourself the right to it"),
}


def sentence(error: Exception, folder: Path) -> str:
    """The error in one line; where the system refused a file, with the mend.

    folder: named where the error does not say which file. Libraries wrap the system's error in
    classes of their own, so its words count as well as its number.
    """
    text = " ".join(str(error).split())
    number = error.errno if isinstance(error, OSError) else None
    for code, (reason, mend) in MENDS.items():
        if number == code or os.strerror(code) in text:
            path = getattr(error, "filename", None) or f"in {folder}"
            return f"{path}: {reason}; {mend} and run snakemake again."
    return text
