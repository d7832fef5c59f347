//! Every page of the real daemon, with everything in it, in a real browser: whole in both languages, light and dark, on
//! a desk and on a telephone, and without barriers by the rules of axe-core.
//!
//! The pages are those the router serves, by the table of who may ask for what: one that is added is looked at, and one
//! with a part to fill in needs a line in [`EXAMPLES`]. Each is seen twice, by which it has both languages, both widths
//! and both schemes; `SKYTIER_LOOKS=8` looks at each in every combination of them.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use skytier::adapters::http::guard::table::TABLE;

use crate::browser::Browser;
use crate::pages::keep_picture;
use crate::support::Daemon;
use crate::support::Site;
use crate::support::full::full;
use crate::support::not_run;
use crate::support::number;

/// Where `make test` puts the accessibility rules.
const AXE: &str = "/usr/lib/node_modules/axe-core/axe.min.js";

/// What is served and is no page, or none once there are users or nobody needs to be one.
const NO_PAGES: [&str; 7] = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/favicon.ico",
    "/live",
    "/setup",
];

/// What stands for the part of a path that is to be filled in. `BLACK` is an enterprise of that tier.
const EXAMPLES: [(&str, &[&str]); 6] = [
    (
        "/trends/{chart}",
        &[
            "/trends/hours?area=group:beijing6&year=2016",
            "/trends/rose?area=group:beijing6&year=2016",
        ],
    ),
    (
        "/days/{date}",
        &[
            "/days/2016-12-20?area=group:beijing6",
            "/days/2017-02-27?area=group:beijing6",
        ],
    ),
    ("/stations/{id}", &["/stations/Dongsi"]),
    ("/commissioning/{id}", &["/commissioning/Dongsi"]),
    ("/enterprises/{uscc}", &["/enterprises/BLACK"]),
    (
        "/enterprises/{uscc}/certificate",
        &["/enterprises/BLACK/certificate"],
    ),
];

/// Pages once more, where they show something else.
const MORE: [&str; 11] = [
    "/?area=group:city",
    "/calendar?area=group:beijing6&year=2016",
    "/calendar?area=group:city",
    "/targets?area=group:city&on=2020-04-30",
    "/targets?area=group:beijing6&on=2016-09-30",
    "/trends?area=group:beijing6&year=2016",
    "/stations?area=group:beijing6",
    "/bulletins?area=group:city&period=2020-H1",
    "/year?area=group:city&year=2020",
    "/year?area=station:Dongsi&year=2016",
    "/restatements?area=group:city",
];

