"""Who waits, what still has its text and which threads are old, found without looking at all the rest."""


def up(migrator, db):
    for queue in ("inbox", "outbox"):
        db.execute_sql(f"CREATE INDEX {queue}_waiting ON {queue} (id) WHERE pending = 1")
    db.execute_sql("CREATE INDEX inbox_texts ON inbox (finished_at) WHERE payload IS NOT NULL")
    db.execute_sql("CREATE INDEX part_texts ON part (outbox_id) WHERE text IS NOT NULL")
    db.execute_sql("CREATE INDEX seen_created_at ON seen (created_at)")
