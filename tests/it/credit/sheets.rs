//! The pages about enterprises on a running daemon: looked for, on the wall, in the changes of a week, thought about, and on a
//! sheet whose code proves what it says.

use serde_json::Value;
use serde_json::json;
use skytier::adapters::receipt;
use skytier::adapters::receipt::key::PublicKey;

use crate::browser::printed_pages;
use crate::credit::UNIT;
use crate::credit::daemon;
use crate::credit::done;
use crate::credit::fine;
use crate::support::Daemon;
use crate::support::Site;
use crate::support::receipts;
use crate::support::seeded;

/// A unit of the seeds.
const SEEDED: &str = "91999999MA1X00076E";

/// Pixels of one module in the picture that is read.
const MODULE_PX: usize = 4;

fn page(site: &Site, path: &str) -> String {
    let reply = site.fetch(path);
    assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    assert!(
        reply.kind.starts_with("text/html"),
        "{path}: {}",
        reply.kind
    );
    reply.text
}

/// The text between two others.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text
        .split_once(begin)
        .unwrap_or_else(|| panic!("no {begin:?} in {text}"));
    rest.split_once(end).expect("its end").0
}

/// What a scanner reads from the code on a page. Three corners by chance may look like a second code; it does not decode.
fn scanned(page: &str) -> String {
    let all: usize = between(page, "viewBox=\"0 0 ", " ")
        .parse()
        .expect("a number");
    let mut dark = vec![false; all * all];
    let drawn = between(page, "<path d=\"M", "\"");
    for module in drawn.split('M') {
        let place = module.strip_suffix("h1v1h-1z").expect("one module");
        let (x, y) = place.split_once(' ').expect("a place");
        let [x, y] = [x, y].map(|text| text.parse::<usize>().expect("a number"));
        dark[y * all + x] = true;
    }
    let colour = |x: usize, y: usize| {
        if dark[y / MODULE_PX * all + x / MODULE_PX] {
            0
        } else {
            255
        }
    };
    let side = all * MODULE_PX;
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, colour);
    let grids = image.detect_grids();
    let mut read: Vec<String> = grids
        .iter()
        .filter_map(|grid| grid.decode().ok())
        .map(|(_, text)| text)
        .collect();
    assert_eq!(read.len(), 1, "codes on the sheet");
    read.remove(0)
}

#[test]
fn the_code_on_a_certificate_is_the_signed_receipt() {
    let (folder, site) = daemon();
    done(&site, "records", fine("r1", "2020-05-06"));
    done(
        &site,
        "officials",
        json!({"tier": "yellow", "as_of": "2020-06-30", "source": "list 2020"}),
    );
    let key = site.json("/v1/receipts/keys")["keys"][0]["public_key"].clone();
    let key = PublicKey::parse(key.as_str().expect("a key")).expect("a key");
    for (path, official, on) in [
        (
            "/v1/enterprises",
            json!({"tier": "yellow", "as_of": "2020-06-30"}),
            "2020-07-15",
        ),
        ("/enterprises", Value::Null, "2020-06-29"),
    ] {
        for (lang, sentence) in [
            ("zh", "不是省级名单"),
            ("en", "It is not the province's list"),
        ] {
            let url = format!("{path}/{UNIT}/certificate?on={on}&client_ref=loan-7&lang={lang}");
            let sheet = page(&site, &url);
            assert!(sheet.contains(sentence), "{sheet}");
            let read = scanned(&sheet);
            let signed =
                receipt::verify(&read, std::slice::from_ref(&key)).expect("a receipt of ours");
            let told = (
                &signed["subject"],
                &signed["official"],
                &signed["tier"],
                &signed["score"],
            );
            assert_eq!(
                told,
                (&json!(UNIT), &official, &json!("blue"), &json!(6)),
                "{url}"
            );
            assert_eq!(
                (&signed["on"], &signed["client_ref"]),
                (&json!(on), &json!("loan-7"))
            );
            assert_eq!(
                sheet.contains("tier official"),
                !official.is_null(),
                "{url}"
            );
            assert_eq!(sheet.matches("tier computed tier-blue").count(), 1, "{url}");
            let noted = site.json(&format!("/v1/lookups/{}", receipts::record(&read)));
            assert_eq!(noted["receipt"], read.as_str());
            assert!(sheet.contains(noted["id"].as_str().expect("a name")));
        }
    }
    for lang in ["zh", "en"] {
        let url = format!("{}/enterprises/{UNIT}/certificate?lang={lang}", site.http);
        assert_eq!(printed_pages(folder.path(), &url), 1, "{lang}");
    }
    let at = site.json(&format!(
        "/v1/enterprises/{UNIT}/tier?on=2020-05-21T00:00:00%2B08:00"
    ));
    assert_eq!(
        (&at["computed"]["on"], &at["computed"]["score"]),
        (&json!("2020-05-20"), &json!(9))
    );
    let unknown = site.fetch("/enterprises/91330100799655058B/certificate");
    assert_eq!(unknown.status, 404, "{}", unknown.text);
}

