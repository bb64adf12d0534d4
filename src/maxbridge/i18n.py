"""The catalogue of sentences for customers and agents: Russian first, English beside it."""

from __future__ import annotations

from typing import Final

from maxbridge.core.texts import Texts

RU: Final = Texts(
    language="ru",
    subject="Сообщение из MAX",
    nameless_group="Группа MAX",
    nameless="Клиент MAX",
    empty_message="Пустое сообщение",
    unknown_part="Вложение «{kind}» здесь показать нельзя. Попросите клиента прислать его иначе.",
    broken_part="Часть сообщения не удалось прочитать ({kind}). Попросите клиента прислать её иначе.",
    image="🖼 Изображение",
    video="🎬 Видео",
    audio="🎤 Аудио",
    voice="🎤 Голосовое сообщение",
    file="📎 Файл",
    sticker="🏷 Стикер",
    contact="👤 Контакт",
    contact_phone="Телефон: {phone}",
    contact_mail="Почта: {value}",
    contact_site="Сайт: {value}",
    contact_address="Адрес: {value}",
    contact_note="Комментарий: {value}",
    contact_left_out="Не показано: {what}",
    contact_photo="фото",
    contact_logo="логотип",
    contact_sound="звук",
    contact_more="другие сведения ({count})",
    contact_more_cards="Не показано контактов: {count}",
    max_id="MAX id {id}",
    location="📍 Геопозиция",
    share="🔗 Ссылка",
    keyboard="🔘 Кнопки бота",
    file_name="«{name}»",
    times="{what} × {count}",
    open_link="открыть",
    size="{number} {unit}",
    units=("Б", "КБ", "МБ", "ГБ"),
    too_large="Файл слишком большой, поэтому не передан: {what}",
    unreachable="Файл не передан, MAX его не отдал: {what}",
    empty_file="Пустой файл: {what}",
    refused="Файл не передан, FreeScout его не принял: {what}",
    more_files="📎 Ещё файлы к сообщению «{message}»: {numbers} из {total}",
    files_lost="FreeScout не сохранил файлов: {count}",
    words_in_file="📄 FreeScout не принял текст сообщения, поэтому он приложен файлом.",
    words_file="Сообщение.txt",
    follows="↪ Продолжение тикета {number}: в нём стало слишком много сообщений.",
    followed=(
        "↪ В этом тикете стало слишком много сообщений, поэтому новые сообщения клиента попадают в тикет {number}: "
        "{page}. Ответы отсюда клиент по-прежнему получит."
    ),
    continues="↪ Продолжение тикета {number}: в тот тикет это сообщение добавить не удалось.",
    message_held=(
        "⚠️ Сообщение клиента от {time} не попало в тикет: FreeScout его не принимает ({code}). Оно "
        "сохранено. Попросите администратора посмотреть: maxbridge queue show {name}."
    ),
    message_unknown=(
        "⚠️ Неизвестно, попало ли в тикет сообщение клиента от {time} ({code}). Если его здесь нет, "
        "попросите администратора посмотреть: maxbridge queue show {name}."
    ),
    name_image="Фото",
    name_video="Видео",
    name_voice="Голосовое сообщение",
    name_audio="Аудио",
    name_sticker="Стикер",
    name_file="Файл",
    edited="✏️ Клиент изменил сообщение",
    edited_at="✏️ Клиент изменил сообщение от {time}",
    removed="🗑 Клиент удалил сообщение",
    removed_at="🗑 Клиент удалил сообщение от {time}",
    before_edit="Было: {text}",
    reply_to="↩ {name}",
    reply_to_unknown="↩ Ответ на сообщение",
    forwarded="↪ Переслано от: {name}",
    forwarded_unknown="↪ Пересланное сообщение",
    pressed="🔘 Нажата кнопка: {button}",
    pressed_unknown="🔘 Нажата кнопка",
    started="▶️ Клиент запустил бота",
    started_with="▶️ Клиент запустил бота (start: {payload})",
    stopped="⏹ Клиент остановил бота в MAX: ответы не дойдут, пока он не запустит его снова.",
    dialog_removed=(
        "⏹ Клиент удалил диалог с ботом в MAX: ответы не дойдут, пока он не запустит бота снова."
    ),
    bot_added="▶️ Бота добавили в группу.",
    bot_removed="⏹ Бота удалили из группы: ответы не дойдут, пока его не добавят снова.",
    group_deaf=(
        "⚠️ Сообщения группы сюда больше не приходят: у бота в MAX нет права их читать. Попросите "
        "администратора группы сделать бота администратором с правом читать все сообщения."
    ),
    group_hears="ℹ️ Бот снова читает сообщения группы. Написанное без него сюда не попало.",
    written="🕓 Написано {when}, сюда попало позже.",
    written_at="🕓 Написано в {time}",
    written_on="🕓 Написано {when}",
    moment="%d.%m.%Y в %H:%M (%Z)",
    moment_short="%d.%m.%Y в %H:%M",
    bounced="⚠️ Не доставлено в MAX: «{excerpt}». {reason} {advice}",
    bounced_partly=(
        "⚠️ Доставлено в MAX не полностью: «{excerpt}», дошло частей: {sent} из {total}. "
        "{reason} {advice}"
    ),
    waits_blocked=(
        "⏳ Ответ «{excerpt}» ждёт: клиент остановил бота в MAX. Когда клиент запустит бота или напишет "
        "снова, ответ уйдёт сам. Если этого не случится за {days} дн., здесь появится примечание о "
        "недоставке."
    ),
    waits_removed=(
        "⏳ Ответ «{excerpt}» ждёт: бота удалили из группы в MAX. Когда бота добавят снова, ответ уйдёт сам. Если "
        "этого не случится за {days} дн., здесь появится примечание о недоставке."
    ),
    late=(
        "⏳ Ответ «{excerpt}» задерживается: {why} Он уйдёт сам, делать ничего не нужно. Если доставить "
        "не удастся за {days} дн., здесь появится примечание."
    ),
    why_away="MAX не отвечает.",
    why_slow="MAX просит отправлять сообщения реже.",
    why_setup="MAX не принимает настройки maxbridge; причину администратор увидит в maxbridge status.",
    why_doubt="связь оборвалась при отправке, и maxbridge выясняет, дошёл ли ответ.",
    why_refused="MAX пока не принимает именно это сообщение.",
    put_aside=(
        "⚠️ Клиент пишет слишком часто, поэтому часть его сообщений отложена. Ничего не потеряно: они "
        "сохранены по порядку, новые ждут за ними. Администратор передаст их сюда командой: maxbridge "
        "queue release {chat}."
    ),
    held=(
        "⚠️ Неизвестно, дошёл ли до клиента ответ «{excerpt}»: связь с MAX оборвалась, а по истории чата "
        "этого не видно. Ещё раз он не отправляется, чтобы не прийти дважды. Спросите клиента или "
        "администратора (maxbridge status)."
    ),
    skipped=(
        "⚠️ Не отправлено в MAX: «{excerpt}». Этот ответ предназначен другому клиенту, не тому, чей чат "
        "привязан к тикету. Ответьте в тикете того клиента."
    ),
    merged_away=(
        "⚠️ С этим тикетом объединили тикет клиента из MAX, а карточка клиента здесь другая. Тому клиенту "
        "ответы отсюда в MAX не уходят; его новое сообщение откроет новый тикет. Ответьте в нём."
    ),
    skipped_unclear=(
        "⚠️ Не отправлено в MAX: «{excerpt}». Тикеты объединили, а у клиента несколько чатов MAX, и "
        "непонятно, для какого этот ответ. Если он для чата этого тикета, отправьте его здесь ещё раз."
    ),
    skipped_mailed=(
        "⚠️ Не отправлено в MAX: «{excerpt}». Этот ответ написан до объединения тикетов, и FreeScout мог отправить его "
        "письмом. Если клиент его не получил, отправьте его здесь ещё раз."
    ),
    merged_chats=(
        "⚠️ С этим тикетом объединили тикет из другого чата MAX этого же клиента. Ответы отсюда уходят только "
        "в прежний чат этого тикета; новое сообщение из другого чата откроет новый тикет. Ответьте в нём."
    ),
    merged_bots=(
        "⚠️ С этим тикетом объединили тикет этого же клиента из другого бота MAX. Ответ отсюда уходит через одного "
        "бота: через того, которому клиент написал последним."
    ),
    two_chats=(
        "⚠️ Отсюда в MAX ничего не уходит: у клиента несколько чатов MAX, и непонятно, в какой писать. "
        "Ответьте в тикете нужного чата."
    ),
    unfinished=(
        "⚠️ Сообщение клиента «{excerpt}» пришло не целиком: база программы связи с MAX была потеряна, пока его файлы "
        "ещё передавались. Попросите клиента прислать недостающие файлы ещё раз."
    ),
    two_bots=(
        "⚠️ Карточки клиента из двух ботов MAX объединили, и непонятно, какой бот отправляет ответы отсюда. Если "
        "ответ не дошёл, ответьте в тикете, где клиент писал последним."
    ),
    awaited=(
        "⚠️ Ответы отсюда пока не уходят: программу связи с MAX перенесли на другой сервер, и чат этого клиента "
        "ей пока не известен. Они уйдут, когда клиент снова напишет. Если дело срочное, свяжитесь с клиентом "
        "другим способом."
    ),
    adopted_mail=(
        "ℹ️ Ответы из этого тикета уходят клиенту в MAX. FreeScout может показывать здесь, что письмо не "
        "отправлено: у клиента нет адреса электронной почты."
    ),
    unlinked=(
        "ℹ️ Администратор отвязал этот тикет от чата MAX: новые ответы отсюда клиенту не уходят. Следующее "
        "сообщение клиента откроет другой тикет."
    ),
    reason_blocked="Клиент остановил бота в MAX и не запустил его снова.",
    reason_removed="Бота удалили из группы в MAX и не добавили снова.",
    reason_gone="Диалога с клиентом в MAX больше нет.",
    reason_group_gone="Этой группы в MAX больше нет.",
    reason_refused="MAX отказался принять это сообщение ({code}).",
    reason_expired="MAX не принимал сообщение {days} дн. подряд.",
    reason_empty="В ответе нет ничего, что можно отправить.",
    what_now_blocked="Свяжитесь с клиентом другим способом, например по телефону.",
    what_now_removed="Попросите администратора группы снова добавить бота и отправьте ответ ещё раз.",
    what_now="Измените текст и отправьте ответ ещё раз или свяжитесь с клиентом другим способом.",
    too_long=(
        "⚠️ Не отправлено в MAX: «{excerpt}». Ответ слишком длинный для мессенджера: больше 100 сообщений "
        "или таблица с тысячами ячеек. Отправьте его частями или приложите файлом."
    ),
    unreadable=(
        "⚠️ FreeScout не отдаёт этот тикет программе связи с MAX ({code}), поэтому ответы отсюда клиенту не уходят. "
        "Чтобы ответить клиенту, создайте для него новый тикет и попросите администратора посмотреть: maxbridge status."
    ),
    by_mail=(
        "⚠️ Не отправлено в MAX: «{excerpt}». Ответ пришёл по почте, и в нём может быть цитата с "
        "примечаниями. Ответьте клиенту на этой странице."
    ),
    not_edited=(
        "⚠️ Правка ответа «{excerpt}» не передана в MAX: у клиента остался прежний текст. MAX разрешает "
        "менять сообщения только 7 дней. Если правка важна, отправьте её новым ответом."
    ),
    file_lost="⚠️ Файл «{name}» из ответа «{excerpt}» не отправлен в MAX: {reason}",
    file_forbidden="MAX не принимает файлы такого вида. Упакуйте его в архив и отправьте новым ответом.",
    file_too_large="он слишком велик. Выложите его в облачное хранилище и пришлите клиенту ссылку.",
    file_empty="он пуст.",
    file_gone="FreeScout его больше не отдаёт. Приложите его к новому ответу.",
    file_silent="хранилище файлов не отвечает ({code}). Приложите его к новому ответу позже.",
    file_refused="MAX отказался его принять ({code}). Попробуйте другой вид файла или ссылку.",
    alert_desk=(
        "🔴 FreeScout не отвечает уже {minutes} мин. ({detail}). Сообщения клиентов ждут в базе и не теряются. "
        "Что делать: maxbridge status."
    ),
    alert_desk_over="🟢 FreeScout снова отвечает. Перерыв длился {minutes} мин.",
    alert_max=(
        "🔴 MAX не отвечает уже {minutes} мин. ({detail}). Сообщения клиентов сутки ждут в MAX, ответы ждут в базе. "
        "Что делать: maxbridge status."
    ),
    alert_max_over="🟢 MAX снова отвечает. Перерыв длился {minutes} мин.",
    alert_store=(
        "🔴 База maxbridge не принимает записи уже {minutes} мин. ({detail}). Проверьте место на диске: df. "
        "Что делать: maxbridge status."
    ),
    alert_store_over="🟢 База maxbridge снова принимает записи. Перерыв длился {minutes} мин.",
    alert_stuck=(
        "🔴 Часть maxbridge не подаёт признаков жизни уже {minutes} мин. ({detail}). systemd перезапустит службу сам. "
        "Что делать: maxbridge status."
    ),
    alert_stuck_over="🟢 maxbridge снова работает целиком. Сбой длился {minutes} мин.",
    alert_held="🟡 Ждут вашего решения: {detail}. Посмотрите: maxbridge queue list.",
    alert_held_over="🟢 Больше ничего не ждёт вашего решения.",
    rated="{signs} Клиент оценил этот тикет: {stars} из 5.",
    rating_thanks="Спасибо за оценку!",
    help="Напишите свой вопрос сообщением, его прочитают сотрудники поддержки.\n/status — что с вашими обращениями\n/help — эта подсказка",
    status_line="Обращение № {number}: {status}.",
    status_none="Открытых обращений нет. Напишите свой вопрос сообщением.",
    status_open="в работе",
    status_pending="ждём вашего ответа",
    status_closed="закрыто",
    command_start="Начать",
    command_help="Подсказка",
    command_status="Что с моими обращениями",
    moment_told="%d.%m в %H:%M",
    not_received=(
        "Часть вашего сообщения не дошла до поддержки. Пришлите её, пожалуйста, текстом, фотографией или "
        "файлом."
    ),
    reply_picture="[Изображение: {name}]",
)

