"""Whose turn it is: the next item of each chat is marked, so that the next chat is found without its backlog.

``turn_at`` says since when (or from when) it is an item's turn, and is null for everything behind it. Triggers
keep it, whoever changes a row: the daemon, a command beside it, or a trigger's own migration. The rule they
carry out is that of ``Queue.head`` (store/queue.py); tests/store/test_turns.py holds both against each other.
"""


def up(migrator, db):
    for queue in ("inbox", "outbox"):
        db.execute_sql(f"ALTER TABLE {queue} ADD COLUMN turn_at REAL")
        db.execute_sql(f"ALTER TABLE {queue} ADD COLUMN rank INTEGER NOT NULL DEFAULT 0")
    for statement in statements():
        db.execute_sql(statement)


def statements():
    """In this order: what waits now, the indexes, and the triggers."""
    for queue in ("inbox", "outbox"):
        yield (
            f"UPDATE {queue} SET turn_at = MAX(created_at, next_at), rank = {rank(queue)}"
            f" WHERE pending = 1 AND id = ({first(queue, queue)})"
        )
        yield (
            f"CREATE INDEX {queue}_turn ON {queue} (rank, turn_at, id) WHERE turn_at IS NOT NULL"
        )
        yield f"DROP INDEX {queue}_waiting"
        yield trigger(
            f"{queue}_turn_new", f"INSERT ON {queue} WHEN NEW.pending = 1", pass_on(queue)
        )
        yield trigger(
            f"{queue}_turn_moved",
            f"UPDATE OF pending, state, next_at, attempts, doubt ON {queue} WHEN {is_moved(queue)}",
            pass_on(queue, "id = NEW.id AND NEW.next_at <> OLD.next_at", "NEW.finished_at"),
        )
        yield trigger(
            f"{queue}_turn_clock",
            f"UPDATE OF created_at ON {queue} WHEN NEW.turn_at IS NOT NULL",
            (f"UPDATE {queue} SET turn_at = MAX(created_at, next_at) WHERE id = NEW.id",),
        )
        yield trigger(
            f"{queue}_turn_gone",
            f"DELETE ON {queue} WHEN OLD.turn_at IS NOT NULL",
            pass_on(queue, row="OLD"),
        )
    # A customer who stops the bot, or is back.
    for name, event, row in (
        ("stopped", "UPDATE OF blocked ON dialog WHEN NEW.blocked <> OLD.blocked", "NEW"),
        ("known", "INSERT ON dialog WHEN NEW.blocked = 1", "NEW"),
        ("forgotten", "DELETE ON dialog WHEN OLD.blocked = 1", "OLD"),
    ):
        yield trigger(f"dialog_{name}", event, pass_on("outbox", row=row, itself=False))
    # An agent answers: from now on the customer comes before those whom nobody knows.
    yield trigger(
        "outbox_answers",
        "INSERT ON outbox WHEN NEW.conversation_id IS NOT NULL",
        (
            "UPDATE inbox SET rank = 0 WHERE rank = 1 AND turn_at IS NOT NULL"
            f" AND id IN ({holders('inbox', 'NEW')})",
        ),
    )


def trigger(name, event, steps):
    return f"CREATE TRIGGER {name} AFTER {event} BEGIN {'; '.join(steps)}; END"


def is_moved(queue):
    moved = "NEW.pending <> OLD.pending OR NEW.next_at <> OLD.next_at"
    other = f"({goes(queue, 'NEW')}) <> ({goes(queue, 'OLD')})"
    return (
        f"{moved} OR {other}" if queue == "inbox" else f"{moved} OR ({other} AND {stopped('NEW')})"
    )


def goes(queue, row):
    """Does this one go whatever else its chat has, or whether its customer stopped the bot?

    A note that the desk did not take makes way for everything else; what may be at MAX already is looked up.
    """
    if queue == "outbox":
        return f"{row}.state = 'sending'"
    return f"NOT ({row}.update_type = 'bridge_note' AND ({row}.attempts > 0 OR {row}.doubt <> ''))"


def pass_on(queue, again="0", left_at="NULL", *, row="NEW", itself=True):
    """Take the turn from whoever has it wrongly, and give it to the first of the chat.

    Args:
        queue: Which.
        again: Condition on which the first one gets a new turn although it has one.
        left_at: When the one before it has ended: those of other chats who wait since earlier come first.
        row: The row that the trigger is about.
        itself: That row is of the queue.
    """
    among = holders(queue, row)
    if itself:
        among = f"SELECT {row}.id UNION ALL {among}"
    return (
        f"UPDATE {queue} SET turn_at = NULL WHERE turn_at IS NOT NULL AND id IN ({among})"
        f" AND id IS NOT ({first(queue, row)})",
        f"UPDATE {queue} SET turn_at = MAX(created_at, next_at, COALESCE({left_at}, 0)),"
        f" rank = {rank(queue)} WHERE id = ({first(queue, row)})"
        f" AND (turn_at IS NULL OR ({again}))",
    )


def first(queue, row):
    """The item whose turn it is in the chat of a row, as a SELECT; none when the chat has to wait."""
    waits = f"SELECT o.id FROM {queue} AS o WHERE o.pending = 1 AND o.chat_id = {row}.chat_id"
    in_order = "ORDER BY o.id LIMIT 1"
    if queue == "inbox":
        ready = goes(queue, "o")
        return f"SELECT COALESCE(({waits} AND {ready} {in_order}), ({waits} {in_order}))"
    return f"{waits} AND ({goes(queue, 'o')} OR NOT {stopped(row)}) {in_order}"


def holders(queue, row):
    """The items of a row's chat one of which has its turn, before that row was changed and after that."""
    waits = f"SELECT o.id FROM {queue} AS o WHERE o.pending = 1 AND o.chat_id = {row}.chat_id"
    two = "ORDER BY o.id LIMIT 2"
    return (
        f"SELECT id FROM ({waits} {two})"
        f" UNION ALL SELECT id FROM ({waits} AND {goes(queue, 'o')} {two})"
    )


def rank(queue):
    """0 for an open conversation, 1 for a customer whom no agent has answered, or words that no agent wrote.

    Deliveries are remembered for a month, so this forgets an answer of last year.
    """
    if queue == "outbox":
        return "(conversation_id IS NULL)"
    sent = (
        "SELECT conversation_id FROM outbox AS a WHERE a.pending = {} AND a.chat_id = inbox.chat_id"
    )
    lately = "SELECT 1 FROM ({} ORDER BY a.id DESC LIMIT 50) WHERE conversation_id IS NOT NULL"
    answers = (f"EXISTS ({lately.format(sent.format(pending))})" for pending in (0, 1))
    return f"NOT ({' OR '.join(answers)})"


def stopped(row):
    return f"EXISTS (SELECT 1 FROM dialog AS d WHERE d.chat_id = {row}.chat_id AND d.blocked = 1)"