/// Width in pixels, whether dark, and the language.
type Look = (u32, bool, &'static str);
/// Two looks that have both languages, both widths and both schemes; the others beside them. Pages take them in turns.
const LOOKS: [[Look; 2]; 4] = [
    [(1440, false, "zh"), (390, true, "en")],
    [(390, false, "zh"), (1440, true, "en")],
    [(1440, true, "zh"), (390, false, "en")],
    [(390, true, "zh"), (1440, false, "en")],
];

/// Every page's address, without the language.
pub(crate) fn pages(site: &Site) -> Vec<String> {
    let rows = site.json("/v1/enterprises?limit=1000");
    let rows = rows["enterprises"].as_array().expect("a list");
    let black = rows.iter().find(|row| row["computed"]["tier"] == "black");
    let black = black
        .and_then(|row| row["subject"].as_str())
        .expect("one is black");
    let served = TABLE.iter().filter(|(method, path, _)| {
        let other = ["/v1/", "/assets/"]
            .iter()
            .any(|lead| path.starts_with(lead));
        *method == "GET" && !other && !NO_PAGES.contains(path)
    });
    let mut pages = Vec::new();
    for (_, path, _) in served {
        let example = EXAMPLES.iter().find(|(own, _)| own == path);
        match example {
            Some((_, given)) => pages.extend(given.iter().map(|own| own.replace("BLACK", black))),
            None => {
                assert!(!path.contains('{'), "{path} needs a line in EXAMPLES");
                pages.push((*path).to_owned());
            }
        }
    }
    pages.extend(MORE.map(str::to_owned));
    pages
}

/// An address with the language.
pub(crate) fn spoken(path: &str, lang: &str) -> String {
    let joint = if path.contains('?') { '&' } else { '?' };
    format!("{path}{joint}lang={lang}")
}

#[test]
fn every_page_is_whole_in_a_browser() {
    let site = &full().site;
    let rules = std::fs::read_to_string(AXE).ok();
    if rules.is_none() {
        not_run(&format!("{AXE} is missing; make test installs it"));
    }
    let profile = tempfile::tempdir().expect("a temporary folder");
    let mut browser = Browser::start(profile.path());
    let all = number("SKYTIER_LOOKS", 2) > 2;
    let mut complaints = Vec::new();
    for (at, path) in pages(site).iter().enumerate() {
        let pairs = LOOKS.iter().enumerate();
        let pairs = pairs.filter(|(own, _)| all || *own == at % LOOKS.len());
        for (width, dark, lang) in pairs.flat_map(|(_, pair)| *pair) {
            let url = format!("{}{}", site.http, spoken(path, lang));
            let found = browser.look(&url, width, dark);
            let plain: String = path.chars().filter(char::is_ascii_alphanumeric).collect();
            let shot = format!("real-{plain}-{lang}-{width}-{dark}");
            keep_picture(&mut browser, &shot);
            assert!(found.characters > 0, "{shot}: no character was looked at");
            if !found.complaints().is_empty() {
                complaints.push(format!("{shot}:\n{}", found.complaints()));
            }
            if let Some(rules) = &rules {
                let barriers = browser.barriers(rules);
                complaints.extend(barriers.iter().map(|own| format!("{shot}: {own}")));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Pages whose tables are no figures: paths of the interface, and who has access.
const NO_FIGURES: [&str; 7] = [
    "/docs",
    "/tokens",
    "/users",
    "/devices",
    "/mandates",
    "/audit",
    "/lookups",
];

/// Every table of figures has its rows as CSV behind it, and every picture that draws more than one figure a table in its
/// block or a link to the page that has it. The map's numbers are those of the table below it.
#[test]
fn every_table_is_there_as_csv_and_every_picture_as_a_table() {
    let site = &full().site;
    let (mut tables, mut pictures) = (0, 0);
    for path in pages(site) {
        let plain = path.split('?').next().unwrap_or_default();
        if NO_FIGURES.contains(&plain) || plain.ends_with("/certificate") {
            continue;
        }
        let page = site.fetch(&spoken(&path, "en")).text;
        for (at, rest) in page.split("<table").skip(1).enumerate() {
            let block = rest.split("<section").next().unwrap_or_default();
            let (_, link) = block
                .split_once("class=\"csv\"><a href=\"")
                .unwrap_or_else(|| panic!("{path}: table {at} has no CSV: {rest}"));
            let address = link
                .split('"')
                .next()
                .expect("its end")
                .replace("&amp;", "&");
            // The interface's own addresses are asked elsewhere.
            if address.starts_with("/v1/") {
                continue;
            }
            let rows = site.fetch(&address);
            assert!(
                rows.status == 200 && rows.kind.starts_with("text/csv"),
                "{address}"
            );
            let heads = block.split("</thead>").next().unwrap_or_default();
            let wanted = heads.matches("<th ").count();
            let first = rows.text.lines().next().unwrap_or_default().to_owned();
            assert!(
                wanted > 0 && first.split(',').count() >= wanted,
                "{address}: {first}"
            );
            tables += 1;
        }
        for block in page.split("<section class=\"card\" id=\"").skip(1) {
            let (name, block) = block.split_once('"').expect("a name");
            let block = block.split("</section>").next().unwrap_or_default();
            let drawn = block.contains("class=\"chart") && name != "map";
            let told = block.contains("<table") || block.contains("href=\"/trends/");
            assert!(!drawn || told, "{path}: {name} is drawn and not told");
            pictures += usize::from(drawn);
        }
    }
    assert!(tables >= 25 && pictures >= 25, "{tables} {pictures}");
}

/// What the way by keys through a page must be: first past everything to its content, seen where it stands, and in the
/// order in which things are read.
const BY_KEYS: &str = r#"
const found = [], all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]')];
const skip = all[0];
if (!skip || !skip.matches('a.skip')) found.push('the first stop is ' + (skip && skip.outerHTML));
else {
    if (!document.querySelector(skip.getAttribute('href'))) found.push('it leads nowhere');
    skip.focus();
    const r = skip.getBoundingClientRect(), s = getComputedStyle(skip);
    if (r.top < 0 || r.left < 0 || r.bottom > innerHeight) found.push('it is out of sight');
    if (s.outlineStyle === 'none' || parseFloat(s.outlineWidth) < 2) found.push('nobody sees that it is chosen');
}
for (const e of all) if (e.tabIndex > 0) found.push('out of order: ' + e.outerHTML.slice(0, 80));
return found;
"#;

/// Before the first reading every page says what to do, in both languages, and is whole; the first administrator's page
/// too.
#[test]
fn the_pages_of_an_empty_daemon_lead_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let daemon = Daemon::start(&folder.path().join("data"), &[]);
    // There is a code for a first administrator only where somebody must be one.
    let closed = [("SKYTIER__ACCESS__REQUIRED", "true")];
    let closed = Daemon::start(&folder.path().join("closed"), &closed);
    let mut browser = Browser::start(folder.path());
    let mut complaints = Vec::new();
    for (at, path) in [
        "/",
        "/calendar",
        "/targets",
        "/trends",
        "/stations",
        "/bulletins",
        "/data",
        "/year",
        "/enterprises",
        "/setup",
    ]
    .iter()
    .enumerate()
    {
        let (width, dark, lang) = LOOKS[at % LOOKS.len()][at / LOOKS.len() % 2];
        let site = if *path == "/setup" { &closed } else { &daemon };
        let url = format!("{}{}", site.http, spoken(path, lang));
        let found = browser.look(&url, width, dark);
        keep_picture(&mut browser, &format!("empty{}", path.replace('/', "-")));
        if !found.complaints().is_empty() {
            complaints.push(format!("{url}:\n{}", found.complaints()));
        }
        let keys = browser.run(BY_KEYS, &[]);
        if keys.as_array().is_none_or(|keys| !keys.is_empty()) {
            complaints.push(format!("{url}: by keys: {keys}"));
        }
        for lang in ["zh", "en"] {
            let page = site.fetch(&spoken(path, lang)).text;
            let (_, content) = page.split_once("<main").expect("content");
            // A command to copy, or a page to go to.
            let leads = [
                "skytier ",
                "mosquitto_pub",
                "/v1/",
                "href=\"/?",
                "name=\"code\"",
            ];
            let leads = leads.iter().any(|lead| content.contains(lead));
            assert!(leads, "{path} {lang} says nothing to do: {content}");
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    daemon.stop("TERM");
    closed.stop("TERM");
}

/// The pictures the README shows: their names under `charts`, and the addresses they are taken of.
const README_PICTURES: [(&str, &str); 2] = [
    ("page-today.png", "/?area=group:beijing6&lang=zh"),
    (
        "page-trends.png",
        "/trends?area=group:beijing6&year=2016&lang=en",
    ),
];
/// Most bytes of such a picture.
const PICTURE_BYTES_MAX: usize = 150_000;
/// Its width in pixels.
const PICTURE_WIDTH: u32 = 1120;

/// With `SKYTIER_PICTURES=1`, as `make screenshots` does, takes them anew.
#[test]
fn the_readme_shows_pages_as_they_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("SKYTIER_PICTURES").is_some() {
        let profile = tempfile::tempdir().expect("a temporary folder");
        let mut browser = Browser::start(profile.path());
        for (name, path) in README_PICTURES {
            let url = format!("{}{path}", full().site.http);
            browser.open(&url, PICTURE_WIDTH, false);
            let picture = STANDARD.decode(browser.sight()).expect("base 64");
            std::fs::write(root.join("charts").join(name), picture).expect("room on the disk");
        }
    }
    let readme = std::fs::read_to_string(root.join("README.md")).expect("a README");
    for (name, path) in README_PICTURES {
        let picture = std::fs::read(root.join("charts").join(name)).expect(name);
        assert!(picture.starts_with(b"\x89PNG\r\n"), "{name} is a picture");
        let width = u32::from_be_bytes(picture[16..20].try_into().expect("four bytes"));
        assert_eq!(width, PICTURE_WIDTH, "{name}");
        assert!(
            picture.len() <= PICTURE_BYTES_MAX,
            "{name}: {}",
            picture.len()
        );
        assert!(readme.contains(&format!("](charts/{name})")), "{name}");
        assert!(readme.contains(path), "{name} says what it shows: {path}");
    }
}

#[test]
fn the_rules_find_what_is_wrong() {
    let Ok(rules) = std::fs::read_to_string(Path::new(AXE)) else {
        not_run(&format!("{AXE} is missing; make test installs it"));
        return;
    };
    let profile = tempfile::tempdir().expect("a temporary folder");
    let mut browser = Browser::start(profile.path());
    let page = "data:text/html,<html lang=en><title>t</title><main><img src='data:,'><p style='color:%23ccc'>pale";
    browser.look(page, 1440, false);
    let found = browser.barriers(&rules).join("\n");
    for rule in ["image-alt", "color-contrast"] {
        assert!(found.contains(rule), "{rule}: {found}");
    }
}

/// The texts of a page between its marks and in what is read aloud, without what is quoted letter by letter.
fn texts(page: &str) -> Vec<String> {
    let mut rest = page.to_owned();
    for mark in ["script", "style", "code", "pre"] {
        let (open, close) = (format!("<{mark}"), format!("</{mark}>"));
        while let Some(from) = rest.find(&open) {
            let Some(length) = rest[from..].find(&close) else {
                break;
            };
            rest.replace_range(from..from + length + close.len(), " ");
        }
    }
    let mut texts: Vec<String> = Vec::new();
    for part in rest.split('<') {
        let (mark, text) = part.split_once('>').unwrap_or(("", part));
        for name in ["aria-label=\"", "alt=\"", "data-label=\"", "title=\""] {
            if let Some((_, value)) = mark.split_once(name) {
                texts.push(value.split('"').next().unwrap_or_default().to_owned());
            }
        }
        texts.push(text.trim().to_owned());
    }
    texts.retain(|text| !text.is_empty());
    texts
}

/// The runs of Chinese characters in a text.
fn chinese(text: &str) -> Vec<String> {
    let own = |c: char| !('\u{4e00}'..='\u{9fff}').contains(&c);
    let runs = text.split(own).filter(|run| !run.is_empty());
    runs.map(str::to_owned).collect()
}

/// The runs of two and more English words in a text; a command of ours is none.
fn english(text: &str) -> Vec<String> {
    let is_word = |word: &&str| word.len() > 1 && word.chars().all(|c| c.is_ascii_lowercase());
    let words: Vec<&str> = text.split(|c: char| c == ' ' || !c.is_ascii()).collect();
    let pairs = words.windows(2).filter(|pair| pair.iter().all(is_word));
    let pairs = pairs.filter(|pair| pair[0] != "skytier");
    pairs.map(|pair| pair.join(" ")).collect()
}

/// What people entered: names and documents are shown as they are, in whatever language.
fn entered(site: &Site) -> String {
    let tables = skytier::adapters::tables::KINDS.iter();
    let mut known: String = tables
        .map(|kind| site.fetch(&format!("/v1/registry/{}", kind.name)).text)
        .collect();
    known.push_str(&site.fetch("/v1/enterprises?limit=1000").text);
    for page in pages(site) {
        if let Some((code, "")) = page
            .strip_prefix("/enterprises/")
            .map(|rest| rest.split_once('/').unwrap_or((rest, "")))
        {
            let records = format!("/v1/enterprises/{code}/records");
            known.push_str(&site.fetch(&records).text);
        }
    }
    known
}

#[test]
fn a_page_that_cannot_be_is_whole_too() {
    let site = &full().site;
    let profile = tempfile::tempdir().expect("a temporary folder");
    let mut browser = Browser::start(profile.path());
    for (path, (width, dark, lang)) in ["/stations/nobody", "/days/soon"].iter().zip(LOOKS[0]) {
        let url = format!("{}{}", site.http, spoken(path, lang));
        let found = browser.look(&url, width, dark);
        assert!(found.characters > 0, "{path}");
        // The status itself is told as a failed request.
        assert_eq!(
            (found.tofu.as_str(), found.clipped.len()),
            ("", 0),
            "{path}: {found:?}"
        );
        assert_eq!(found.failed.len(), 1, "{path}: {found:?}");
    }
}

#[test]
fn a_page_is_in_one_language() {
    let site = &full().site;
    let known = entered(site);
    let mut foreign = Vec::new();
    let mut seen = [0, 0];
    // A certificate is for whoever it is shown to and says its title in both; a list of paths names parameters.
    let own = pages(site).into_iter();
    for path in own.filter(|path| !path.ends_with("/certificate") && path != "/docs") {
        for (at, lang, runs) in [
            (0, "en", chinese as fn(&str) -> Vec<String>),
            (1, "zh", english),
        ] {
            let page = site.fetch(&spoken(&path, lang)).text;
            for text in texts(&page) {
                seen[at] += 1;
                let strange = |run: &String| !known.contains(run.as_str()) && run != "中文";
                let runs = runs(&text).into_iter().filter(strange);
                foreign.extend(runs.map(|run| format!("{path} {lang}: {run} in {text:?}")));
            }
        }
    }
    assert!(seen.iter().all(|seen| *seen > 10_000), "{seen:?}");
    assert!(foreign.is_empty(), "{}", foreign.join("\n"));
}

#[test]
fn foreign_words_are_found() {
    for (text, expected) in [
        ("Data through 2017", ""),
        ("Town 夏港街道, 镇", "夏港街道|镇"),
    ] {
        assert_eq!(chinese(text).join("|"), expected, "{text}");
    }
    for (text, expected) in [
        ("数据截至 2017-02-28", ""),
        ("用 skytier review 录入", ""),
        ("no data yet", "no data|data yet"),
        ("PM2.5 均值", ""),
    ] {
        assert_eq!(english(text).join("|"), expected, "{text}");
    }
    let page = "<p title=\"a title\">one<code>two</code> three</p>";
    assert_eq!(texts(page), ["a title", "one  three"]);
}
