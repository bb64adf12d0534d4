"""The tables as Peewee models; migrations make them, with indexes and constraints.

Times named ``*_at`` are seconds since the epoch by our clock unless the comment says "desk time".
Delivery states follow Postfix: queued → sending → done, deferred, held, bounced (design.md 4).
"""

from __future__ import annotations

from typing import Generic, TypeVar

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    Database,
    DoubleField,
    IntegerField,
    Model,
    TextField,
)

from maxbridge.core.delivery import Doubt, State


class Meta(Model):
    """Facts about the database itself: bot id, progress of the first start."""

    key = CharField(primary_key=True)
    value = TextField()


class Marker(Model):
    """A poller's position: ``max`` (MAX's marker), ``desk`` (desk time)."""

    name = CharField(primary_key=True)
    value = BigIntegerField()
    updated_at = DoubleField()


class Dialog(Model):
    """One MAX chat with one customer."""

    chat_id = BigIntegerField(primary_key=True)
    user_id = BigIntegerField(null=True)
    customer_id = IntegerField(null=True)
    conversation_id = IntegerField(null=True)
    """The current ticket; older ones stay in :class:`Ticket`."""
    blocked = BooleanField(default=False)
    blocked_at = DoubleField(null=True)
    reachable_at = DoubleField(null=True)
    """When the last event was received that shows that the customer can be reached."""
    created_at = DoubleField()
    last_inbound_at = DoubleField(null=True)
    last_outbound_at = DoubleField(null=True)
    privacy_at = DoubleField(null=True)
    """When MAX accepted the privacy notice."""


class Ticket(Model):
    """A FreeScout conversation that belongs to a dialog."""

    conversation_id = IntegerField(primary_key=True)
    chat_id = BigIntegerField()
    linked_at = DoubleField()
    """Desk time."""
    history_before = DoubleField(null=True)
    """Desk time up to which unknown threads are history, never sent."""
    user_updated_at = DoubleField(null=True)
    """Desk time of the last agent activity that a complete reading has covered."""
    read_at = DoubleField(null=True)
    """Desk time of the last complete reading."""
    posted_at = DoubleField(null=True)
    """Desk time of our last POST into it, or of a change of its customer record: changes up to then
    are known."""
    next_read_at = DoubleField(null=True)
    """Desk time at which it must be read again."""
    noticed_since = DoubleField(null=True)
    """Desk time from which replies may be unread; null if a reading has covered everything."""
    read_failures = IntegerField(default=0)
    gone = BooleanField(default=False)
    """The desk deleted it permanently."""
    deleted = BooleanField(default=False)
    """At the last reading agents had deleted it or merged it into another; they may restore it."""
    customer_id = IntegerField(null=True)
    """Its customer record at the last reading; null before that."""
    adopted = BooleanField(default=False)
    """An agent began it, and no message of the customer has come into it yet."""
    given_at = DoubleField(null=True)
    """Desk time at which the administrator gave it to its chat."""
    unlinked = BooleanField(default=False)
    """The administrator unlinked it: it is ``gone`` for us, although the desk has it."""
    threads = IntegerField(default=0)
    """Number of its threads at the last complete reading, plus those that we wrote since."""
    size = IntegerField(default=0)
    """Bytes of their bodies."""
    closed = BooleanField(null=True)
    """At the last reading agents had closed it, and the customer was told if configured; null before that."""


class UnmatchedConversation(Model):
    """A conversation that was examined and belongs to no dialog; examined once for each customer record."""

    conversation_id = IntegerField(primary_key=True)
    customer_id = IntegerField(null=True)
    looked_at = DoubleField()


class Delivery(Model):
    """Columns common to inbox and outbox."""

    id = AutoField()
    key = CharField(max_length=512, unique=True)
    """Identity for de-duplication; kept after the payload is gone."""
    chat_id = BigIntegerField(null=True)
    state = CharField(default=State.QUEUED)
    pending = BooleanField(default=True)
    created_at = DoubleField()
    attempts = IntegerField(default=0)
    first_try_at = DoubleField(null=True)
    attempted_at = DoubleField(null=True)
    next_at = DoubleField(default=0.0)
    error = CharField(null=True)
    """Code of the last failure, for people; no rule reads it."""
    doubt = CharField(default=Doubt.NONE)
    """Why it may have been carried out although nobody confirmed it."""
    finished_at = DoubleField(null=True)
    turn_at = DoubleField(null=True)
    """When its turn began or begins; null while another delivery of its chat precedes it. Written only by triggers
    of the database (migration 0009)."""
    rank = IntegerField(default=0)
    """If it is its turn: 0 for an open conversation, 1 for a first-time writer or an automatic message. Written by
    triggers, like ``turn_at``."""


class Inbox(Delivery):
    """Everything to be delivered to the desk: raw updates of MAX and the bridge's own notes."""

    update_type = CharField()
    payload = TextField(null=True)
    """The raw update as JSON; scrubbed some days after it is done."""
    desk_at = DoubleField(null=True)
    """Desk time of the last attempt."""
    target_id = IntegerField(null=True)
    """Conversation of the last attempt; null if it was to open a new one."""
    conversation_id = IntegerField(null=True)
    thread_id = IntegerField(null=True)
    covered = IntegerField(default=0)
    """Number of the message's files that have arrived or were named, over all its threads."""
    covering = IntegerField(null=True)
    """Value of ``covered`` once the attempt in flight succeeds."""
    carrying = IntegerField(null=True)
    """Number of files attached to the attempt in flight."""
    rung = IntegerField(default=0)
    """How far it has stepped down to simpler forms (:mod:`maxbridge.core.inbound_files`)."""


