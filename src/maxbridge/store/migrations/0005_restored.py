"""What the desk had already when an older database was put in the place of a newer one."""

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
