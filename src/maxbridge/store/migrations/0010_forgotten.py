"""Customers whose data was erased: what comes of before that is not taken in again."""


def up(migrator, db):
    db.execute_sql(
        "CREATE TABLE forgotten (chat_id BIGINT NOT NULL PRIMARY KEY, user_id BIGINT, at REAL NOT NULL,"
        " max_until BIGINT NOT NULL, desk_until REAL NOT NULL)"
    )
    db.execute_sql("CREATE INDEX forgotten_user ON forgotten (user_id)")
    db.execute_sql("CREATE TABLE abandoned (conversation_id INTEGER NOT NULL PRIMARY KEY)")
