"""The life of tickets: whose card they bear, whether they live, which were not opened by us."""

import peewee as pw


def up(migrator, db):
    class Stranger(pw.Model):
        conversation_id = pw.IntegerField(primary_key=True)
        customer_id = pw.IntegerField(null=True)
        looked_at = pw.DoubleField(index=True)

        class Meta:
            database = db

    db.create_tables([Stranger])
    migrator.migrate(
        migrator.add_column("ticket", "customer_id", pw.IntegerField(null=True)),
        migrator.add_column("ticket", "deleted", pw.BooleanField(default=False)),
        migrator.add_column("ticket", "adopted", pw.BooleanField(default=False)),
    )