EN: Final = Texts(
    language="en",
    subject="Message from MAX",
    nameless_group="MAX group",
    nameless="MAX customer",
    empty_message="Empty message",
    unknown_part="Attachment “{kind}” cannot be shown here. Ask the customer to send it another way.",
    broken_part="A part of the message could not be read ({kind}). Ask the customer to send it another way.",
    image="🖼 Image",
    video="🎬 Video",
    audio="🎤 Audio",
    voice="🎤 Voice message",
    file="📎 File",
    sticker="🏷 Sticker",
    contact="👤 Contact",
    contact_phone="Phone: {phone}",
    contact_mail="Mail: {value}",
    contact_site="Site: {value}",
    contact_address="Address: {value}",
    contact_note="Comment: {value}",
    contact_left_out="Not shown: {what}",
    contact_photo="photo",
    contact_logo="logo",
    contact_sound="sound",
    contact_more="other details ({count})",
    contact_more_cards="Contacts not shown: {count}",
    max_id="MAX id {id}",
    location="📍 Location",
    share="🔗 Link",
    keyboard="🔘 Buttons of the bot",
    file_name="“{name}”",
    times="{what} × {count}",
    open_link="open",
    size="{number} {unit}",
    units=("B", "KB", "MB", "GB"),
    too_large="Not transferred, the file is too large: {what}",
    unreachable="Not transferred, MAX did not give the file: {what}",
    empty_file="Empty file: {what}",
    refused="Not transferred, FreeScout did not accept the file: {what}",
    more_files="📎 More files of the message “{message}”: {numbers} of {total}",
    files_lost="Files that FreeScout did not keep: {count}",
    words_in_file="📄 FreeScout did not take the words of this message, so they are attached as a file.",
    words_file="Message.txt",
    follows="↪ Continues ticket {number}, which has got too long.",
    followed=(
        "↪ This ticket has got too long, so the customer's new messages are in ticket {number}: {page}. Replies "
        "from here still reach the customer."
    ),
    continues="↪ Continues ticket {number}: this message could not be added to that ticket.",
    message_held=(
        "⚠️ A message of the customer of {time} did not reach the ticket: FreeScout does not take it "
        "({code}). It is kept. Ask the administrator to look: maxbridge queue show {name}."
    ),
    message_unknown=(
        "⚠️ It is not known whether a message of the customer of {time} reached the ticket ({code}). If it "
        "is not here, ask the administrator to look: maxbridge queue show {name}."
    ),
    name_image="Photo",
    name_video="Video",
    name_voice="Voice message",
    name_audio="Audio",
    name_sticker="Sticker",
    name_file="File",
    edited="✏️ The customer edited a message",
    edited_at="✏️ The customer edited the message of {time}",
    removed="🗑 The customer deleted a message",
    removed_at="🗑 The customer deleted the message of {time}",
    before_edit="Before: {text}",
    reply_to="↩ {name}",
    reply_to_unknown="↩ Reply to a message",
    forwarded="↪ Forwarded from: {name}",
    forwarded_unknown="↪ Forwarded message",
    pressed="🔘 Button pressed: {button}",
    pressed_unknown="🔘 Button pressed",
    started="▶️ The customer started the bot",
    started_with="▶️ The customer started the bot (start: {payload})",
    stopped="⏹ The customer stopped the bot in MAX: replies will not arrive until it is started again.",
    dialog_removed=(
        "⏹ The customer deleted the dialog with the bot in MAX: replies will not arrive until the "
        "bot is started again."
    ),
    bot_added="▶️ The bot was added to the group.",
    bot_removed="⏹ The bot was removed from the group: replies will not arrive until it is added again.",
    group_deaf=(
        "⚠️ Messages of the group no longer arrive here: the bot may not read them in MAX. Ask the group's "
        "administrator to make the bot an administrator with the right to read all messages."
    ),
    group_hears="ℹ️ The bot reads the group again. What was written meanwhile did not arrive here.",
    written="🕓 Written {when}, it reached this ticket later.",
    written_at="🕓 Written at {time}",
    written_on="🕓 Written {when}",
    moment="%Y-%m-%d at %H:%M (%Z)",
    moment_short="%Y-%m-%d at %H:%M",
    bounced="⚠️ Not delivered to MAX: “{excerpt}”. {reason} {advice}",
    bounced_partly=(
        "⚠️ Delivered to MAX only in part: “{excerpt}”, parts that arrived: {sent} of {total}. "
        "{reason} {advice}"
    ),
    waits_blocked=(
        "⏳ The reply “{excerpt}” is waiting: the customer stopped the bot in MAX. If they start it "
        "or write again, it leaves by itself; after {days} days a note of non-delivery comes instead."
    ),
    waits_removed=(
        "⏳ The reply “{excerpt}” is waiting: the group removed the bot in MAX. If the bot is added again, it "
        "leaves by itself; after {days} days a note of non-delivery comes instead."
    ),
    late=(
        "⏳ The reply “{excerpt}” is late: {why} The bridge delivers it by itself, nothing need be done. "
        "If that fails for {days} days, a note of non-delivery comes here."
    ),
    why_away="MAX does not answer.",
    why_slow="MAX asks to send more slowly.",
    why_setup="MAX does not accept the bridge's settings; maxbridge status tells the administrator why.",
    why_doubt="the connection broke during the sending, and the bridge is finding out whether it arrived.",
    why_refused="MAX does not take this very message at the moment.",
    put_aside=(
        "⚠️ This customer writes too fast, so some of their messages are put aside. Nothing is lost: they are "
        "kept in order, and new ones wait behind them. To get them, ask the administrator: maxbridge queue "
        "release {chat}."
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
    skipped_unclear=(
        "⚠️ Not sent to MAX: “{excerpt}”. Tickets were merged, and the customer has several MAX chats; "
        "nobody can say which one this reply is for. If it is for this ticket's chat, send it here again."
    ),
    skipped_mailed=(
        "⚠️ Not sent to MAX: “{excerpt}”. The reply was written before tickets were merged, and FreeScout may have sent it "
        "by mail. If the customer has not got it, send it here again."
    ),
    merged_chats=(
        "⚠️ A ticket of another MAX chat of the same customer was merged into this one. Replies from here "
        "go to this ticket's former chat only; a new message from the other one opens a new ticket. "
        "Answer there."
    ),
    merged_bots=(
        "⚠️ A ticket of the same customer from another MAX bot was merged into this one. A reply from here "
        "leaves through one bot: the one to which the customer wrote last."
    ),
    two_chats=(
        "⚠️ Nothing leaves from here to MAX: the customer has several MAX chats, and nobody can say "
        "which one to write to. Answer in the ticket of the right chat."
    ),
    unfinished=(
        "⚠️ The customer's message “{excerpt}” did not arrive whole: the bridge's database was lost while "
        "its files were still on their way. Ask the customer to send the missing files again."
    ),
    two_bots=(
        "⚠️ Cards of this customer from two MAX bots were merged, and nobody can say which bot sends replies from "
        "here. If a reply has not arrived, answer in the ticket in which the customer wrote last."
    ),
    awaited=(
        "⚠️ Replies from here do not leave yet: the bridge was moved and does not know this customer's MAX "
        "chat. They leave when the customer writes again. If it is urgent, reach them some other way."
    ),
    adopted_mail=(
        "ℹ️ Replies from this ticket go to the customer in MAX. FreeScout may say here that the mail was "
        "not sent: the customer has no address."
    ),
    unlinked=(
        "ℹ️ The administrator took this ticket from its MAX chat: new replies from here do not reach the "
        "customer. Their next message opens another ticket."
    ),
    reason_blocked="The customer stopped the bot in MAX and has not started it again.",
    reason_removed="The group removed the bot in MAX and has not added it again.",
    reason_gone="The dialog with the customer no longer exists in MAX.",
    reason_group_gone="The group no longer exists in MAX.",
    reason_refused="MAX refused this message ({code}).",
    reason_expired="MAX did not accept the message for {days} days.",
    reason_empty="The reply contains nothing that can be sent.",
    what_now_blocked="Reach the customer another way, for example by telephone.",
    what_now_removed="Ask the group's administrator to add the bot again, and send the reply once more.",
    what_now="Change the text and send the reply again, or reach the customer another way.",
    too_long=(
        "⚠️ Not sent to MAX: “{excerpt}”. The reply is too long for a messenger: more than 100 messages, "
        "or a table of thousands of cells. Send it in pieces, or attach it as a file."
    ),
    unreadable=(
        "⚠️ FreeScout does not give this ticket to the link with MAX ({code}), so replies from here do not reach the "
        "customer. To answer the customer, open a new ticket for them, and ask the administrator to look: maxbridge status."
    ),
    by_mail=(
        "⚠️ Not sent to MAX: “{excerpt}”. The reply came by mail and may quote private notes. Answer the "
        "customer on this page."
    ),
    not_edited=(
        "⚠️ The edit of the reply “{excerpt}” was not carried over to MAX: the customer keeps the old "
        "text. MAX lets messages be changed for 7 days only. If it matters, send it as a new reply."
    ),
    file_lost="⚠️ The file “{name}” of the reply “{excerpt}” was not sent to MAX: {reason}",
    file_forbidden="MAX does not take files of this kind. Put it into an archive and send a new reply.",
    file_too_large="it is too large. Put it somewhere online and send the customer the link.",
    file_empty="it is empty.",
    file_gone="FreeScout no longer has it. Attach it to a new reply.",
    file_silent="the storage for files does not answer ({code}). Attach it to a new reply later.",
    file_refused="MAX refused it ({code}). Try another kind of file, or a link.",
    alert_desk=(
        "🔴 FreeScout has not answered for {minutes} min ({detail}). Customers' messages wait in the database, none is "
        "lost. What to do: maxbridge status."
    ),
    alert_desk_over="🟢 FreeScout answers again. It was away for {minutes} min.",
    alert_max=(
        "🔴 MAX has not answered for {minutes} min ({detail}). Customers' messages wait at MAX for a day, replies in the "
        "database. What to do: maxbridge status."
    ),
    alert_max_over="🟢 MAX answers again. It was away for {minutes} min.",
    alert_store=(
        "🔴 maxbridge has not been able to write its database for {minutes} min ({detail}). Look at the disk: df. "
        "What to do: maxbridge status."
    ),
    alert_store_over="🟢 maxbridge writes its database again. It could not for {minutes} min.",
    alert_stuck=(
        "🔴 A part of maxbridge has not moved for {minutes} min ({detail}). systemd restarts the service by itself. "
        "What to do: maxbridge status."
    ),
    alert_stuck_over="🟢 All of maxbridge moves again. A part did not for {minutes} min.",
    alert_held="🟡 Your decision is waited for: {detail}. See: maxbridge queue list.",
    alert_held_over="🟢 Nothing waits for a decision any more.",
    rated="{signs} The customer has rated this ticket: {stars} of 5.",
    rating_thanks="Thank you for the rating!",
    help="Write your question as a message, the support reads it.\n/status – how your requests are\n/help – this help",
    status_line="Request No. {number}: {status}.",
    status_none="No request is open. Write your question as a message.",
    status_open="we are at it",
    status_pending="we wait for your answer",
    status_closed="closed",
    command_start="Begin",
    command_help="Help",
    command_status="How my requests are",
    moment_told="%d.%m at %H:%M",
    not_received=(
        "A part of your message did not reach the support. Please send it as text, as a photo or as a file."
    ),
    reply_picture="[Picture: {name}]",
)

CATALOGUE: Final = {"ru": RU, "en": EN}