class Outbox(Delivery):
    """Everything to be delivered to MAX: agents' replies and automatic messages, each in one or more parts."""

    conversation_id = IntegerField(null=True)
    thread_id = IntegerField(null=True)
    excerpt = CharField(default="")
    """First words, for the notes to agents; scrubbed with the parts."""


class Part(Model):
    """One MAX message of an outbox item."""

    outbox_id = IntegerField()
    seq = IntegerField()
    text = TextField(null=True)
    html = BooleanField(default=False)
    """The text is MAX's html; parts of the first schema are plain."""
    files = TextField(null=True)
    """JSON of :class:`maxbridge.core.parts.PartFile`; scrubbed with the text."""
    action = CharField(default="send")
    target = CharField(null=True)
    button = TextField(null=True)
    mid = CharField(null=True)
    """Set once MAX has accepted it."""

    class Meta:
        """Keys."""

        primary_key = CompositeKey("outbox_id", "seq")


class Seen(Model):
    """What became of each desk thread, by thread id over all tickets."""

    thread_id = IntegerField(primary_key=True)
    conversation_id = IntegerField()
    fate = CharField()
    created_at = DoubleField()
    """Desk time of the thread."""
    body_hash = CharField()
    revision = IntegerField(default=0)


class Backfill(Model):
    """A chat whose history is still to be read after a gap."""

    chat_id = BigIntegerField(primary_key=True)
    active_at = DoubleField()
    """When the customer was last active: recent ones are read first."""
    since = BigIntegerField()
    """Where to stop, MAX's milliseconds."""
    border = IntegerField()
    """The newest inbox item from before the gap."""
    attempts = IntegerField(default=0)
    next_at = DoubleField(null=True, default=0.0)
    """When it is due; null while the customer keeps the bot stopped: then at their next event."""
    added_at = DoubleField()


class Flood(Model):
    """A chat that exceeded its hourly limit (:mod:`maxbridge.store.dialogs`)."""

    chat_id = BigIntegerField(primary_key=True)
    since_id = IntegerField()
    """The inbox item that began it; parked items of the chat from there on are put aside."""
    began_at = DoubleField()
    told = BooleanField(default=False)
    """Its agents have got their note."""


class Recovered(Model):
    """A thread of ours that the desk had at the time of a restore (:mod:`maxbridge.store.restored`)."""

    key = CharField(max_length=512, primary_key=True)
    """What its marker says."""
    conversation_id = IntegerField()
    thread_id = IntegerField()
    posted_at = DoubleField()
    """Desk time."""
    covered = IntegerField(null=True)
    """How many of its message's files are handled, if others were to follow in a further thread."""


class Awaited(Model):
    """A customer from before this database whose chat only their next message can tell."""

    user_id = BigIntegerField(primary_key=True)
    talk = TextField()
    """JSON of their future dialog (store/relinking.py)."""
    added_at = DoubleField()


class Forgotten(Model):
    """A chat whose data was erased (:mod:`maxbridge.store.forgotten`)."""

    chat_id = BigIntegerField(primary_key=True)
    user_id = BigIntegerField(null=True)
    at = DoubleField()
    max_until = BigIntegerField()
    """MAX's milliseconds."""
    desk_until = DoubleField()
    """Desk time."""


class Rating(Model):
    """A customer's rating of a ticket: the first answer counts."""

    conversation_id = IntegerField(primary_key=True)
    chat_id = BigIntegerField()
    stars = IntegerField()
    at = DoubleField()


class Abandoned(Model):
    """A conversation of an erased customer: it stays at the desk and must not be adopted again."""

    conversation_id = IntegerField(primary_key=True)


class Health(Model):
    """State of each loop, for ``maxbridge status``."""

    name = CharField(primary_key=True)
    beat_at = DoubleField()
    """Last time the loop was seen making progress, trying included."""
    success_at = DoubleField(null=True)
    error_at = DoubleField(null=True)
    error = CharField(null=True)
    error_detail = TextField(null=True)
    trouble_since = DoubleField(null=True)


_M = TypeVar("_M", bound=Model)


class _Bound(Generic[_M]):
    """A model bound to the database of its :class:`Tables`.

    Bound at first use: binding all of them takes twice as long as opening the file, and commands
    and tests need few.
    """

    def __init__(self, model: type[_M], table: str = "") -> None:
        self._model = model
        self.table = table or model.__name__.lower()
        self._name = ""

    def __set_name__(self, _owner: type[Tables], name: str) -> None:
        self._name = name

    def __get__(self, tables: Tables, _owner: type[Tables]) -> type[_M]:
        settings = {"database": tables.database, "table_name": self.table}
        bound = type(self._model.__name__, (self._model,), {"Meta": type("Meta", (), settings)})
        tables.__dict__[self._name] = bound  # found there before this descriptor from now on
        return bound


class Tables:
    """The models bound to one database; two stores in one process are independent."""

    meta = _Bound(Meta)
    marker = _Bound(Marker)
    dialog = _Bound(Dialog)
    ticket = _Bound(Ticket)
    unmatched = _Bound(UnmatchedConversation, "stranger")
    inbox = _Bound(Inbox)
    outbox = _Bound(Outbox)
    part = _Bound(Part)
    seen = _Bound(Seen)
    backfill = _Bound(Backfill)
    flood = _Bound(Flood)
    recovered = _Bound(Recovered)
    awaited = _Bound(Awaited)
    forgotten = _Bound(Forgotten)
    abandoned = _Bound(Abandoned)
    rating = _Bound(Rating)
    health = _Bound(Health)

    def __init__(self, database: Database) -> None:
        self.database = database


TABLES: tuple[str, ...] = tuple(
    sorted(each.table for each in vars(Tables).values() if isinstance(each, _Bound))
)
"""Names of all tables, as the database has them."""
