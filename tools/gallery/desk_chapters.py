"""What the samples of MAX are, by chapter; a sample that stands in no table has no place."""

from __future__ import annotations

from maxbridge.core.inbound_files import FileFate

WORDS_AND_FORMS = {
    "message_created.text": "A message.",
    "message_created.markup": "Bold, a link and code in one message; offsets count UTF-16 units.",
    "message_created.reply": "A reply to a message of the bot.",
    "message_edited": "The customer edits a message: the new words, and the old ones crossed out.",
    "message_removed": "The customer deletes a message: the words stay readable.",
    "message_created.body_null": "A message without any content.",
    "batch_with_poison": "Two valid messages in one answer with an invalid event between them.",
    "message_created.native_voice_empty": "A voice message recorded in MAX: MAX gives bots no sender.",
}
FILES_AND_FORWARDS = {
    "message_created.two_images_with_caption": "An album of two pictures with words.",
    "message_created.file": "A document.",
    "message_created.forward": "A forwarded message with a picture; the outer body is empty.",
    "message_created.forward_from_channel": "A forwarded post of a channel, which has no author.",
    "message_created.unknown_attachment": "An unknown kind of attachment.",
}
HAPPENINGS = {
    "message_callback": "A button under a message of the bot is pressed.",
    "message_callback.message_null": "A button is pressed whose message is gone.",
    "bot_started": "The customer presses “Start”.",
    "bot_started.payload": "The customer comes by a deep link (`?start=order-4821`).",
    "bot_stopped": "The customer stops the bot.",
    "dialog_removed": "The customer deletes the dialog with the bot.",
    "dialog_cleared": "The customer clears the dialog's history.",
    "dialog_muted": "The customer mutes the dialog.",
    "dialog_unmuted": "The customer unmutes it.",
    "unknown_type.comment_created": "An unknown kind of update.",
}
GROUPS = {
    "message_created.group": "A message in a group chat.",
    "message_created.from_other_bot": "A message of another bot in a group.",
    "message_created.channel_no_sender": "A post of a channel.",
    "bot_added": "The bot is added to a group.",
    "bot_removed": "The bot is removed from a group.",
    "user_added": "Somebody joins a group.",
    "user_removed": "Somebody leaves a group.",
    "chat_title_changed": "A group gets another name.",
}
ATTACHMENTS = {
    "image": "A picture without words.",
    "video": "A video, fetched through its own call in the best quality that fits.",
    "audio": "A sound file.",
    "audio_with_transcription": "A voice message with MAX's transcription.",
    "file": "A document, under its own name.",
    "sticker": "A sticker.",
}
CARDS = {
    "contact": "A contact with a MAX account.",
    "contact_forwarded": "A contact from an address book.",
    "location": "A location, with a link to a map.",
    "share": "A link with its preview.",
    "inline_keyboard": "Buttons under a message of a bot, forwarded.",
    "unknown_type": "An unknown kind of attachment.",
}
FATES = (
    ("file", FileFate.TOO_LARGE, "A document larger than FreeScout accepts."),
    ("video", FileFate.TOO_LARGE, "A video larger than FreeScout accepts."),
    ("image", FileFate.UNREACHABLE, "A picture that cannot be fetched from MAX."),
    ("audio_with_transcription", FileFate.UNREACHABLE, "A voice message that cannot be fetched."),
    ("file", FileFate.EMPTY, "An empty file; FreeScout would drop it."),
    ("file", FileFate.REFUSED, "A file that FreeScout refuses."),
    ("file", FileFate.LINKED, "A file that is only linked to."),
)
