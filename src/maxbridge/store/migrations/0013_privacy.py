"""When each customer was shown how their data is handled."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE dialog ADD COLUMN privacy_at REAL")
