"""Indexes of what is looked for, and no more: each message wrote a page of most of those that it is not found by.

States that pass in a second are in no index any more: what waits is found by ``pending``, what stays by its state.
"""

_LEFT = "state IN ('held', 'parked')"


def up(migrator, db):
    for queue in ("inbox", "outbox"):
        db.execute_sql(f"DROP INDEX {queue}_state")
        db.execute_sql(f"CREATE INDEX {queue}_left ON {queue} (state, id) WHERE {_LEFT}")
        db.execute_sql(f"DROP INDEX {queue}_finished_at")
        # With the state, so that all that is done can be counted by this index alone.
        db.execute_sql(
            f"CREATE INDEX {queue}_finished ON {queue} (finished_at, state) WHERE finished_at IS NOT NULL"
        )
    db.execute_sql("DROP INDEX inbox_texts")
    db.execute_sql(
        "CREATE INDEX inbox_texts ON inbox (finished_at)"
        " WHERE finished_at IS NOT NULL AND payload IS NOT NULL"
    )
    # The key of its table begins with the same column.
    db.execute_sql("DROP INDEX part_outbox_id")
    for table, column in (("part", "mid"), ("dialog", "customer_id"), ("ticket", "next_read_at")):
        db.execute_sql(f"DROP INDEX {table}_{column}")
        db.execute_sql(
            f"CREATE INDEX {table}_{column} ON {table} ({column}) WHERE {column} IS NOT NULL"
        )
