"""Which launches of an nsys export lie in the ranges that were asked for, and not in warm-up between them."""

import sqlite3

from roofprof.formats.nsys import API_TABLES

LAUNCHES = "temp.launches"
"""Table of the correlation ids that `note_launches` found."""

_WINDOWS = """
CREATE TABLE temp.windows AS
SELECT min(n.start) AS first, max(n."end") AS last
FROM old.NVTX_EVENTS AS n {join} WHERE n.eventType = 59 AND n."end" IS NOT NULL AND {name} GLOB ?
GROUP BY {name}
"""


def note_launches(database: sqlite3.Connection, pattern: str) -> bool:
    """Fill temp.launches from the database attached as `old`; False, and no table, where no such range is.

    A window reaches from the first push/pop range of a name to the end of the last, gaps between them included.
    """
    columns = {row[1] for row in database.execute('PRAGMA old.table_info("NVTX_EVENTS")')}
    if not {"start", "end", "eventType", "text"} <= columns:
        return False
    registered = "textId" in columns and list(database.execute('PRAGMA old.table_info("StringIds")'))
    join = "LEFT JOIN old.StringIds AS s ON s.id = n.textId" if registered else ""
    name = "coalesce(n.text, s.value)" if registered else "n.text"
    database.execute(_WINDOWS.format(join=join, name=name), (pattern,))
    if not database.execute("SELECT count(*) FROM temp.windows").fetchone()[0]:
        return False
    database.execute(f"CREATE TABLE {LAUNCHES} (correlationId INTEGER PRIMARY KEY)")
    for table in API_TABLES:
        if list(database.execute(f'PRAGMA old.table_info("{table}")')):
            database.execute(
                f"INSERT OR IGNORE INTO {LAUNCHES} SELECT a.correlationId FROM old.{table} AS a, temp.windows AS w "
                'WHERE a.start >= w.first AND a."end" <= w.last AND a.correlationId IS NOT NULL'
            )
    return True
