"""Chats whose history is to be read after a gap."""

import peewee as pw


def up(migrator, db):
    class Backfill(pw.Model):
        chat_id = pw.BigIntegerField(primary_key=True)
        active_at = pw.DoubleField(index=True)
        since = pw.BigIntegerField()
        border = pw.IntegerField()
        attempts = pw.IntegerField(default=0)
        next_at = pw.DoubleField(null=True, default=0.0)
        added_at = pw.DoubleField()

        class Meta:
            database = db

    db.create_tables([Backfill])
