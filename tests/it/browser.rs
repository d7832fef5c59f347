//! A real browser to look at pages with: Debian's `chromedriver` and `chromium`, spoken to in plain WebDriver.
//!
//! The driver runs on a port of its own choice and is ended by its own process id when dropped. Widths are set by
//! device metrics, so 390 px is 390 px and not the smallest window the browser allows.

use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;
use serde_json::json;

use crate::support::require;

const DRIVER: &str = "/usr/bin/chromedriver";
const CHROMIUM: &str = "/usr/bin/chromium";

/// Finds what sticks out: elements beyond the viewport that no scrolling ancestor holds, boxes that cut their own
/// content, words of a picture beyond its edge or on top of each other.
const CLIPPED: &str = r#"
const width = document.documentElement.clientWidth, found = [];
const name = e => e.tagName + (e.id ? '#' + e.id : '') + '.' + (e.getAttribute('class') || '')
    + ' "' + (e.textContent || '').trim().slice(0, 40) + '"';
const scrolls = e => { for (let p = e.parentElement; p; p = p.parentElement) {
    const o = getComputedStyle(p).overflowX; if (o === 'auto' || o === 'scroll') return true; } return false; };
const hidden = e => { for (let p = e; p; p = p.parentElement) {
    const s = getComputedStyle(p);
    if (s.clipPath !== 'none' || s.visibility === 'hidden' || p.classList.contains('skip')) return true; } return false; };
if (document.documentElement.scrollWidth > width)
    found.push('document is ' + document.documentElement.scrollWidth + ' wide in ' + width);
const boxes = new Map(), labels = new Set();
const others = svg => { if (!boxes.has(svg)) boxes.set(svg, [...svg.querySelectorAll('text:not(.watermark)')]
    .map(f => [f, f.getBoundingClientRect()])); return boxes.get(svg); };
for (const e of document.body.querySelectorAll('*')) {
    if (e.ownerSVGElement && e.tagName !== 'text') continue;
    const r = e.getBoundingClientRect();
    if (!r.width || !r.height || hidden(e)) continue;
    const beyond = r.right > width + 1 || r.left < -1;
    if (beyond && !scrolls(e) && !e.closest('svg')) found.push('beyond: ' + name(e));
    const card = e.closest('svg') ? null : e.parentElement.closest('.card');
    if (card && r.right > card.getBoundingClientRect().right + 1 && !scrolls(e))
        found.push('beyond its card: ' + name(e));
    const column = e.dataset.label && getComputedStyle(e).display === 'grid'
        ? getComputedStyle(e).gridTemplateColumns.split(' ')[0] : null;
    if (column && !labels.has(e.dataset.label + column)) {
        // What stands before a cell of a folded table, measured once in the column it has.
        labels.add(e.dataset.label + column);
        const own = getComputedStyle(e, '::before'), probe = document.createElement('span');
        probe.textContent = e.dataset.label;
        for (const p of ['font', 'whiteSpace', 'overflowWrap', 'letterSpacing']) probe.style[p] = own[p];
        probe.style.cssText += ';position:absolute;display:block;width:' + column;
        document.body.append(probe);
        if (probe.scrollWidth > probe.clientWidth + 1) found.push('label on its value: ' + e.dataset.label);
        probe.remove();
    }
    const s = getComputedStyle(e);
    const cuts = s.overflowX === 'hidden' || s.overflowX === 'clip';
    if (cuts && e.scrollWidth > e.clientWidth + 1 && !e.closest('svg'))
        found.push('cut: ' + name(e));
    if (e.tagName === 'text' && !e.classList.contains('watermark')) {
        const p = e.ownerSVGElement.getBoundingClientRect();
        if (r.left < p.left - 1 || r.right > p.right + 1 || r.top < p.top - 2 || r.bottom > p.bottom + 2)
            found.push('outside picture: ' + name(e));
        for (const [f, q] of others(e.ownerSVGElement)) {
            if (f === e) break;
            const wide = Math.min(r.right, q.right) - Math.max(r.left, q.left);
            const high = Math.min(r.bottom, q.bottom) - Math.max(r.top, q.top);
            if (wide > 2 && high > Math.min(r.height, q.height) * 0.5) found.push('overlap: ' + name(e) + ' on ' + name(f));
        }
    }
}
return found;
"#;

