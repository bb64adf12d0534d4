"""How long a ticket is: its threads and their bytes, so that it is followed by another before it cannot be read."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE ticket ADD COLUMN threads INTEGER NOT NULL DEFAULT 0")
    db.execute_sql("ALTER TABLE ticket ADD COLUMN size INTEGER NOT NULL DEFAULT 0")
    db.execute_sql(
        "UPDATE ticket SET threads ="
        " (SELECT COUNT(*) FROM seen WHERE seen.conversation_id = ticket.conversation_id)"
    )
