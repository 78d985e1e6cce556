#!/bin/sh
# archive_command of PostgreSQL: sh archive.sh PATH NAME ARCHIVE
# Exit code 0 once the file is in the archive, whole and on its disk; PostgreSQL tries again otherwise.
set -eu
umask 027
to="$3/wal/$2.gz"
if [ -e "$to" ]; then # archived before a crash: the same again is well, something else never
    gunzip -c "$to" | cmp -s - "$1"
    exit
fi
gzip -1 -c "$1" >"$to.part"
sync "$to.part"
mv "$to.part" "$to"
sync "$3/wal"