/// Draws every character of the page that is not plain Latin and compares it with one that no font has; then
/// measures every Chinese character where it stands: one em wide, or it is the box of a font that lacks it.
const TOFU: &str = r#"
const done = arguments[arguments.length - 1];
const text = document.documentElement.textContent;
const chars = [...new Set(text)].filter(c => c.codePointAt(0) > 0x7f && c.trim());
const family = getComputedStyle(document.body).fontFamily;
(async () => {
    await document.fonts.load('24px ' + family, text);
    await document.fonts.ready;
    const canvas = document.createElement('canvas'); canvas.width = canvas.height = 40;
    const ctx = canvas.getContext('2d', {willReadFrequently: true});
    const draw = c => { ctx.clearRect(0, 0, 40, 40); ctx.font = '24px ' + family; ctx.textBaseline = 'top';
        ctx.fillText(c, 4, 4); return ctx.getImageData(0, 0, 40, 40).data.join(); };
    const box = draw('\u{10FFFD}'), own = draw('\u{E123}');
    const tofu = chars.filter(c => { const d = draw(c); return d === box || d === own; });
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let n = walker.nextNode(); n; n = walker.nextNode()) {
        const e = n.parentElement, at = n.data.search(/[\u4e00-\u9fff]/);
        if (at < 0 || e.closest('title, desc, option, details:not([open]) > :not(summary)')) continue;
        if (!e.getClientRects().length || e.classList.contains('watermark')) continue;
        const em = parseFloat(getComputedStyle(e).fontSize);
        const range = document.createRange(); range.setStart(n, at); range.setEnd(n, at + 1);
        const width = e.ownerSVGElement ? e.getSubStringLength(at, 1) : range.getBoundingClientRect().width;
        if (width > 0 && Math.abs(width - em) > em * 0.15) tofu.push('[' + n.data.trim().slice(0, 12) + ']');
    }
    done({seen: chars.length, tofu: tofu.join('')});
})().catch(e => done({seen: 0, tofu: String(e)}));
"#;

/// Runs the accessibility rules and hands on what is serious: the rule, and where.
const AXE_RUN: &str = r#"
const done = arguments[arguments.length - 1], faults = 'viola' + 'tions';
axe.run(document, {resultTypes: [faults]}).then(
    r => done(r[faults].filter(v => ['serious', 'critical'].includes(v.impact))
        .map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.target.join(' ') + ' ' + n.html.slice(0, 120)).join(' | '))),
    e => done([String(e)]));
"#;

/// A browser window and the driver behind it.
pub(crate) struct Browser {
    driver: Child,
    session: String,
}

/// What a page looked like from inside.
#[derive(Debug)]
pub(crate) struct Findings {
    /// Console entries of level SEVERE.
    pub(crate) console: Vec<String>,
    /// Requests that failed or got an error status.
    pub(crate) failed: Vec<String>,
    /// Requests to other hosts than the page's own.
    pub(crate) foreign: Vec<String>,
    /// What sticks out or is cut.
    pub(crate) clipped: Vec<String>,
    /// Characters that came out as an empty box.
    pub(crate) tofu: String,
    /// How many kinds of characters beyond ASCII were looked at.
    pub(crate) characters: u64,
}

impl Findings {
    /// Everything wrong, as one text; empty when all is well.
    pub(crate) fn complaints(&self) -> String {
        let lists = [
            ("console", &self.console),
            ("failed", &self.failed),
            ("foreign", &self.foreign),
            ("clipped", &self.clipped),
        ];
        let mut lines: Vec<String> = lists
            .into_iter()
            .flat_map(|(kind, list)| list.iter().map(move |entry| format!("{kind}: {entry}")))
            .collect();
        if !self.tofu.is_empty() {
            lines.push(format!("tofu: {}", self.tofu));
        }
        lines.join("\n")
    }
}

