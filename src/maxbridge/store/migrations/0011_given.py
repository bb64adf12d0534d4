"""A ticket that an administrator gave to a chat: what other bots' customers wrote there before does not count."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE ticket ADD COLUMN given_at REAL")
