"""Customers of before this database whose chat only their next message can tell."""

import peewee as pw


def up(migrator, db):
    class Awaited(pw.Model):
        user_id = pw.BigIntegerField(primary_key=True)
        talk = pw.TextField()
        added_at = pw.DoubleField()

        class Meta:
            database = db

    db.create_tables([Awaited])
