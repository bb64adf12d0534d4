/* People type "status --watch" or paste "error=desk.timeout" from a log; lunr would read operators and fields in that.
   A word finds those that begin with it, so Russian words are searched without their endings. */
"use strict";
(() => {
  const endings = /([а-яё]{4,}?)(?:ами|ями|ого|его|ому|ему|ыми|ими|ов|ев|ей|ах|ях|ам|ям|ом|ем|ой|ый|ий|ые|ие|ых|их|ая|яя|ую|юю|ое|ее|[аяыиуюеоьй])(?![а-яё])/gi;
  const asWords = (text) => text
    .replace(/\b\w+=/g, "")
    .replace(/(^|\s)[-+]+/g, "$1")
    .replace(/[:^~*]/g, " ")
    .replace(endings, "$1");
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message, ...rest) {
    const isQuery = message && message.type === 2 && typeof message.data === "string";
    return post.call(this, isQuery ? { ...message, data: asWords(message.data) } : message, ...rest);
  };
})();
