"""May a delivery have been carried out? A column of its own, instead of a guess from the error's code."""

import json

ANSWERED = ("desk.server_error", "desk.bad_answer", "max.server_error", "max.bad_answer")
NO_LOOK_UP_TOLD = ("desk.undecidable", "max.undecidable", "internal")
BY_A_PERSON = "by the administrator"


def up(migrator, db):
    for queue in ("inbox", "outbox"):
        db.execute_sql(f"ALTER TABLE {queue} ADD COLUMN doubt VARCHAR(255) NOT NULL DEFAULT ''")
        for item_id, state, error, created_at in db.execute_sql(
            f"SELECT id, state, error, created_at FROM {queue} WHERE state IN ('sending', 'held')"
        ).fetchall():
            doubt = in_flight(error) if state == "sending" else held(queue, error)
            if state == "held" and queue == "outbox" and created_at <= restored_at(db):
                doubt = "restored"
            if doubt:
                db.execute_sql(f"UPDATE {queue} SET doubt = ? WHERE id = ?", (doubt, item_id))
    # The tickets that the desk does not give, for status.
    db.execute_sql(
        "CREATE INDEX ticket_unread_waiting ON ticket (conversation_id) WHERE read_failures >= 5"
    )
    # How far a message has stepped down to simpler forms.
    db.execute_sql("ALTER TABLE inbox ADD COLUMN rung INTEGER NOT NULL DEFAULT 0")


def in_flight(error):
    if error is None:
        return "crashed"
    if error in ("restored", "retried"):
        return error
    return "answered" if error in ANSWERED else "no_answer"


def held(queue, error):
    """Towards MAX everything was held in doubt but what a person held; the desk refused the rest for good."""
    if error == BY_A_PERSON:
        return ""
    return "no_answer" if queue == "outbox" or error in NO_LOOK_UP_TOLD else ""


def restored_at(db):
    row = db.execute_sql("SELECT value FROM meta WHERE key = 'restored'").fetchone()
    return float("-inf") if row is None else json.loads(row[0])["restored_at"]
