"""Packs a folder as setuptools packs an sdist, without what a checkout adds: times, owners, modes, order of the disk.

python scripts/pack_sdist.py FOLDER ARCHIVE.tar.gz    with SOURCE_DATE_EPOCH

In Python, for versions of GNU tar and gzip write different bytes.
"""

import gzip
import os
import sys
import tarfile
from pathlib import Path


def pack(folder: Path, archive: Path, time_s: int) -> None:
    """Write the archive of a folder, whose name it begins with."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.mtime, member.uid, member.gid, member.uname, member.gname = time_s, 0, 0, "", ""
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member

    with (
        archive.open("wb") as file,
        gzip.GzipFile("", "wb", 9, file, time_s) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        tar.add(folder, folder.name, filter=plain)  # in the order of names


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]), int(os.environ["SOURCE_DATE_EPOCH"]))
