"""Messages that a lost database may have posted wait as every delivery in doubt does: to be looked up."""


def up(migrator, db):
    db.execute_sql(
        "UPDATE inbox SET state = 'sending', next_at = 0.0"
        " WHERE state IN ('queued', 'deferred') AND doubt = 'restored'"
    )
