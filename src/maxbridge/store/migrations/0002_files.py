"""Files and formatting: what travels with the words, in both directions."""

import peewee as pw


def up(migrator, db):
    migrator.migrate(
        migrator.add_column("inbox", "covered", pw.IntegerField(default=0)),
        migrator.add_column("inbox", "covering", pw.IntegerField(null=True)),
        migrator.add_column("inbox", "carrying", pw.IntegerField(null=True)),
        migrator.add_column("ticket", "posted_at", pw.DoubleField(null=True)),
        migrator.add_column("part", "html", pw.BooleanField(default=False)),
        migrator.add_column("part", "files", pw.TextField(null=True)),
        migrator.add_column("part", "action", pw.CharField(default="send")),
        migrator.add_column("part", "target", pw.CharField(null=True)),
        migrator.add_column("part", "button", pw.TextField(null=True)),
    )