#[test]
fn enterprises_are_found_sorted_and_followed() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let site = Daemon::start(&data, &[]);
    let count = |path: &str| -> usize {
        let text = page(&site, path);
        let found = between(&text, "id=\"found\"><h2>", " found");
        found.parse().expect("a number")
    };
    let all = count("/enterprises?lang=en");
    assert_eq!(
        count(&format!("/enterprises?lang=en&q={}", &SEEDED[9..])),
        1
    );
    assert_eq!(count("/enterprises?lang=en&q=%20"), all);
    assert_eq!(count("/enterprises?lang=en&q=nobody"), 0);
    for by in ["computed", "official"] {
        let wall = page(&site, &format!("/tiers?lang=en&by={by}"));
        let mut sum = 0;
        for tier in ["green", "blue", "yellow", "red", "black", "unrated"] {
            let lead = format!("class=\"tier {by} tier-{tier}\">");
            let name = between(&wall, &lead, "</h2>");
            let own: usize = name
                .split(' ')
                .next_back()
                .expect("a count")
                .parse()
                .expect("a number");
            assert_eq!(
                count(&format!("/enterprises?lang=en&{by}={tier}")),
                own,
                "{by} {tier}"
            );
            sum += own;
        }
        let unlisted = match by {
            "official" => between(&wall, "Enterprises on no list: ", "<")
                .parse()
                .expect("a number"),
            _ => 0,
        };
        assert_eq!(sum + unlisted, all, "{by}");
    }
    for (path, expected) in [
        ("/tiers?by=both", "computed or official is expected"),
        ("/enterprises?computed=pink", "one of green, blue"),
        ("/changes?week=soon", "a date such as"),
        ("/changes?day=2020-06-30", "unknown"),
    ] {
        let reply = site.fetch(path);
        assert_eq!(reply.status, 400, "{path}: {}", reply.text);
        assert!(reply.text.contains(expected), "{path}: {}", reply.text);
    }
}

#[test]
fn a_week_shows_what_the_calendar_and_people_changed() {
    let (_folder, site) = daemon();
    done(&site, "records", fine("r1", "2020-05-06"));
    done(
        &site,
        "records",
        json!({"id": "r2", "code": "D08", "case": "r1", "doc_date": "2020-05-06"}),
    );
    let week = |day: &str| page(&site, &format!("/changes?week={day}&lang=en"));
    let fell = week("2020-05-21");
    assert!(fell.contains("2020-05-18 – 2020-05-24"), "{fell}");
    let row = between(&fell, "data-label=\"Day\">", "</tr>");
    assert!(
        row.starts_with("2020-05-21<") && row.contains("tier-blue") && row.contains("tier-red"),
        "{row}"
    );
    assert!(!week("2020-05-28").contains("data-label=\"Day\""));
    let now = page(&site, "/changes?lang=en");
    let made = between(&now, "id=\"entries\"", "</section>");
    assert_eq!(
        (made.matches(UNIT).count(), made.matches(">record<").count()),
        (4, 2),
        "{made}"
    );
    // What is thought of on the page is entered nowhere.
    let path = format!("/enterprises/{UNIT}?lang=en");
    let plain = page(&site, &path);
    for part in [
        "id=\"course\"",
        "id=\"ahead\"",
        "id=\"tariff\"",
        "id=\"treatment\"",
        "id=\"entries\"",
        "example 7",
    ] {
        assert!(plain.contains(part), "{part}: {plain}");
    }
    let thought = page(
        &site,
        &format!("{path}&code=D15&doc_date=2026-01-05&repair="),
    );
    let would = between(&thought, "As it would be", "</section>");
    assert!(would.contains("tier-black"), "{would}");
    let refused = page(&site, &format!("{path}&repair=r9&approved=2020-08-22"));
    assert!(
        between(&refused, "id=\"what-if\"", "</section>").contains("repair of id"),
        "{refused}"
    );
    assert_eq!(site.json("/v1/changes")["head"], 2);
}
