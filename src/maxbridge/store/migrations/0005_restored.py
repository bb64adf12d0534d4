"""What the desk had when an older database was restored; tickets that were taken from their chat."""

import peewee as pw


def up(migrator, db):
    class Recovered(pw.Model):
        key = pw.CharField(max_length=512, primary_key=True)
        conversation_id = pw.IntegerField()
        thread_id = pw.IntegerField()
        posted_at = pw.DoubleField(index=True)

        class Meta:
            database = db

    db.create_tables([Recovered])
    migrator.migrate(migrator.add_column("ticket", "unlinked", pw.BooleanField(default=False)))
