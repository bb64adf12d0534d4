"""How much of a message a thread of before a restore says it brought: the rest of its files is still to be delivered."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE recovered ADD COLUMN covered INTEGER")