impl Browser {
    /// Starts the driver and opens a window with an empty profile in `profile`.
    pub(crate) fn start(profile: &Path) -> Self {
        require(CHROMIUM);
        require(DRIVER);
        let mut driver = Command::new(DRIVER)
            .args(["--port=0", "--allowed-ips="])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, rest) = line.split_once("started successfully on port ")?;
                rest.trim_end_matches('.').parse::<u16>().ok()
            })
            .expect("the driver says its port");
        let mut browser = Self {
            driver,
            session: format!("http://127.0.0.1:{port}/session"),
        };
        let answer = browser.post("", capabilities(profile));
        let id = answer["sessionId"].as_str().unwrap();
        browser.session = format!("{}/{id}", browser.session);
        browser
    }

    /// Opens an address at a width, light or dark, and says what is wrong with it.
    pub(crate) fn look(&mut self, url: &str, width_px: u32, dark: bool) -> Findings {
        self.open(url, width_px, dark);
        let tofu = self.post("/execute/async", json!({"script": TOFU, "args": []}));
        let clipped = self.post("/execute/sync", json!({"script": CLIPPED, "args": []}));
        let console = self.log("browser");
        let (failed, foreign) = requests(&self.log("performance"), url);
        Findings {
            console: console
                .iter()
                .filter(|entry| entry["level"] == "SEVERE")
                .map(|entry| entry["message"].to_string())
                .collect(),
            failed,
            foreign,
            clipped: texts(&clipped),
            tofu: tofu["tofu"].as_str().unwrap_or("no answer").to_owned(),
            characters: tofu["seen"].as_u64().unwrap_or(0),
        }
    }

    /// Opens an address at a width, light or dark.
    pub(crate) fn open(&mut self, url: &str, width_px: u32, dark: bool) {
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width_px, "height": 900, "deviceScaleFactor": 1, "mobile": width_px < 700}),
        );
        let scheme = if dark { "dark" } else { "light" };
        self.cdp(
            "Emulation.setEmulatedMedia",
            json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
        );
        self.log("browser");
        self.log("performance");
        self.post("/url", json!({"url": url}));
    }

    /// Runs a script in the page; gives what it returns.
    pub(crate) fn run(&mut self, script: &str, args: &[Value]) -> Value {
        self.post("/execute/sync", json!({"script": script, "args": args}))
    }

    /// What the accessibility rules find serious in the page that is open, in light of `rules`, their program.
    pub(crate) fn barriers(&mut self, rules: &str) -> Vec<String> {
        self.run(rules, &[]);
        let found = self.post("/execute/async", json!({"script": AXE_RUN, "args": []}));
        assert!(found.is_array(), "the rules answer: {found}");
        texts(&found)
    }

    /// The whole page as a PNG in base 64.
    pub(crate) fn picture(&mut self) -> String {
        let answer = self.cdp(
            "Page.captureScreenshot",
            json!({"format": "png", "captureBeyondViewport": true}),
        );
        answer["data"].as_str().unwrap().to_owned()
    }

    /// What is in sight as a PNG in base 64.
    pub(crate) fn sight(&mut self) -> String {
        let answer = self.cdp("Page.captureScreenshot", json!({"format": "png"}));
        answer["data"].as_str().expect("a picture").to_owned()
    }

    fn log(&mut self, kind: &str) -> Vec<Value> {
        let answer = self.post("/se/log", json!({"type": kind}));
        answer.as_array().cloned().unwrap_or_default()
    }

    fn cdp(&mut self, command: &str, params: Value) -> Value {
        self.post(
            "/goog/cdp/execute",
            json!({"cmd": command, "params": params}),
        )
    }

    fn post(&mut self, path: &str, body: Value) -> Value {
        let url = format!("{}{path}", self.session);
        let mut answer: Value = ureq::post(&url)
            .send_json(body)
            .unwrap_or_else(|fault| panic!("{path}: {fault}"))
            .body_mut()
            .with_config()
            .limit(64 * 1024 * 1024)
            .read_json()
            .unwrap();
        answer["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ending the session closes the browser; the driver itself is ended by its process id.
        drop(ureq::delete(&self.session).call());
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

fn capabilities(profile: &Path) -> Value {
    let flags = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
    ];
    let profile = format!("--user-data-dir={}", profile.display());
    let flags: Vec<&str> = flags.into_iter().chain([profile.as_str()]).collect();
    json!({"capabilities": {"alwaysMatch": {
        "browserName": "chrome",
        "goog:chromeOptions": {"binary": CHROMIUM, "args": flags},
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
    }}})
}

fn texts(list: &Value) -> Vec<String> {
    let entries = list.as_array().into_iter().flatten();
    entries
        .filter_map(|entry| entry.as_str().map(str::to_owned))
        .collect()
}

/// Failed requests, and requests to other hosts, out of the performance log.
fn requests(log: &[Value], page: &str) -> (Vec<String>, Vec<String>) {
    let origin: String = page.split('/').take(3).collect::<Vec<_>>().join("/");
    let (mut failed, mut foreign) = (Vec::new(), Vec::new());
    for entry in log {
        let text = entry["message"].as_str().unwrap_or_default();
        let event: Value = serde_json::from_str(text).unwrap_or_default();
        let (method, params) = (&event["message"]["method"], &event["message"]["params"]);
        if method == "Network.loadingFailed" {
            failed.push(params["errorText"].to_string());
        }
        if method == "Network.responseReceived" {
            let response = &params["response"];
            let url = response["url"].as_str().unwrap_or_default();
            if response["status"].as_u64().unwrap_or(0) >= 400 {
                failed.push(format!("{} {url}", response["status"]));
            }
            if !url.starts_with(&origin) && !url.starts_with("data:") {
                foreign.push(url.to_owned());
            }
        }
    }
    (failed, foreign)
}

/// Pages of the PDF a browser prints of an address.
pub(crate) fn printed_pages(folder: &Path, url: &str) -> usize {
    require(CHROMIUM);
    let pdf = folder.join("printed.pdf");
    let profile = format!("--user-data-dir={}", folder.join("print").display());
    let printed = Command::new(CHROMIUM)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([&profile, "--no-pdf-header-footer"])
        .arg(format!("--print-to-pdf={}", pdf.display()))
        .arg(url)
        .output()
        .expect("the browser starts");
    assert!(printed.status.success(), "{printed:?}");
    let pdf = std::fs::read(pdf).expect("the browser printed");
    let lead = b"/Type /Page\n";
    pdf.windows(lead.len())
        .filter(|bytes| bytes == lead)
        .count()
}
