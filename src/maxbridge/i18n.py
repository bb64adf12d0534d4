"""The catalogue of sentences for customers and agents: Russian first, English beside it."""

from __future__ import annotations

from typing import Final

from maxbridge.core.texts import Texts

RU: Final = Texts(
    language="ru",
    subject="Сообщение из MAX",
    nameless="Клиент MAX",
    empty_message="Пустое сообщение",
    unknown_part="Вложение «{kind}» здесь не показать, откройте его в приложении MAX.",
    broken_part="Часть сообщения не удалось прочитать ({kind}), откройте его в приложении MAX.",
    image="🖼 Изображение",
    video="🎬 Видео",
    audio="🎤 Аудио",
    file="📎 Файл «{name}»",
    sticker="🏷 Стикер",
    contact="👤 Контакт: {name} {detail}",
    location="📍 Геопозиция: {detail}",
    share="🔗 Ссылка: {name}",
    keyboard="🔘 Кнопки бота",
    open_link="открыть",
    size="{number} {unit}",
    units=("Б", "КБ", "МБ", "ГБ"),
    edited="✏️ Клиент изменил сообщение, новый текст:",
    removed="🗑 Клиент удалил сообщение.",
    reply_to="↩ Ответ на сообщение: {name}",
    forwarded="↪ Переслано от: {name}",
    forwarded_unknown="↪ Пересланное сообщение",
    pressed="🔘 Нажата кнопка: {payload}",
    stopped="Клиент остановил бота в MAX: ответы не дойдут, пока он не запустит его снова.",
    bounced="⚠️ Не доставлено в MAX: «{excerpt}». {reason} {advice}",
    bounced_partly=(
        "⚠️ Доставлено в MAX не полностью: «{excerpt}», дошло частей: {sent} из {total}. "
        "{reason} {advice}"
    ),
    waits_blocked=(
        "⏳ Ответ «{excerpt}» ждёт: клиент остановил бота в MAX. Если он запустит бота или напишет "
        "снова, ответ уйдёт сам; через {days} дн. вместо этого появится заметка о недоставке."
    ),
    held=(
        "⚠️ Неизвестно, дошёл ли до MAX ответ «{excerpt}»: связь оборвалась, и история чата не даёт "
        "ответа. Мост его не повторяет, чтобы не отправить дважды. Спросите клиента или "
        "администратора (maxbridge status)."
    ),
    skipped=(
        "⚠️ Не отправлено в MAX: «{excerpt}». Ответ относится к другому клиенту, чем чат этой "
        "заявки. Ответьте в заявке того клиента."
    ),
    merged_away=(
        "⚠️ Сюда объединена заявка клиента из MAX, а карточка клиента здесь другая. Тому клиенту "
        "ответы отсюда в MAX не уходят; его новое сообщение откроет новую заявку. Ответьте в ней."
    ),
    reason_blocked="Клиент остановил бота в MAX и не запустил его снова.",
    reason_gone="Диалога с клиентом в MAX больше нет.",
    reason_refused="MAX отказался принять это сообщение ({code}).",
    reason_expired="MAX не принимал сообщение {days} дн. подряд.",
    reason_empty="В ответе нет ничего, что можно отправить.",
    what_now_blocked="Свяжитесь с клиентом другим способом, например по телефону.",
    what_now="Измените текст и отправьте ответ ещё раз или свяжитесь с клиентом другим способом.",
    reply_picture="[Изображение: {name}]",
    reply_file="[Файл: {name}]",
)

EN: Final = Texts(
    language="en",
    subject="Message from MAX",
    nameless="MAX customer",
    empty_message="Empty message",
    unknown_part="Attachment “{kind}” cannot be shown here, open it in the MAX app.",
    broken_part="A part of the message could not be read ({kind}), open it in the MAX app.",
    image="🖼 Image",
    video="🎬 Video",
    audio="🎤 Audio",
    file="📎 File “{name}”",
    sticker="🏷 Sticker",
    contact="👤 Contact: {name} {detail}",
    location="📍 Location: {detail}",
    share="🔗 Link: {name}",
    keyboard="🔘 Buttons of the bot",
    open_link="open",
    size="{number} {unit}",
    units=("B", "KB", "MB", "GB"),
    edited="✏️ The customer edited a message, new text:",
    removed="🗑 The customer deleted a message.",
    reply_to="↩ Reply to a message: {name}",
    forwarded="↪ Forwarded from: {name}",
    forwarded_unknown="↪ Forwarded message",
    pressed="🔘 Button pressed: {payload}",
    stopped="The customer stopped the bot in MAX: replies will not arrive until it is started again.",
    bounced="⚠️ Not delivered to MAX: “{excerpt}”. {reason} {advice}",
    bounced_partly=(
        "⚠️ Delivered to MAX only in part: “{excerpt}”, parts that arrived: {sent} of {total}. "
        "{reason} {advice}"
    ),
    waits_blocked=(
        "⏳ The reply “{excerpt}” is waiting: the customer stopped the bot in MAX. If they start it "
        "or write again, it leaves by itself; after {days} days a note of non-delivery comes instead."
    ),
    held=(
        "⚠️ It is not known whether the reply “{excerpt}” reached MAX: the connection broke and the "
        "chat's history does not tell. The bridge does not repeat it, so as not to send it twice. "
        "Ask the customer or your administrator (maxbridge status)."
    ),
    skipped=(
        "⚠️ Not sent to MAX: “{excerpt}”. The reply belongs to another customer than this ticket's "
        "chat. Answer in that customer's ticket."
    ),
    merged_away=(
        "⚠️ A MAX customer's ticket was merged into this one, whose customer is another one. Replies "
        "from here do not reach that customer in MAX; their next message opens a new ticket. Answer there."
    ),
    reason_blocked="The customer stopped the bot in MAX and has not started it again.",
    reason_gone="The dialog with the customer no longer exists in MAX.",
    reason_refused="MAX refused this message ({code}).",
    reason_expired="MAX did not accept the message for {days} days.",
    reason_empty="The reply contains nothing that can be sent.",
    what_now_blocked="Reach the customer another way, for example by telephone.",
    what_now="Change the text and send the reply again, or reach the customer another way.",
    reply_picture="[Picture: {name}]",
    reply_file="[File: {name}]",
)

CATALOGUE: Final = {"ru": RU, "en": EN}
