// Lead form: <script src="https://hub.example.com/hub.js" data-form="contact" defer></script>
// sends <form data-hub-form="contact"> to the lead hub. ES2017, no dependency, no cookie.
(() => {
  'use strict';
  const script = document.currentScript;
  const DAY = 864e5;
  const UTM = ['utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content', 'utm_id'];
  const CLICK = ['bd_vid', 'gdt_vid', 'qz_gdt', 'clickid', 'gclid', 'gbraid', 'wbraid', 'gad_source',
    'msclkid', 'dclid', 'fbclid', 'ttclid', 'twclid', 'li_fat_id'];
  // Names that anybody uses: they are a click id only when the visit shows whose.
  const GENERIC = {
    callback: /kuaishou|gifshow|chenzhongtech|^ks([_-]|$)|douyin|toutiao|oceanengine/i,
    click_id: /xiaohongshu|xhs|redbook/i,
  };
  // Coming back from paying or signing in is no new visit.
  const PASSING = ['alipay.com', 'tenpay.com', 'pay.weixin.qq.com', 'unionpay.com', '95516.com',
    'open.weixin.qq.com', 'graph.qq.com', 'accounts.google.com'];
  const TEXT = {
    sending: '正在提交…',
    sent: '提交成功，我们会尽快与您联系。',
    mobile: '请填写正确的 11 位手机号。',
    kept: '暂时无法提交，您的信息已保存在本机，稍后会自动重新提交。',
    refused: '提交失败，请检查填写的内容后再试。',
  };

  const memory = {}; // stands in for local storage where that is blocked or full
  const read = (key) => {
    if (key in memory) return memory[key];
    try { return JSON.parse(localStorage.getItem('hub.' + key)); } catch (e) { return null; }
  };
  const write = (key, value) => {
    delete memory[key];
    try {
      if (value === null) localStorage.removeItem('hub.' + key);
      else localStorage.setItem('hub.' + key, JSON.stringify(value));
    } catch (e) { if (value !== null) memory[key] = value; }
  };
  // One key a lead, so that two tabs never overwrite each other's.
  const waiting = () => {
    let names = [];
    try { names = Object.keys(localStorage).map((name) => name.replace(/^hub\./, '')); } catch (e) { /* blocked */ }
    return names.concat(Object.keys(memory)).filter((name) => /^lead\./.test(name)).map(read)
      .filter((lead) => lead && lead.body);
  };
  const randomId = () => {
    const bytes = new Uint8Array(16);
    if (window.crypto && crypto.getRandomValues) crypto.getRandomValues(bytes);
    else bytes.forEach((_, i) => { bytes[i] = Math.random() * 256; });
    return Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join('');
  };
  const clean = (value, max) => (value || '').replace(/[\u0000-\u001f\u007f]/g, '').trim()
    .slice(0, max).replace(/[\ud800-\udbff]$/, '');
  const hostOf = (url) => { try { return new URL(url).hostname; } catch (e) { return ''; } };
  const under = (host, domain) => host === domain || host.endsWith('.' + domain);

  // What brought the visitor to this page.
  const touchNow = () => {
    const inHash = location.hash.split('?')[1] || ''; // pages routed by hash carry their query there
    const params = new URLSearchParams(location.search + '&' + inHash);
    const from = hostOf(document.referrer);
    const touch = { ts: new Date().toISOString(), landing_url: clean(location.href, 4096) };
    const put = (into, name, value) => { if (value) into[name] = value; };
    put(touch, 'referrer', clean(document.referrer, 4096));
    UTM.forEach((name) => put(touch, name, clean(params.get(name), 255)));
    const click = {}, unknown = {};
    CLICK.forEach((name) => put(click, name, clean(params.get(name), 2048)));
    Object.keys(GENERIC).forEach((name) => {
      const known = [touch.utm_source || '', from, location.pathname].some((part) => GENERIC[name].test(part));
      put(known ? click : unknown, name, clean(params.get(name), 2048));
    });
    if (Object.keys(click).length) touch.click = click;
    if (Object.keys(unknown).length) touch.click_unknown = unknown;
    const tagged = Boolean(touch.click) || UTM.some((name) => touch[name]);
    const own = from === '' || under(from, location.hostname) || under(location.hostname, from);
    return { touch, tagged, external: !own && !PASSING.some((domain) => under(from, domain)) };
  };
  // What a campaign or an outside page brought, the first six of 180 days; loading a page again is no new visit.
  const keepVisit = (touch, now) => {
    const visits = (read('visits') || []).filter((one) => now - Date.parse(one.ts) < 180 * DAY);
    const again = visits.some((one) => one.landing_url === touch.landing_url && now - Date.parse(one.ts) < 18e5);
    if (!again && visits.length < 6) write('visits', visits.concat(touch));
  };
  // First touch: written once in 180 days. Last touch: only a campaign or an outside referrer replaces it.
  const remember = () => {
    const { touch, tagged, external } = touchNow();
    const now = Date.now();
    const old = (kept) => !kept || !(now - Date.parse(kept.ts) < 180 * DAY);
    if (old(read('first'))) write('first', touch);
    if (tagged || external || old(read('last'))) write('last', touch);
    if (tagged || external) keepVisit(touch, now);
    const session = read('session');
    const goesOn = session && now - session.seen < 18e5 && !tagged && !external;
    write('session', Object.assign(goesOn ? session : { landing_url: touch.landing_url, referrer: touch.referrer },
      { seen: now }));
  };
  remember();

  const option = (form, name) => form.getAttribute('data-' + name) || script.getAttribute('data-' + name) || '';
  const post = (url, init) => Promise.race([
    fetch(url, Object.assign({ credentials: 'omit', cache: 'no-store' }, init)),
    new Promise((_, refuse) => setTimeout(refuse, 15000)),
  ]);
  const startToken = (url) => post(url + '/token', {}).then((reply) => {
    if (!reply.ok) throw reply;
    return reply.json();
  }).then((token) => Object.assign(token, { until: Date.now() + token.max_age_s * 900 })); // 90 % of its life
  const delays = (script.getAttribute('data-retry-ms') || '1000,3000,10000').split(',').map(Number);
  const watchers = {}; // lead id → what to tell the person, if the form is on this page
  const flying = {}; // lead id → the try that is under way

  const attempt = async (lead) => {
    const trap = lead.body.trap;
    if (!trap.t || Date.now() > lead.token_until) { // none came yet, or the lead was kept for long
      const token = await startToken(lead.url);
      await new Promise((done) => setTimeout(done, token.min_fill_s * 1000));
      Object.assign(trap, { t: token.t, sig: token.sig });
      lead.token_until = token.until;
    }
    const reply = await post(lead.url, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(lead.body),
    });
    if (reply.ok) return 'sent';
    return [400, 413, 415, 422].indexOf(reply.status) < 0 ? 'kept' : 'refused'; // the rest may be put right
  };
  const deliver = (lead) => {
    const id = lead.body.submission_id;
    flying[id] = flying[id] || attempt(lead).catch(() => 'kept').then((outcome) => {
      delete flying[id];
      if (outcome !== 'kept') write('lead.' + id, null);
      if (watchers[id]) watchers[id](outcome);
      return outcome;
    });
    return flying[id];
  };
  const keepTrying = async (lead, tries) => {
    if (!read('lead.' + lead.body.submission_id) || await deliver(lead) !== 'kept') return;
    const delay = tries < delays.length ? delays[tries] : delays[delays.length - 1] * 6;
    setTimeout(() => keepTrying(lead, tries + 1), delay * (1 + Math.random() / 10));
  };

  // Full-width digits, spaces, dashes, the invisible marks that address books copy, and +86.
  const mobileOf = (text) => text.normalize('NFKC')
    .replace(/[\s().\-\u2010-\u2015\u200b-\u200f\u202a-\u202e\u2060\ufeff]/g, '').replace(/^(\+|00)?86(?=1\d{10}$)/, '');
  const boxOf = (form, name) => Array.from(form.elements).find((box) => box.name === name);
  const collect = (form, trapName) => {
    const fields = {};
    new FormData(form).forEach((value, name) => {
      const box = boxOf(form, name);
      const ours = name === trapName || box.hasAttribute('data-hub-consent') || box.hasAttribute('data-hub-filled');
      if (ours || typeof value !== 'string' || box.type === 'password') return;
      fields[name] = name in fields ? [].concat(fields[name], value) : value;
    });
    return fields;
  };
  const fillHidden = (form) => {
    const last = read('last') || {}, session = read('session') || {};
    const known = Object.assign({}, last, last.click, { landing_url: session.landing_url,
      referrer: session.referrer, page_url: clean(location.href, 4096) });
    UTM.concat(CLICK, Object.keys(GENERIC), ['landing_url', 'referrer', 'page_url']).forEach((name) => {
      form.querySelectorAll('input[type=hidden][name="' + name + '"]').forEach((box) => {
        if (!known[name]) return; // a value that the page itself wrote stays
        box.value = known[name];
        box.setAttribute('data-hub-filled', '');
      });
    });
  };
  const addTrap = (form, name) => {
    if (boxOf(form, name)) return;
    const label = document.createElement('label');
    label.textContent = '请勿填写此栏';
    label.style.cssText = 'position:absolute;left:-9999px;width:1px;height:1px;overflow:hidden';
    const box = document.createElement('input');
    Object.assign(box, { type: 'text', name, tabIndex: -1, autocomplete: 'off' });
    label.appendChild(box);
    form.appendChild(label);
  };
  const statusOf = (form) => {
    let status = form.querySelector('[data-hub-status]');
    if (!status) {
      status = document.createElement('p');
      status.setAttribute('data-hub-status', '');
      form.appendChild(status);
    }
    status.setAttribute('role', 'status');
    status.setAttribute('aria-live', 'polite');
    return status;
  };
  const consentOf = (form) => {
    const box = form.querySelector('[data-hub-consent]');
    if (!box) return null;
    const version = box.getAttribute('data-hub-consent');
    return Object.assign({ privacy: box.checked, at: new Date().toISOString() }, version ? { version } : {});
  };
  const deviceOf = (consent) => {
    const id = consent && consent.privacy ? read('device') || randomId() : null;
    write('device', id); // consent withdrawn: the id goes too
    return id ? { visitor_id: id } : undefined;
  };

  const attach = (form) => {
    if (form.hasAttribute('data-hub-ready')) return;
    form.setAttribute('data-hub-ready', '');
    const formId = form.getAttribute('data-hub-form');
    const url = new URL('forms/' + encodeURIComponent(formId), script.src).href;
    const trapName = option(form, 'honeypot') || 'website_url';
    const status = statusOf(form);
    let token = {}, last = null, sentAt = 0;
    startToken(url).then((found) => { token = found; }, () => {});
    addTrap(form, trapName);
    fillHidden(form);

    const say = (state) => {
      status.textContent = option(form, 'msg-' + state) || TEXT[state];
      form.setAttribute('data-hub-state', state);
    };
    const mobileIsBad = (fields) => {
      const box = form.querySelector('[data-hub-mobile], [name=mobile]');
      if (!box || (!box.value.trim() && !box.required)) return false;
      const mobile = mobileOf(box.value);
      const bad = !/^1[3-9]\d{9}$/.test(mobile);
      box.setAttribute('aria-invalid', String(bad));
      if (bad) box.focus(); else fields[box.name] = mobile;
      return bad;
    };
    const compose = (fields) => {
      const session = read('session') || {}, consent = consentOf(form);
      const body = {
        form_id: formId, submission_id: randomId(), submitted_at: new Date().toISOString(), fields,
        consent: consent || undefined, first_touch: read('first') || undefined, last_touch: read('last') || undefined,
        visits: read('visits') || undefined,
        device: deviceOf(consent), landing_url: session.landing_url, referrer: session.referrer,
        page_url: clean(location.href, 4096), trap: { t: token.t, sig: token.sig, [trapName]: boxOf(form, trapName).value },
      };
      return { url, body, token_until: token.until };
    };
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if ((last && flying[last.body.submission_id]) || Date.now() - sentAt < 1000) return; // a double click
      fillHidden(form);
      const fields = collect(form, trapName);
      if (mobileIsBad(fields)) { say('mobile'); return; }
      const typed = JSON.stringify(fields);
      const again = last && read('lead.' + last.body.submission_id) && JSON.stringify(last.body.fields) === typed;
      const lead = again ? last : compose(fields);
      const id = lead.body.submission_id;
      last = lead;
      write('lead.' + id, lead); // before the first try: closing the page loses nothing
      watchers[id] = (outcome) => {
        if (last !== lead) return;
        say(outcome);
        if (outcome === 'sent') { sentAt = Date.now(); form.reset(); fillHidden(form); }
        form.dispatchEvent(new CustomEvent('hub:' + outcome, { bubbles: true, detail: { submission_id: id } }));
      };
      say('sending');
      if (again) deliver(lead); else keepTrying(lead, 0);
    });
  };

  const only = script.getAttribute('data-form');
  const start = () => {
    document.querySelectorAll('form[data-hub-form]').forEach((form) => {
      if (!only || form.getAttribute('data-hub-form') === only) attach(form);
    });
    waiting().forEach((lead) => keepTrying(lead, 0));
  };
  window.addEventListener('online', () => waiting().forEach(deliver));
  // The page goes: hand over what still waits. It stays stored until a reply is seen; the hub knows its id.
  window.addEventListener('pagehide', () => waiting().forEach((lead) => {
    if (navigator.sendBeacon && lead.body.trap.t) navigator.sendBeacon(lead.url, JSON.stringify(lead.body));
  }));
  window.leadHub = { attach };
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start); else start();
})();
