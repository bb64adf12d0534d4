/* People type "status --watch" or paste "error=desk.timeout" from a log; lunr would read operators and fields in that. */
"use strict";
(() => {
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message, ...rest) {
    const isQuery = message && message.type === 2 && typeof message.data === "string";
    const words = isQuery && message.data.replace(/\b\w+=/g, "").replace(/(^|\s)[-+]+/g, "$1").replace(/[:^~*]/g, " ");
    return post.call(this, isQuery ? { ...message, data: words } : message, ...rest);
  };
})();
