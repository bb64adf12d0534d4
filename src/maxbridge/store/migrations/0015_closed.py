"""What customers are told of a ticket's end, and how they rate it."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE ticket ADD COLUMN closed INTEGER")
    db.execute_sql(
        "CREATE TABLE rating (conversation_id INTEGER NOT NULL PRIMARY KEY, chat_id BIGINT NOT NULL,"
        " stars INTEGER NOT NULL, at REAL NOT NULL)"
    )
