// Sends videos piece by piece: percent, pause by losing the line, cancel, and going on after a reload.
const PIECE = 8 * 1024 * 1024;
const TRIES = 6;
const api = (path) => new URL(`api/uploads${path}`, document.baseURI).href;
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

const remembered = {
  key: (file) => `curation-upload:${file.name}:${file.size}:${file.lastModified}`,
  get(file) { try { return localStorage.getItem(this.key(file)); } catch { return null; } },
  set(file, id) { try { localStorage.setItem(this.key(file), id); } catch { /* private window */ } },
  drop(file) { try { localStorage.removeItem(this.key(file)); } catch { /* private window */ } },
};

class Final extends Error {}

async function said(response) {
  try { return (await response.json()).detail || response.statusText; }
  catch { return response.statusText || `error ${response.status}`; }
}

async function open(file) {
  const known = remembered.get(file);
  if (known) {
    const found = await fetch(api(`/${known}`));
    if (found.ok) return found.json();
    remembered.drop(file);
  }
  const made = await fetch(api(''), {
    method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ name: file.name, size: file.size }),
  });
  if (!made.ok) throw new Final(await said(made));
  const upload = await made.json();
  remembered.set(file, upload.id);
  return upload;
}

function send(transfer, upload, offset) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    transfer.request = request;
    request.open('PUT', api(`/${upload.id}`));
    request.setRequestHeader('Upload-Offset', String(offset));
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.onprogress = (event) => transfer.show(offset + event.loaded);
    request.onload = () => resolve(request);
    request.onerror = () => reject(new Error('connection lost'));
    request.onabort = () => reject(new Final('cancelled'));
    request.send(transfer.file.slice(offset, offset + PIECE));
  });
}

class Transfer {
  constructor(file, list) {
    this.file = file;
    this.cancelled = false;
    this.begun = 0;
    this.first = 0;
    const row = document.createElement('li');
    row.innerHTML = '<b></b><span class="said"></span><button type="button">Cancel</button>'
      + '<progress max="100" value="0"></progress>';
    [this.name, this.text, this.button, this.bar] = row.children;
    this.row = row;
    this.name.textContent = file.name;
    this.text.textContent = 'waiting';
    this.bar.setAttribute('aria-label', `Upload of ${file.name}`);
    this.button.addEventListener('click', () => this.cancel());
    list.append(row);
  }

  show(sent) {
    const share = this.file.size ? (100 * sent) / this.file.size : 0;
    const seconds = (performance.now() - this.begun) / 1000;
    const rate = seconds > 0.5 ? (sent - this.first) / seconds : 0;
    const parts = [`${Math.floor(share)} %`];
    if (rate > 0 && sent < this.file.size) {
      parts.push(`${(rate / 1e6).toFixed(1)} MB/s`);
      parts.push(`${Math.ceil((this.file.size - sent) / rate)} s left`);
    }
    if (sent >= this.file.size) parts.push('looking at it');
    this.bar.value = share;
    this.text.textContent = parts.join(' · ');
  }

  end(kind, message) {
    this.row.className = kind;
    this.text.textContent = message;
    if (kind === 'good') this.bar.value = 100;
    this.button.remove();
  }

  cancel() {
    this.cancelled = true;
    this.request?.abort();
  }

  async run() {
    let upload = null;
    let tries = 0;
    for (;;) {
      try {
        if (this.cancelled) throw new Final('cancelled');
        if (!upload) {
          upload = await open(this.file);
          this.begun = performance.now();
          this.first = upload.offset;
        }
        this.show(upload.offset);
        const reply = await send(this, upload, upload.offset);
        const body = JSON.parse(reply.responseText || '{}');
        if (reply.status === 409) {
          upload.offset = Number(reply.getResponseHeader('Upload-Offset'));
          if (++tries > TRIES) throw new Final(body.detail);
          await wait(300 * tries);
          continue;
        }
        if (reply.status >= 500 && reply.status !== 507) throw new Error(`error ${reply.status}`);
        if (reply.status !== 200) throw new Final(body.detail || `error ${reply.status}`);
        tries = 0;
        upload.offset = body.offset;
        if (body.video) {
          remembered.drop(this.file);
          this.end('good', body.video.note || 'in the datastore');
          return;
        }
      } catch (error) {
        if (error instanceof Final) {
          remembered.drop(this.file);
          if (this.cancelled && upload) fetch(api(`/${upload.id}`), { method: 'DELETE' });
          this.end(this.cancelled ? 'soft' : 'bad', error.message);
          return;
        }
        if (++tries > TRIES) {
          this.end('bad', `${error.message}; choose the file again to go on`);
          return;
        }
        this.text.textContent = `${error.message}, trying again`;
        await wait(500 * 2 ** tries);
        upload = null;
      }
    }
  }
}

export function mount(element, changed) {
  const drop = element.querySelector('.drop');
  const input = element.querySelector('input[type=file]');
  const list = element.querySelector('.transfers');
  let queue = Promise.resolve();
  const take = (files) => {
    for (const file of files) {
      const transfer = new Transfer(file, list);
      queue = queue.then(() => transfer.run()).then(changed);
    }
  };
  input.addEventListener('change', () => { take([...input.files]); input.value = ''; });
  for (const name of ['dragenter', 'dragover']) {
    drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add('over'); });
  }
  for (const name of ['dragleave', 'drop']) {
    drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove('over'); });
  }
  drop.addEventListener('drop', (event) => take([...event.dataTransfer.files]));
}
