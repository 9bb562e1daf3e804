// Loaded before SAQ's app.js, which takes its root path from here and is used as it is.
const root_path = document.currentScript.dataset.rootPath;

(function (options) {
  // app.js knows its first page with a slash at its end only.
  if (location.pathname === root_path) {
    history.replaceState(null, "", `${root_path}/${location.search}${location.hash}`);
  }

  const queues = `${root_path}/queues/`;

  const repaired = function (href) {
    // app.js leaves the root path out of a job's link to its queue.
    if (href.startsWith("/queues/") && !href.startsWith(queues)) {
      href = root_path + href;
    }
    // A job's key may hold what has a meaning in an address. Servers decode an address once before
    // they route it, so what is to arrive encoded is encoded twice.
    const [, start, key] = href.match(/^(.*?\/queues\/[^/]+\/jobs\/)(.+)$/s) ?? [];
    return key && /[\s/?#%]/.test(key) ? start + encodeURIComponent(encodeURIComponent(key)) : href;
  };

  const h = snabbdom.h;
  snabbdom.h = function (selector, data, children) {
    // app.js' handlers look at the same `props`, so they follow the repaired link too.
    if (data?.props?.href) {
      data.props.href = repaired(data.props.href);
    }
    return children === undefined ? h(selector, data) : h(selector, data, children);
  };

  const csrfToken = function () {
    const cookie = document.cookie.split("; ").find((pair) => pair.startsWith(`${options.csrfCookie}=`));
    return cookie?.slice(options.csrfCookie.length + 1);
  };

  // app.js takes a root path that "/queues" begins with for a part of the path of the list of queues.
  const listAsked = `${root_path}/api${"/queues".slice(root_path.length)}`;
  const addressOf = (url) => ("/queues".startsWith(root_path) && url === listAsked ? `${root_path}/api/queues` : url);

  const fetchPlainly = window.fetch;
  window.fetch = async function (url, init) {
    const headers = new Headers(init?.headers);
    if (init?.method && options.csrfCookie) {
      headers.set(options.csrfHeader, csrfToken() ?? "");
    }
    const response = await fetchPlainly(addressOf(url), { ...init, headers });
    if (response.ok) {
      return response;
    }
    // app.js shows what is thrown, but neither statuses nor Litestar's errors, and nothing at all of a button's.
    const reply = await response.json().catch(() => ({}));
    const message = reply.detail ?? `${response.status} ${response.statusText}`;
    if (init?.method) {
      window.alert(message);
    }
    throw new Error(message);
  };
})(document.currentScript.dataset);
