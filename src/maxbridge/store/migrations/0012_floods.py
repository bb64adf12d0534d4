"""Chats that sent too much in an hour: what was put aside of each, found and counted by an index."""

import peewee as pw


def up(migrator, db):
    class Flood(pw.Model):
        chat_id = pw.BigIntegerField(primary_key=True)
        since_id = pw.IntegerField()
        began_at = pw.DoubleField()
        told = pw.BooleanField(default=False)

        class Meta:
            database = db

    db.create_tables([Flood])
    db.execute_sql("CREATE INDEX inbox_parked ON inbox (chat_id, id) WHERE state = 'parked'")
