"""The first schema."""

import peewee as pw


def up(migrator, db):
    class Base(pw.Model):
        class Meta:
            database = db

    class Meta(Base):
        key = pw.CharField(primary_key=True)
        value = pw.TextField()

    class Marker(Base):
        name = pw.CharField(primary_key=True)
        value = pw.BigIntegerField()
        updated_at = pw.DoubleField()

    class Dialog(Base):
        chat_id = pw.BigIntegerField(primary_key=True)
        user_id = pw.BigIntegerField(null=True, index=True)
        customer_id = pw.IntegerField(null=True, index=True)
        conversation_id = pw.IntegerField(null=True)
        blocked = pw.BooleanField(default=False)
        blocked_at = pw.DoubleField(null=True)
        reachable_at = pw.DoubleField(null=True)
        created_at = pw.DoubleField()
        last_inbound_at = pw.DoubleField(null=True)
        last_outbound_at = pw.DoubleField(null=True)

    class Ticket(Base):
        conversation_id = pw.IntegerField(primary_key=True)
        chat_id = pw.ForeignKeyField(Dialog, column_name="chat_id", on_delete="CASCADE")
        linked_at = pw.DoubleField()
        history_before = pw.DoubleField(null=True)
        user_updated_at = pw.DoubleField(null=True)
        read_at = pw.DoubleField(null=True)
        next_read_at = pw.DoubleField(null=True, index=True)
        noticed_since = pw.DoubleField(null=True)
        read_failures = pw.IntegerField(default=0)
        gone = pw.BooleanField(default=False)

    class Delivery(Base):
        id = pw.AutoField()
        key = pw.CharField(max_length=512, unique=True)
        chat_id = pw.BigIntegerField(null=True)
        state = pw.CharField(index=True)
        pending = pw.BooleanField()
        created_at = pw.DoubleField()
        attempts = pw.IntegerField(default=0)
        first_try_at = pw.DoubleField(null=True)
        attempted_at = pw.DoubleField(null=True)
        next_at = pw.DoubleField(default=0.0)
        error = pw.CharField(null=True)
        finished_at = pw.DoubleField(null=True, index=True)

    class Inbox(Delivery):
        update_type = pw.CharField()
        payload = pw.TextField(null=True)
        desk_at = pw.DoubleField(null=True)
        target_id = pw.IntegerField(null=True)
        conversation_id = pw.IntegerField(null=True)
        thread_id = pw.IntegerField(null=True)

        class Meta:
            indexes = ((("pending", "chat_id", "id"), False),)

    class Outbox(Delivery):
        conversation_id = pw.IntegerField(null=True, index=True)
        thread_id = pw.IntegerField(null=True, index=True)
        excerpt = pw.CharField(default="")

        class Meta:
            indexes = ((("pending", "chat_id", "id"), False),)

    class Part(Base):
        outbox_id = pw.ForeignKeyField(Outbox, column_name="outbox_id", on_delete="CASCADE")
        seq = pw.IntegerField()
        text = pw.TextField(null=True)
        mid = pw.CharField(null=True, index=True)

        class Meta:
            primary_key = pw.CompositeKey("outbox_id", "seq")

    class Seen(Base):
        thread_id = pw.IntegerField(primary_key=True)
        conversation_id = pw.IntegerField(index=True)
        fate = pw.CharField()
        created_at = pw.DoubleField()
        body_hash = pw.CharField()
        revision = pw.IntegerField(default=0)

    class Health(Base):
        name = pw.CharField(primary_key=True)
        beat_at = pw.DoubleField()
        success_at = pw.DoubleField(null=True)
        error_at = pw.DoubleField(null=True)
        error = pw.CharField(null=True)
        error_detail = pw.TextField(null=True)
        trouble_since = pw.DoubleField(null=True)

    db.create_tables([Meta, Marker, Dialog, Ticket, Inbox, Outbox, Part, Seen, Health])
