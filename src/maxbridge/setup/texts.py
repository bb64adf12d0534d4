"""What ``maxbridge init`` says, in Russian and in English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EN: Final = {
    "hello": "This asks for what maxbridge needs, tries each answer and writes\n{path}.\n"
    "Ctrl+C ends it at any time; nothing is written before the last question.",
    "aside": "Careful: maxbridge is a service on this machine, and the service does not read that file. "
    "Its settings\nare {service}; to write those: {command}",
    "aside_question": "Write {path} of your own all the same?",
    "exists": "{path} exists. Answer anew and replace it? The old one stays as {path}.old",
    "kept": "Its other settings are kept; Enter takes the value in [brackets].",
    "unreadable": "{path} cannot be understood, so nothing of it is taken over.",
    "token": "Token of the bot (business.max.ru: Чат-боты → ⋮ → Настройки; not shown)",
    "key": "Key of FreeScout (Manage → API & Webhooks; not shown)",
    "keep_secret": "{question}, Enter keeps the present one",
    "bad_value": "Not so: {problem}",
    "trying": "Trying {what} …",
    "bot": "The token is of the bot “{name}” ({number}).",
    "refused_token": "MAX refuses this token.",
    "webhook": "Note: a webhook takes this bot's messages now ({address}).\n"
    "Before maxbridge can get any: maxbridge check --remove-webhook",
    "failed": "That did not work: {failure}\n{advice}",
    "what_now_max": "Try again (a), another token (n), through a proxy (p), go on unchecked (g)?",
    "what_now_desk": "Try again (a), another answer (n), go on unchecked (g)?",
    "proxy": "HTTP proxy for MAX, such as http://proxy.lan:3128 (not shown; empty for none)",
    "unchecked": "Going on unchecked. Try it later: maxbridge check",
    "url": "Address of FreeScout, as its APP_URL",
    "redirected": "FreeScout leads on to {address}. Take that address?",
    "desk": "FreeScout answers at {address}.",
    "refused_key": "FreeScout refuses this key.",
    "mailboxes": "Mailboxes:",
    "mailbox": "Number of the mailbox for tickets",
    "users": "Users:",
    "user": "Number of the user who writes the notes",
    "user_hint": "Better none of the people: make a user “MAX bridge” (Manage → Users), then answer.",
    "not_listed": "There is no {number} in the list.",
    "not_number": "A number is wanted, 1 or more.",
    "language": "Language of what customers and agents read from maxbridge (ru, en)",
    "not_language": "ru or en is wanted.",
    "greeting": "What a customer who presses Start is told (empty for nothing)",
    "store": "Where the database goes",
    "apart": "Keep the two secrets apart, in {folder}? systemd hands them to the service",
    "written": "Written: {path}",
    "next": "Now:",
    "no_unit": "The unit is in the folder systemd of the sources: copy it to /etc/systemd/system first.",
    "nothing": "Nothing was written.",
    "missing": "{option} is needed: with --yes nothing is asked.",
    "wrong_given": "{option}: {problem}",
}

RU: Final = {
    "hello": "Программа спросит всё, что нужно maxbridge, проверит каждый ответ и запишет\n{path}.\n"
    "Прервать можно в любой момент: Ctrl+C. До последнего вопроса ничего не записывается.",
    "aside": "Внимание: на этой машине maxbridge — служба, и этот файл служба не читает. Её настройки —\n"
    "{service}; записать их: {command}",
    "aside_question": "Всё равно записать собственный {path}?",
    "exists": "{path} уже есть. Ответить заново и заменить его? Старый останется как {path}.old",
    "kept": "Остальные его настройки сохранятся; Enter оставляет значение в [скобках].",
    "unreadable": "{path} не читается, поэтому из него ничего не берётся.",
    "token": "Токен бота (business.max.ru: Чат-боты → ⋮ → Настройки; на экран не выводится)",
    "key": "Ключ FreeScout (Manage → API & Webhooks; на экран не выводится)",
    "keep_secret": "{question}, Enter — оставить прежний",
    "bad_value": "Так нельзя: {problem}",
    "trying": "Проверяю: {what} …",
    "bot": "Это токен бота «{name}» ({number}).",
    "refused_token": "MAX не принимает этот токен.",
    "webhook": "Внимание: сообщения этого бота сейчас забирает вебхук ({address}).\n"
    "Чтобы их получал maxbridge: maxbridge check --remove-webhook",
    "failed": "Не получилось: {failure}\n{advice}",
    "what_now_max": "Ещё раз (a), другой токен (n), через прокси (p), дальше без проверки (g)?",
    "what_now_desk": "Ещё раз (a), другой ответ (n), дальше без проверки (g)?",
    "proxy": "HTTP-прокси для MAX, например http://proxy.lan:3128 (на экран не выводится; пусто — без него)",
    "unchecked": "Дальше без проверки. Проверить позже: maxbridge check",
    "url": "Адрес FreeScout, как в его APP_URL",
    "redirected": "FreeScout перенаправляет на {address}. Взять этот адрес?",
    "desk": "FreeScout отвечает по адресу {address}.",
    "refused_key": "FreeScout не принимает этот ключ.",
    "mailboxes": "Почтовые ящики:",
    "mailbox": "Номер ящика для тикетов",
    "users": "Пользователи:",
    "user": "Номер пользователя, от имени которого пишутся заметки",
    "user_hint": "Лучше не живой человек: заведите пользователя «MAX bridge» (Manage → Users) и ответьте.",
    "not_listed": "В списке нет номера {number}.",
    "not_number": "Нужно число, 1 или больше.",
    "language": "На каком языке maxbridge пишет клиентам и агентам (ru, en)",
    "not_language": "Нужно ru или en.",
    "greeting": "Что ответить клиенту, который нажал «Начать» (пусто — ничего)",
    "store": "Где держать базу данных",
    "apart": "Хранить оба секрета отдельно, в {folder}? systemd передаст их службе",
    "written": "Записано: {path}",
    "next": "Дальше:",
    "no_unit": "Юнит лежит в папке systemd исходников: сначала скопируйте его в /etc/systemd/system.",
    "nothing": "Ничего не записано.",
    "missing": "Нужен параметр {option}: с --yes ничего не спрашивается.",
    "wrong_given": "{option}: {problem}",
}

ADVICE_RU: Final = {
    "max.token_deprecated": "MAX не принимает способ передачи токена: обновите maxbridge и проверьте, не меняет "
    "ли запросы прокси. Если не пройдёт, обратитесь в поддержку MAX.",
    "max.access_denied": "MAX отказывает в доступе: опубликован ли бот, не заблокирован ли он? Смотрите в кабинете "
    "партнёра.",
    "max.forbidden": "MAX отказывает в доступе по неизвестной maxbridge причине: посмотрите на бота в кабинете "
    "партнёра и обновите maxbridge.",
    "max.tls": "Сертификату MAX нет доверия: обновите maxbridge (российский корневой сертификат — в нём); "
    "антивирус или прокси, подменяющий сертификаты, должен пропускать MAX как есть.",
    "max.redirect": "MAX перенаправляет на другой адрес: проверьте [max] api_url.",
    "max.unreachable": "MAX недоступен: проверьте интернет, межсетевой экран и прокси.",
    "max.timeout": "MAX не отвечает вовремя. Попробуйте ещё раз.",
    "max.dropped": "Связь с MAX обрывается. Попробуйте ещё раз; проверьте прокси.",
    "max.server_error": "Неполадки у MAX. Попробуйте позже.",
    "max.unavailable": "Неполадки у MAX. Попробуйте позже.",
    "max.unexpected": "Отвечает не MAX: по дороге прокси или страница входа в сеть?",
    "max.bad_answer": "Отвечает не MAX, или у MAX неполадки: проверьте [max] api_url.",
    "max.too_many_requests": "MAX просит не спешить: не работает ли с этим токеном другая программа?",
    "desk.untrusted_host": "FreeScout не принимает это имя: нужен адрес из его APP_URL, или добавьте имя "
    "в APP_TRUSTED_HOSTS в файле .env FreeScout.",
    "desk.forbidden": "FreeScout или межсетевой экран перед ним отказывает в доступе: проверьте адрес.",
    "desk.module_off": "Модуль FreeScout «API & Webhooks» выключен (включите: Manage → Modules), или в адресе "
    "лишняя часть после имени.",
    "desk.wrong_path": "По этому адресу нет API FreeScout: проверьте адрес.",
    "desk.redirect": "FreeScout перенаправляет на другой адрес: укажите его (часто он с https://).",
    "desk.tls": "Сертификату FreeScout нет доверия: продлите его или установите сертификат своего центра "
    "на этот компьютер.",
    "desk.unreachable": "FreeScout недоступен: работает ли сервер, верен ли адрес?",
    "desk.timeout": "FreeScout не отвечает вовремя. Попробуйте ещё раз.",
    "desk.dropped": "Связь с FreeScout обрывается. Попробуйте ещё раз.",
    "desk.server_error": "Ошибка внутри FreeScout: смотрите storage/logs на его сервере.",
    "desk.unavailable": "PHP FreeScout не отвечает (502/503/504): посмотрите на его сервер.",
    "desk.maintenance": "FreeScout на обслуживании. Попробуйте позже.",
    "desk.bad_answer": "Отвечает не API FreeScout, или ответ обрезан: проверьте адрес и прокси по дороге.",
    "desk.unexpected": "Отвечает не FreeScout: по дороге прокси или межсетевой экран? Проверьте адрес.",
    "desk.too_many_requests": "FreeScout или межсетевой экран перед ним просит не спешить.",
}
"""What to do about each failure that a question may meet; English is in :mod:`maxbridge.advice`."""

CATALOGUE: Final = {"en": EN, "ru": RU}


def language(environ: Mapping[str, str]) -> str:
    """Of the terminal: Russian where the locale says so, English otherwise."""
    return "ru" if _locale(environ).startswith("ru") else "en"


def proposal(environ: Mapping[str, str]) -> str:
    """Of the bridge's own texts: MAX is Russian, so English only where the locale says so."""
    return "en" if _locale(environ).startswith("en") else "ru"


def _locale(environ: Mapping[str, str]) -> str:
    return (environ.get("LC_ALL") or environ.get("LANG") or "").lower()
